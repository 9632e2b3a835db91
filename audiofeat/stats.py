"""Mean and variance of a store's features, over all its rows, without reading them.

Each shard holds the moments of its own rows; here they are put together. What comes out is what
``cmvn: {mode: meanvar, over: global, file: ...}`` takes, for a store that is made anew, normalised.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiofeat.errors import DamageError
from audiofeat.reading.reader import Store, StoreInfo
from audiofeat.records import FeatureSpec
from audiofeat.store.formats import shard_format
from audiofeat.store.moments import Moments, Reals, RunningMoments
from audiofeat.store.rows import BLOCK_ROWS
from audiofeat.store.staging import write_file
from audiofeat.tasks import ShardEntry


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of one feature of a store; of complex values the magnitudes."""

    n_frames: int
    mean: Reals
    """(dims,)"""
    variance: Reals
    """(dims,): of the frames as they are, so divided by their number."""

    @property
    def constant_columns(self) -> list[int]:
        """Columns that hold one value throughout."""
        return np.flatnonzero(self.variance == 0.0).tolist() if self.n_frames else []

    def to_json(self) -> dict[str, Any]:
        return {
            "frames": self.n_frames,
            "mean": self.mean.tolist(),
            "variance": self.variance.tolist(),
            "constant_columns": self.constant_columns,
        }


def store_statistics(store: StoreInfo) -> dict[str, Statistics]:
    """The statistics of each feature, by name.

    Raises:
        DamageError: a shard cannot be read.
    """
    found: dict[str, list[Moments]] = {feature.name: [] for feature in store.features}
    for _, shard in sorted(store.shards.items()):  # in one order, so that the last bits are always the same
        try:
            moments = _moments_of_shard(store, shard)
        except (OSError, ValueError, KeyError) as error:
            raise DamageError(
                f"{store.paths.shards / shard.name} cannot be read: {error}", hint="audiofeat verify tells the damage"
            ) from error
        if moments is None:
            return _statistics_of_rows(store)
        for feature, part in moments.items():
            found[feature].append(part)
    return {
        feature.name: _statistics(Moments.merged(found[feature.name], dims=feature.dims)) for feature in store.features
    }


def write_statistics(path: Path, statistics: Mapping[str, Statistics]) -> None:
    """Write an .npz with ``FEATURE.mean`` and ``FEATURE.variance``; equal statistics, equal bytes.

    Raises:
        StorageError: the disk refuses.
    """
    arrays: dict[str, Any] = {}
    for name, feature in sorted(statistics.items()):
        arrays[f"{name}.mean"], arrays[f"{name}.variance"] = feature.mean, feature.variance
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_file(path, content.getvalue())


def _moments_of_shard(store: StoreInfo, shard: ShardEntry) -> dict[str, Moments] | None:
    """None where the shard has none."""
    reader = shard_format(store.description["store_format"]).open(store.paths.shards / shard.name)
    moments = {}
    try:
        for feature in store.features:
            part = reader.moments(feature.name, n_rows=shard.rows)
            if part is None:
                return None
            if part.mean.shape != (feature.dims,) or not np.isfinite(part.mean).all():
                raise ValueError(f"the moments of {feature.name} are not those of {feature.dims} columns")
            moments[feature.name] = part
    finally:
        reader.close()
    return moments


def _statistics_of_rows(store: StoreInfo) -> dict[str, Statistics]:
    """Of a store from before shards had moments, by reading it through."""
    with Store(store.paths.root) as opened:
        return {feature.name: _statistics(_moments_of_rows(opened, feature)) for feature in store.features}


def _moments_of_rows(store: Store, feature: FeatureSpec) -> Moments:
    running = RunningMoments(feature.dims)
    for block in _blocks(store, feature):
        running.add(block)
    return running.finish()


def _blocks(store: Store, feature: FeatureSpec) -> Iterator[Any]:
    for key, frames in zip(store, store.manifest.column("frames").to_pylist(), strict=True):
        for start in range(0, frames, BLOCK_ROWS):
            yield store.read(key, feature.name, start, min(frames, start + BLOCK_ROWS))


def _statistics(moments: Moments) -> Statistics:
    return Statistics(moments.n_rows, moments.mean, moments.variance)
