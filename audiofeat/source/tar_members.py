"""The members of a tar file, by their headers alone.

``tarfile`` takes a damaged header for the archive's end, so where it stopped is looked at: nothing vanishes.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal, NoReturn

from audiofeat.source.keys import file_name
from audiofeat.source.problems import NO_COLUMN, Problems, quoted_name

_LOOKED_AT_BYTES = 2**20
_MOST_LINKS = 40  # as Linux follows
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_HOW_TO_UNPACK = "unpack it, or pack it again as a plain .tar"
# What tarfile lets through of a header made to break it: numbers that are none, offsets beyond any file.
_BROKEN_HEADER = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: where its header and its data begin, or what it links to."""

    kind: Literal["file", "link", "other"]
    header_offset: int
    offset: int = 0
    size_bytes: int = 0
    target: str = ""


def read_entries(file: BinaryIO, *, size_bytes: int, problems: Problems) -> tuple[dict[str, Entry], list[str]]:
    """The members that are no folders, by name without ``./``, and warnings. Of two with one name the last one counts.

    Args:
        file: an open tar file.
        size_bytes: how long it is.
        problems: where to note what is wrong with it.

    Raises:
        SourceError: it is compressed, no tar, cut off or damaged.
    """
    start = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    _refuse_compressed(start, problems=problems)
    if start and not any(start):  # an archive of nothing, at which the tarfile of Python 3.10 stumbles
        return {}, _look_at_end(file, offset=0, problems=problems)
    try:
        tar = tarfile.TarFile(fileobj=file, encoding="utf-8", errors="surrogateescape")
    except _BROKEN_HEADER as error:
        problems.stop("byte 0", NO_COLUMN, f"not a tar file: {error}")
    entries: dict[str, Entry] = {}
    for member in _members(tar, problems=problems):
        entry = _entry(member)
        if entry is None:
            continue
        name = tidy(file_name(member.name))
        if entry.kind == "file" and entry.offset + entry.size_bytes > size_bytes:
            _cut_off(entry, name, size_bytes=size_bytes, problems=problems)
        entries.pop(name, None)  # so that the order is that of the members that count
        entries[name] = entry
    return entries, _look_at_end(file, offset=tar.offset, problems=problems)


def _members(tar: tarfile.TarFile, *, problems: Problems) -> Iterator[tarfile.TarInfo]:
    """Every member, each further on than the one before; a header made to lead back is as bad as a damaged one."""
    last_offset = -1
    while True:
        try:
            member = tar.next()
        except _BROKEN_HEADER as error:
            problems.stop(f"byte {tar.offset}", NO_COLUMN, f"damaged: {error}")
        if member is None:
            return
        if member.offset <= last_offset:
            problems.stop(f"byte {member.offset}", NO_COLUMN, "damaged: its headers lead back to themselves")
        last_offset = member.offset
        yield member
        tar.members.clear()  # type: ignore[attr-defined]  # unknown to typeshed; kept, all are held, a kilobyte each


def resolve(name: str, entries: Mapping[str, Entry]) -> Entry | None:
    """The file that the member ``name`` is, or that it links to, over other links; None where there is none."""
    for _ in range(_MOST_LINKS):
        entry = entries.get(name)
        if entry is None or entry.kind == "other":
            return None
        if entry.kind == "file":
            return entry
        name = entry.target
    return None


def tidy(name: str) -> str:
    """A member's name without what changes nothing in it: ``./`` and ``//``."""
    if "./" not in name and "//" not in name:
        return name
    return "/" * name.startswith("/") + "/".join(part for part in name.split("/") if part not in ("", "."))


def _entry(member: tarfile.TarInfo) -> Entry | None:
    if member.isdir():
        return None
    if member.isreg() and not member.issparse():
        return Entry("file", member.offset, member.offset_data, member.size)
    if member.islnk():
        return Entry("link", member.offset, target=tidy(file_name(member.linkname)))
    if member.issym():
        folder = posixpath.dirname(tidy(file_name(member.name)))
        target = posixpath.normpath(posixpath.join(folder, file_name(member.linkname)))
        return Entry("link", member.offset, target=target)
    return Entry("other", member.offset)


def _refuse_compressed(start: bytes, *, problems: Problems) -> None:
    for magic, kind in _COMPRESSED.items():
        if start.startswith(magic):
            problems.stop("byte 0", NO_COLUMN, f"compressed by {kind}; {_HOW_TO_UNPACK}")


def _cut_off(entry: Entry, name: str, *, size_bytes: int, problems: Problems) -> NoReturn:
    problems.stop(
        f"byte {entry.header_offset}",
        quoted_name(name),
        f"cut off: it needs {entry.size_bytes:,} bytes from {entry.offset:,} on, and the file ends at {size_bytes:,}",
    )


def _look_at_end(file: BinaryIO, *, offset: int, problems: Problems) -> list[str]:
    """Refuse what is no end of an archive, where tarfile stopped; warn of what lies behind one."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if not block:
        return ["the archive has no end marker: it may be cut off behind its last member"]
    if any(block) or len(block) < tarfile.BLOCKSIZE:
        problems.stop(f"byte {offset}", NO_COLUMN, "damaged or cut off: no header, and no end of an archive")
    if any(file.read(_LOOKED_AT_BYTES)):
        return [f"what lies behind the archive's end at byte {offset:,} is not read: was another one appended?"]
    return []
