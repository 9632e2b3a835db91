"""The bytes of a clip that lies inside another file, a tar or a Parquet table, without unpacking it.

They are copied into a nameless file of their own, in memory unless they are large, and from there on are a file like
any other: the same sniffing, decoders and digest, so that a clip is the same wherever it lies.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from audiofeat.decode.shared import Shared
from audiofeat.errors import ClipError
from audiofeat.records import Fingerprint, Member

_MAX_BYTES_IN_MEMORY = 64 << 20
_BLOCK_BYTES = 1 << 20
_BATCH_ROWS = 256


def copied(fd: int, *, path: str, fingerprint: Fingerprint, member: Member, shared: Shared | None) -> int:
    """A descriptor of a nameless file that holds the bytes of ``member``, at position 0; the caller closes it.

    ``fd`` is the open container at ``path``.

    Raises:
        ClipError: ``input.truncated``, ``io.changed``, ``io.read`` or ``io.space``.
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


def _tar_blocks(fd: int, member: Member, *, container_bytes: int) -> Iterator[bytes]:
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
            raise _changed(f"the tar ends at byte {offset}, and had {container_bytes} when it was opened")
        yield block
        offset += len(block)


def _cell(fd: int, *, path: str, fingerprint: Fingerprint, member: Member, shared: Shared) -> bytes:
    """The bytes in row ``member.offset``; none where it is null."""
    import pyarrow
    import pyarrow.parquet

    name = member.column or ""
    table = (path, fingerprint)
    try:
        with open(os.dup(fd), "rb") as file:
            metadata = shared.tables.get(table, lambda: pyarrow.parquet.read_metadata(file))
            group, row = _locate(metadata, member)
            column = shared.row_groups.get((table, name, group), lambda: _column(file, metadata, name, group))
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk; Arrow's own carry no number
            raise
        raise ClipError(
            "input.corrupt", f"the Parquet file cannot be read: {error}", hint="fetch or make it again"
        ) from error
    value: Any = column[row].as_py()
    for field in _fields_below(metadata, name):
        value = None if value is None else value[field]
    if not isinstance(value, bytes | None):
        raise _changed(f"column {name!r} holds {type(value).__name__} values; bytes are wanted")
    return value or b""


def _column(file: BinaryIO, metadata: Any, name: str, group: int) -> Any:
    """One column of one row group, as a chunked array."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(file, metadata=metadata, pre_buffer=False)
    # In batches: of structs Arrow reads no more than 2 GiB at once.
    batches = table.iter_batches(_BATCH_ROWS, row_groups=[group], columns=[name], use_threads=False)
    return pyarrow.Table.from_batches(batches).column(0)


def _locate(metadata: Any, member: Member) -> tuple[int, int]:
    """The row group that holds the row, and the row's number in it."""
    if member.column not in {metadata.schema.column(index).path for index in range(len(metadata.schema))}:
        raise _changed(f"the Parquet file has no column {member.column!r}")
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if member.offset < first + rows:
            return group, member.offset - first
        first += rows
    raise _changed(f"row {member.offset} is wanted, counted from 0; the Parquet file has {first} rows")


def _fields_below(metadata: Any, name: str) -> list[str]:
    """The fields on the way from a column of the table down to the leaf: ``audio.bytes`` is ``bytes`` in ``audio``."""
    for column in metadata.schema.to_arrow_schema().names:
        if name == column:
            return []
        if name.startswith(f"{column}."):
            return name[len(column) + 1 :].split(".")
    raise _changed(f"the Parquet file has no column {name!r}")


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


def _changed(found: str) -> ClipError:
    return ClipError("io.changed", found, hint="run again when nothing writes to it any more")


def _no_space(error: OSError) -> ClipError:
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return ClipError(
        "io.space",
        f"no room in {tempfile.gettempdir()} for a large member: {reason}",
        hint="free some, or name another folder in TMPDIR",
    )
