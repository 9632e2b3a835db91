"""Files of about equal size in one folder, each begun when the one before is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO


class ShardFiles:
    """Use it in a ``with`` block. There is at least one file, though it may hold nothing."""

    def __init__(self, folder: Path, *, name: Callable[[int], str], shard_bytes: int, end: bytes = b"") -> None:
        """``name`` gives a file's name from its number; ``end`` stands at each file's end."""
        self._folder = folder
        self._name = name
        self._shard_bytes = shard_bytes
        self._end = end
        self.n_files = 0
        self._file = self._next_file()

    def write(self, parts: Sequence[bytes | memoryview]) -> None:
        """Add a clip, which is never cut: to the open file, or to the next where it would grow beyond its size."""
        size_bytes = sum(map(len, parts))
        position = self._file.tell()
        if position and position + size_bytes > self._shard_bytes:
            self._finish_file()
            self._file = self._next_file()
        self._file.writelines(parts)

    def __enter__(self) -> ShardFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self._finish_file()
        else:
            self._file.close()

    def _next_file(self) -> BinaryIO:
        self.n_files += 1
        return open(self._folder / self._name(self.n_files - 1), "xb")

    def _finish_file(self) -> None:
        with self._file as file:
            file.write(self._end)
