"""The rows of one feature of one clip on their way from the program to the shard: in memory, or spooled to disk.

A ten-hour clip has gigabytes of features. So a clip's rows move to the spool once they exceed ``CLIP_BYTES``, or once
all clips in flight together exceed the budget of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from audiofeat.store.spool import Extent, Spool
from audiofeat.store.staging import storage_errors

Array = npt.NDArray[Any]

CLIP_BYTES = 64 << 20
PROCESS_BYTES = 512 << 20
BLOCK_ROWS = 8192


class RowBudget:
    """How many bytes of rows a process holds in memory, over all its threads."""

    def __init__(self, spool: Path, *, process_bytes: int = PROCESS_BYTES, clip_bytes: int = CLIP_BYTES) -> None:
        self.spool = Spool(spool)
        self.clip_bytes = clip_bytes
        self._free_bytes = process_bytes
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bool:
        """Reserve memory; False where there is none left, and then nothing is reserved."""
        with self._lock:
            if size_bytes > self._free_bytes:
                return False
            self._free_bytes -= size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        with self._lock:
            self._free_bytes += size_bytes


class Rows:
    """Rows of ``dims`` columns, appended piece by piece, read back in blocks of a fixed number of rows.

    The digest covers the values only, in order: how they came in pieces leaves no trace.
    """

    def __init__(
        self, dims: int, budget: RowBudget, *, dtype: npt.DTypeLike = np.float32, is_digested: bool = True
    ) -> None:
        """``is_digested`` is False for rows that are not what is stored in the end."""
        self.dims = dims
        self.dtype = np.dtype(dtype)
        self.n_rows = 0
        self._budget = budget
        self._pieces: list[Array] = []
        self._memory_bytes = 0
        self._extents: list[Extent] = []
        self._hasher = blake3() if is_digested else None

    @property
    def value_digest(self) -> str:
        if self._hasher is None:
            raise ValueError("these rows are not digested")
        return str(self._hasher.hexdigest())

    def append(self, piece: Array) -> None:
        """Add rows: (n, dims), rounded to this dtype. A contiguous piece of it is kept as it is, not copied.

        Raises:
            StorageError: the spool cannot be written.
        """
        with np.errstate(over="ignore"):  # what leaves the range of the type becomes infinite, and no shard takes that
            piece = np.ascontiguousarray(piece, self.dtype)
        if not len(piece):
            return
        if self._hasher is not None:
            self._hasher.update(bytes_of(piece))
        self.n_rows += len(piece)
        if not self._extents:
            fits = self._memory_bytes + piece.nbytes <= self._budget.clip_bytes
            if fits and self._budget.take(piece.nbytes):
                self._pieces.append(piece)
                self._memory_bytes += piece.nbytes
                return
            self._spill()
        self._write(piece)

    def blocks(self, block_rows: int = BLOCK_ROWS) -> Iterator[Array]:
        """All rows, in blocks of ``block_rows`` (the last one shorter)."""
        if self._extents:
            yield from self._spooled(block_rows)
        elif self._pieces:
            rows = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
            for start in range(0, self.n_rows, block_rows):
                yield rows[start : start + block_rows]

    def release(self) -> None:
        """Let go of memory and spool file."""
        self._pieces.clear()
        self._budget.give_back(self._memory_bytes)
        self._memory_bytes = 0
        for extent in self._extents:
            self._budget.spool.release(extent)
        self._extents.clear()
        self.n_rows = 0

    def _spill(self) -> None:
        for piece in self._pieces:
            self._write(piece)
        self._pieces.clear()
        self._budget.give_back(self._memory_bytes)
        self._memory_bytes = 0

    def _write(self, piece: Array) -> None:
        with storage_errors(self._budget.spool.folder):
            self._extents.append(self._budget.spool.write(bytes_of(piece)))

    def _spooled(self, block_rows: int) -> Iterator[Array]:
        """The rows on disk; a block may lie in several extents, and an extent hold several blocks."""
        extents = iter(self._extents)
        extent, position = next(extents), 0
        for start in range(0, self.n_rows, block_rows):
            block = np.empty((min(block_rows, self.n_rows - start), self.dims), self.dtype)
            missing = bytes_of(block)
            while missing:
                if position == extent.size_bytes:
                    extent, position = next(extents), 0
                part = missing[: extent.size_bytes - position]
                with storage_errors(self._budget.spool.folder):
                    extent.read_into(part, position)
                position += len(part)
                missing = missing[len(part) :]
            yield block


def bytes_of(array: Array) -> memoryview:
    """The bytes of a contiguous array, where they lie; by way of uint8, since complex numbers cannot be cast."""
    return array.reshape(-1).view(np.uint8).data
