"""Shards as HDF5 files: one dataset a feature, clips packed one after another.

::

    /log_mel        (rows, dims) float32, contiguous        attributes: unit, frame_rate_hz
    /index/key      (clips,) UTF-8 of fixed length, sorted
    /index/row      (clips,) int64: the clip's first row in every feature
    /index/frames   (clips,) int64: its number of rows
    /moments/log_mel
                    (2, dims) float64: per band, mean and sum of squared deviations from it (stft: of magnitudes)

Compressed features are chunked. Uncompressed ones are contiguous: their slices are read without HDF5. The default
``libver`` is the one that gives equal bytes for equal data (``latest`` writes the time of day into the file).

HDF5 compresses, under its lock. Chunks that were compressed outside it would go in by ``write_direct_chunk``, for which
h5py 3.14 takes no lock at all: two threads that called it ended their process. With h5py's own lock held around it, two
lanes on two busy cores were no faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from audiofeat.records import FeatureSpec
from audiofeat.store.digests import file_digest
from audiofeat.store.hdf5_reading import Hdf5Reader
from audiofeat.store.moments import RunningMoments, as_array
from audiofeat.store.packing import Packing
from audiofeat.store.rows import BLOCK_ROWS
from audiofeat.store.shard_format import Array, ShardClip
from audiofeat.store.staging import RecordingFile

_CHUNK_BYTES = 64 << 20


class Hdf5Shards:
    """The ``hdf5`` kind of shard."""

    suffix = ".h5"

    def __init__(self, packing: Packing | None = None) -> None:
        """``packing`` is for the shards that are written: by default, uncompressed."""
        self._packing = packing or Packing()

    def write(self, path: Path, clips: Sequence[ShardClip], features: Sequence[FeatureSpec]) -> None:
        file = RecordingFile(path)
        try:
            with h5py.File(file, "w") as shard:
                for feature in features:
                    _write_feature(shard, clips, feature, self._packing)
                _write_index(shard, clips)
            file.finish()
        finally:
            file.close()

    def size_bytes(self, path: Path) -> int:
        return path.stat().st_size

    def digest(self, path: Path) -> str:
        return file_digest(path)

    def open(self, path: Path) -> Hdf5Reader:
        return Hdf5Reader(path)


def _write_feature(shard: h5py.File, clips: Sequence[ShardClip], feature: FeatureSpec, packing: Packing) -> None:
    n_rows = sum(clip.n_frames for clip in clips)
    moments = RunningMoments(feature.dims)
    blocks = _taken_in(_packed(clips, feature.name), moments)
    row_bytes = feature.dims * np.dtype(feature.dtype).itemsize
    chunk_rows = min(packing.chunk_frames, max(1, _CHUNK_BYTES // row_bytes), n_rows)
    storage = {}
    if chunk_rows:
        storage = {"chunks": (chunk_rows, feature.dims), **_filters(packing)}
        blocks = _in_multiples(blocks, chunk_rows)
    dataset = shard.create_dataset(feature.name, (n_rows, feature.dims), feature.dtype, track_times=False, **storage)
    dataset.attrs["unit"] = feature.unit
    if feature.frame_rate_hz is not None:
        dataset.attrs["frame_rate_hz"] = feature.frame_rate_hz
    row = 0
    for block in blocks:
        dataset[row : row + len(block)] = block
        row += len(block)
    shard.create_dataset(f"moments/{feature.name}", data=as_array(moments.finish()), track_times=False)


def _filters(packing: Packing) -> dict[str, Any]:
    if packing.compression == "gzip":
        return {"compression": "gzip", "compression_opts": packing.level, "shuffle": True}
    hdf5plugin = _hdf5plugin()
    return dict(hdf5plugin.Blosc2(cname="zstd", clevel=packing.level, filters=hdf5plugin.Blosc2.BITSHUFFLE))


@lru_cache(maxsize=1)
def _hdf5plugin() -> Any:
    """The filters, with nothing in the environment that would give other bytes: threads write in any order."""
    import hdf5plugin

    for name in [name for name in os.environ if name.startswith("BLOSC_")]:
        del os.environ[name]
    os.environ["BLOSC_NTHREADS"] = "1"
    return hdf5plugin


def _taken_in(blocks: Iterable[Array], moments: RunningMoments) -> Iterator[Array]:
    """The same blocks, seen by the moments as they come: however they are cut for compression, those stay the same."""
    for block in blocks:
        moments.add(block)
        yield block


def _in_multiples(blocks: Iterable[Array], chunk_rows: int) -> Iterator[Array]:
    """The same rows in blocks of whole chunks, but for the last: a chunk is compressed once, and for good."""
    rest: list[Array] = []
    for block in blocks:
        rows = np.concatenate([*rest, block]) if rest else block
        whole = len(rows) // chunk_rows * chunk_rows
        if whole:
            yield rows[:whole]
        rest = [rows[whole:]] if whole < len(rows) else []
    yield from rest


def _packed(clips: Sequence[ShardClip], feature: str) -> Iterator[Array]:
    """All rows of a feature in blocks of at least ``BLOCK_ROWS``, cut where clips end: one HDF5 call a block."""
    waiting: list[Array] = []
    n_waiting = 0
    for clip in clips:
        for block in clip.features[feature].blocks():
            waiting.append(block)
            n_waiting += len(block)
            if n_waiting >= BLOCK_ROWS:
                yield np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
                waiting, n_waiting = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _write_index(shard: h5py.File, clips: Sequence[ShardClip]) -> None:
    keys = [clip.key.encode() for clip in clips]
    frames = np.array([clip.n_frames for clip in clips], np.int64)
    key_type = h5py.string_dtype("utf-8", length=max(map(len, keys), default=1))
    index = shard.create_group("index")
    index.create_dataset("key", data=np.array(keys, dtype=key_type), track_times=False)
    index.create_dataset("row", data=np.concatenate([[0], np.cumsum(frames)[:-1]]).astype(np.int64), track_times=False)
    index.create_dataset("frames", data=frames, track_times=False)
