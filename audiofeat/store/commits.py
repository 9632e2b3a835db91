"""Commit records: a small file says that a shard is finished, and nothing else does.

The record is written after the shard has its final name and is durable. Resuming trusts these records and
``store.json`` only; a shard without either is swept away.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audiofeat.records import FeatureSpec
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import Packing
from audiofeat.store.shard_format import ShardClip, ShardFormat
from audiofeat.store.staging import commit, fsync_folder, staged, storage_errors
from audiofeat.tasks import Commit, ShardEntry


def write_shard(
    paths: StorePaths, slot: str, clips: Sequence[ShardClip], features: Sequence[FeatureSpec], *, packing: Packing
) -> ShardEntry | None:
    """Write a shard of finished clips in key order and give it the name that its bytes demand.

    Raises:
        StorageError: the disk refuses.
        ConfigError: a value is NaN or infinite, or beyond what its type holds.
    """
    if not clips:
        return None
    kind = shard_format(packing.kind, packing)
    rows = sum(clip.n_frames for clip in clips)
    row_bytes = sum(spec.dims * np.dtype(spec.dtype).itemsize for spec in features)
    with storage_errors(paths.shards, needs_bytes=rows * row_bytes), staged(paths.shards, name=slot) as partial:
        kind.write(partial, clips, features)
        digest = kind.digest(partial)
        size_bytes = kind.size_bytes(partial)
        name = f"{slot}-{digest[:16]}{kind.suffix}"
        final = paths.shards / name

        def stands() -> bool:
            return _digest_of(kind, final) == digest

        if stands():
            # An earlier run has made the same. Readers may have it open, and a folder cannot be replaced in one step.
            fsync_folder(paths.shards)
        else:
            commit(partial, final, stands=stands)
    return ShardEntry(name, slot, size_bytes, digest, clips=len(clips), rows=rows, packing=packing.word)


def _digest_of(kind: ShardFormat, shard: Path) -> str | None:
    """None where it is not there, or goes while it is read: another run takes what is damaged out of the way."""
    try:
        return kind.digest(shard) if shard.exists() else None
    except FileNotFoundError:
        return None


def write_commit(paths: StorePaths, record: Commit) -> None:
    """Say that a shard is finished. Raises StorageError."""
    write_checked_json(paths.commit(record.slot), record.to_json())


def read_commit(path: Path) -> Commit | None:
    """The record at ``path``; None where it cannot be read, and then its shard does not count as finished."""
    values = read_checked_json(path)
    try:
        return Commit.from_json(values) if values is not None else None
    except (KeyError, TypeError, AttributeError):  # of another version
        return None
