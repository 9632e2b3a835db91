"""The bytes of a clip that lies inside another file, a tar or a Parquet table, without unpacking it.

They are copied into a nameless file of their own, in memory unless they are large, and from there on are a file like
any other: the same sniffing, decoders and digest, so that a clip is the same wherever it lies.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator

from audiofeat.decode.parquet_cells import RowGroup, Table, changed
from audiofeat.decode.shared import Shared
from audiofeat.errors import ClipError
from audiofeat.records import Fingerprint, Member

_MAX_BYTES_IN_MEMORY = 64 << 20
_BLOCK_BYTES = 1 << 20


def copied(fd: int, *, path: str, fingerprint: Fingerprint, member: Member, shared: Shared | None) -> int:
    """A descriptor of a nameless file that holds the bytes of ``member``, at position 0; the caller closes it.

    ``fd`` is the open container at ``path``.

    Raises:
        ClipError: ``input.truncated``, ``input.corrupt``, ``limit.memory``, ``io.changed`` or ``io.space``.
        OSError: the container cannot be read.
    """
    if member.column is None:
        size_bytes = member.size_bytes
        blocks = _tar_blocks(fd, member, container_bytes=fingerprint.size_bytes)
    else:
        content = _cell(fd, path=path, fingerprint=fingerprint, member=member, shared=shared or Shared())
        size_bytes, blocks = len(content), iter([content])
    copy = _nameless_file(size_bytes)
    try:
        for block in blocks:
            _write(copy, memoryview(block))
        os.lseek(copy, 0, os.SEEK_SET)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _tar_blocks(fd: int, member: Member, *, container_bytes: int) -> Iterator[bytes | memoryview]:
    end = member.offset + member.size_bytes
    if end > container_bytes:
        raise ClipError(
            "input.truncated",
            f"the member ends at byte {end} of the tar, which has {container_bytes}",
            hint="fetch or make the tar again",
        )
    offset = member.offset
    while offset < end:
        block = os.pread(fd, min(_BLOCK_BYTES, end - offset), offset)
        if not block:
            raise changed(f"the tar ends at byte {offset}, and had {container_bytes} when it was opened")
        yield block
        offset += len(block)


def _cell(fd: int, *, path: str, fingerprint: Fingerprint, member: Member, shared: Shared) -> memoryview:
    """The bytes in row ``member.offset``; none where it is null."""
    leaf = member.column or ""
    file = path, fingerprint
    table = shared.tables.get(file, lambda: Table(fd))
    group, row = table.locate(member.offset)
    cells = shared.row_groups.get((file, leaf, group), lambda: RowGroup(fd, table, leaf=leaf, group=group))
    return cells.cell(row)


def _nameless_file(size_bytes: int) -> int:
    if sys.platform == "linux" and size_bytes <= _MAX_BYTES_IN_MEMORY:
        return os.memfd_create("audiofeat-member", os.MFD_CLOEXEC)
    try:
        with tempfile.TemporaryFile(buffering=0) as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise _no_space(error) from error


def _write(fd: int, content: memoryview) -> None:
    try:
        while content:
            content = content[os.write(fd, content) :]
    except OSError as error:
        raise _no_space(error) from error


def _no_space(error: OSError) -> ClipError:
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return ClipError(
        "io.space",
        f"no room in {tempfile.gettempdir()} for a large member: {reason}",
        hint="free some, or name another folder in TMPDIR",
    )
