"""Where each clip of a store lies, for a million clips in some seventy bytes each.

The manifest has all that is known of a clip; to read one, its key, its number of frames, its shard and its first row
in that are enough. They are kept as plain columns: the keys' UTF-8 bytes one after another, and numbers. No Python
object stands for a clip, so that processes which fork share the memory.

The manifest is sorted by key, and UTF-8 sorts as code points do. Every 32nd key is kept as an object of its own:
:mod:`bisect` finds the place among those, and five comparisons the clip.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from io import FileIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audiofeat.errors import REPAIR_HINT, DamageError

if TYPE_CHECKING:
    import pyarrow as pa

_Integers = npt.NDArray[np.int64] | npt.NDArray[np.int32]

_EVERY = 32
_BATCH_ROWS = 65_536


class ClipIndex:
    """The clips of a store in key order, by number and by key. Nothing in it changes: threads may share it."""

    def __init__(self, keys: Texts, frames: _Integers, row_offsets: _Integers, shards: _Integers) -> None:
        """``shards`` holds each clip's position in the list of names that :func:`read_index` was given."""
        self.keys = keys
        self.frame_counts = frames
        for column in (frames, row_offsets, shards):
            column.flags.writeable = False
        # An element of a memoryview is had in a third of the time that one of an array takes.
        self.frames = frames.data
        self.row_offsets = row_offsets.data
        self.shards = shards.data
        self._every = [keys.encoded(number) for number in range(0, len(keys), _EVERY)]

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, key: str) -> int | None:
        """The number of a clip; None where there is none of that key."""
        wanted = key.encode("utf-8", "surrogatepass")  # a key that is no valid text is simply not there
        block = bisect_right(self._every, wanted)
        if block == 0:
            return None
        low, high = (block - 1) * _EVERY, min(block * _EVERY, len(self.keys))
        while low < high:
            middle = (low + high) // 2
            found = self.keys.encoded(middle)
            if found == wanted:
                return middle
            low, high = (middle + 1, high) if found < wanted else (low, middle)
        return None


class Texts:
    """A column of texts: their UTF-8 bytes one after another, and where each begins."""

    def __init__(self, joined: bytes, offsets: npt.NDArray[np.int64]) -> None:
        """
        Shape:
            offsets (n + 1,).
        """
        offsets.flags.writeable = False
        self._joined, self._offsets = joined, offsets.data

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[str]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> str:
        return self.encoded(number).decode()

    def encoded(self, number: int) -> bytes:
        return self._joined[self._offsets[number] : self._offsets[number + 1]]


def read_index(manifest: FileIO, shard_names: Sequence[str]) -> ClipIndex:
    """The index of a manifest, batch by batch, so that what Parquet needs besides is not held for all of them.

    Raises:
        OSError: it cannot be read.
        DamageError: it names a shard that is not among ``shard_names``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(manifest, pre_buffer=False, read_dictionary=["shard"])
    n_clips = file.metadata.num_rows
    frames, row_offsets = np.empty(n_clips, np.int64), np.empty(n_clips, np.int64)
    shards = np.empty(n_clips, np.int32)
    numbers = {name: number for number, name in enumerate(shard_names)}
    keys = _TextsBuilder(n_clips)
    start = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=["key", "frames", "row_offset", "shard"], use_threads=False):
        stop = start + len(batch)
        keys.add(batch.column("key"))
        frames[start:stop] = batch.column("frames").to_numpy()
        row_offsets[start:stop] = batch.column("row_offset").to_numpy()
        names = batch.column("shard")
        ours = np.array([_number(numbers, name) for name in names.dictionary.to_pylist()], np.int32)
        shards[start:stop] = ours[names.indices.to_numpy()]
        start = stop
    pa.default_memory_pool().release_unused()
    fits = n_clips == 0 or frames.max() < 1 << 31
    return ClipIndex(keys.built(), frames.astype(np.int32) if fits else frames, row_offsets, shards)


def read_texts(manifest: FileIO, column: str) -> Texts:
    """One column of a manifest, none of whose values is null. Raises OSError."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(manifest, pre_buffer=False)
    builder = _TextsBuilder(file.metadata.num_rows)
    for batch in file.iter_batches(_BATCH_ROWS, columns=[column], use_threads=False):
        builder.add(batch.column(column))
    return builder.built()


def _number(numbers: dict[str, int], name: str) -> int:
    if name not in numbers:
        raise DamageError(f"the manifest names the shard {name!r}, which store.json does not", hint=REPAIR_HINT)
    return numbers[name]


class _TextsBuilder:
    """Joins Arrow's columns of text."""

    def __init__(self, n_texts: int) -> None:
        self._offsets = np.zeros(n_texts + 1, np.int64)
        self._parts: list[bytes] = []
        self._count = self._size_bytes = 0

    def add(self, texts: pa.StringArray) -> None:
        _, offsets_buffer, values = texts.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        self._parts.append(bytes(memoryview(values)[first:last]) if last > first else b"")
        self._offsets[self._count + 1 : self._count + len(texts) + 1] = offsets[1:].astype(np.int64) + (
            self._size_bytes - first
        )
        self._count += len(texts)
        self._size_bytes += last - first

    def built(self) -> Texts:
        return Texts(b"".join(self._parts), self._offsets)
