"""Where rows wait on disk: a few nameless files that all rows of a process share, and that vanish with it.

One file for each clip would be simpler, but a long recording cut into short clips has thousands of them in flight,
and a process may open a thousand files. Nor may one file grow for ever: each takes so much, and goes when all in it
has been let go of.
"""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

FILE_BYTES = 1 << 30


@dataclass(slots=True, eq=False)
class _File:
    descriptor: int
    size_bytes: int = 0
    extents: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """A stretch of a file."""

    file: _File
    offset: int
    size_bytes: int

    def read_into(self, buffer: memoryview, start: int) -> None:
        """Fill ``buffer`` with the bytes from ``start`` on. Raises OSError."""
        position = self.offset + start
        while buffer:
            count = os.preadv(self.file.descriptor, [buffer], position)
            if count == 0:
                raise OSError("a spool file has become shorter")
            buffer, position = buffer[count:], position + count


class Spool:
    """The spool files of a process. All methods may be called from any thread."""

    def __init__(self, folder: Path, *, file_bytes: int = FILE_BYTES) -> None:
        self.folder = folder
        self._file_bytes = file_bytes
        self._file: _File | None = None
        self._lock = threading.Lock()

    def write(self, content: memoryview) -> Extent:
        """Keep the content until its extent is released. Raises OSError; then nothing is kept."""
        with self._lock:
            file = self._file
            if file is None or file.size_bytes >= self._file_bytes:
                file = self._file = _File(_nameless_file(self.folder))
            extent = Extent(file, file.size_bytes, len(content))
            file.size_bytes += len(content)
            file.extents += 1
        try:
            position = extent.offset
            while content:
                count = os.pwrite(file.descriptor, content, position)
                content, position = content[count:], position + count
        except BaseException:
            self.release(extent)
            raise
        return extent

    def release(self, extent: Extent) -> None:
        """Let go of an extent; the last one of a file takes the file with it."""
        file = extent.file
        with self._lock:
            file.extents -= 1
            if file.extents == 0:
                os.close(file.descriptor)
                if self._file is file:
                    self._file = None


def _nameless_file(folder: Path) -> int:
    descriptor, name = tempfile.mkstemp(dir=folder)
    os.unlink(name)
    return descriptor
