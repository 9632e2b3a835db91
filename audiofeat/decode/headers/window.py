"""A file read ahead while something walks along it: a header every few bytes is no read of its own."""

from __future__ import annotations

from audiofeat.decode.opening import SourceFile

_AHEAD_BYTES = 1 << 18


class Window:
    """Bytes of a file, asked for at offsets that mostly rise."""

    __slots__ = ("_block", "_file", "_start")

    def __init__(self, file: SourceFile) -> None:
        self._file, self._start, self._block = file, 0, file.head

    def at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only at the end of the file. Raises ClipError: ``io.read``."""
        start = offset - self._start
        if start < 0 or start + length > len(self._block):
            self._start, start = offset, 0
            self._block = self._file.read_at(offset, max(length, _AHEAD_BYTES))
        return self._block[start : start + length]
