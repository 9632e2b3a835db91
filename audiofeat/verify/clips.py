"""A shard's clips, read through its reader and compared with their digests, one after another."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from audiofeat.records import FeatureSpec, JsonRecord
from audiofeat.store.digests import clip_digest
from audiofeat.store.npy import npy_path
from audiofeat.store.rows import BLOCK_ROWS, bytes_of
from audiofeat.store.shard_format import Array, Location, ShardFormat, ShardReader


@dataclass(frozen=True, slots=True)
class ClipRecord(JsonRecord):
    """What the manifest says of a clip in a shard."""

    key: str
    row_offset: int
    frames: int
    feature_digest: str

    @property
    def location(self) -> Location:
        return Location(self.key, self.row_offset, self.frames)


@dataclass(frozen=True, slots=True)
class Fault(JsonRecord):
    """What is wrong with a clip."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class _Values:
    """The digest of one feature's values, after they have been let go of."""

    dims: int
    dtype: np.dtype[Any]
    n_rows: int
    value_digest: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a shard."""

    faults: list[Fault | None]
    """By clip, in the order in which they were given."""
    index: list[tuple[str, str]]
    """How the shard's own index differs: (key or nothing, in words)."""


def read_here(kind: ShardFormat, path: Path, clips: Sequence[ClipRecord], features: Sequence[FeatureSpec]) -> Findings:
    """Read all clips of a shard in this process: an NPY shard, or an HDF5 shard whose bytes are those written."""
    try:
        reader = kind.open(path)
    except Exception as error:  # noqa: BLE001  # of damaged bytes anything may come
        fault = Fault("clip.unreadable", f"its shard cannot be opened: {error or type(error).__name__}")
        return Findings([fault] * len(clips), [])
    with closing(reader):
        is_npy = not kind.suffix
        irregular = [irregular_fault(path, clip, features) if is_npy else None for clip in clips]
        faults = [fault or clip_fault(reader, clip, features) for fault, clip in zip(irregular, clips, strict=True)]
        index = [] if any(irregular) else _differences(reader, clips, features)
    return Findings(faults, index)


def _differences(
    reader: ShardReader, clips: Sequence[ClipRecord], features: Sequence[FeatureSpec]
) -> list[tuple[str, str]]:
    try:
        return list(reader.differences([clip.location for clip in clips], [feature.name for feature in features]))
    except Exception as error:  # noqa: BLE001  # of damaged bytes anything may come
        return [("", f"the shard's index cannot be read: {error or type(error).__name__}")]


def clip_fault(reader: ShardReader, clip: ClipRecord, features: Sequence[FeatureSpec]) -> Fault | None:
    """What is wrong with a clip; None where its values are those that were written, and finite."""
    values: dict[str, _Values] = {}
    odd = []
    for feature in features:
        try:
            values[feature.name], is_finite = _read(reader, clip.location, feature)
        # Of damaged bytes anything may come, out of h5py, NumPy or Python's parser: none of it ends the verification.
        except Exception as error:  # noqa: BLE001  # as the comment says
            return Fault("clip.unreadable", f"{feature.name} cannot be read: {error or type(error).__name__}")
        if not is_finite:
            odd.append(feature.name)
    found = clip_digest(values)
    if found != clip.feature_digest:
        return Fault("clip.values", f"its values have digest {found[:16]}, those written {clip.feature_digest[:16]}")
    if odd:
        return Fault("clip.non-finite", f"{', '.join(odd)} was written with NaN or infinity in it")
    return None


def irregular_fault(folder: Path, clip: ClipRecord, features: Sequence[FeatureSpec]) -> Fault | None:
    """An array of the clip that is no regular file: a FIFO in its place would be waited for."""
    for feature in features:
        try:
            mode = os.stat(folder / npy_path(feature.name, clip.key)).st_mode
        except OSError as error:
            return Fault("clip.unreadable", f"{feature.name} cannot be read: {error.strerror}")
        if not stat.S_ISREG(mode):
            return Fault("clip.unreadable", f"{feature.name} is no regular file")
    return None


def _read(reader: ShardReader, location: Location, feature: FeatureSpec) -> tuple[_Values, bool]:
    """The digest of a feature of a clip, and whether all of it is finite. Memory is flat, however long the clip is."""
    hasher = blake3()
    is_finite = True
    dtype = np.dtype(feature.dtype)
    # A clip without frames is read too: its file, or its place, must be there.
    for start in range(0, max(1, location.n_frames), BLOCK_ROWS):
        stop = min(location.n_frames, start + BLOCK_ROWS)
        block = reader.read(feature.name, location, start, stop)
        if block.shape != (stop - start, feature.dims) or block.dtype != dtype:
            raise ValueError(f"{block.shape} {block.dtype} where {(stop - start, feature.dims)} {dtype} were written")
        hasher.update(bytes_of(np.ascontiguousarray(block)))
        is_finite = is_finite and all_finite(block)
    return _Values(feature.dims, dtype, location.n_frames, str(hasher.hexdigest())), is_finite


def all_finite(block: Array) -> bool:
    """Whether no value is NaN or infinite. The sum tells at once, but for finite values that add up to infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduce(block, axis=None)
    return bool(np.isfinite(total)) or bool(np.isfinite(block).all())
