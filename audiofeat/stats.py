"""Mean and variance of a store's features, over all its rows, without reading them.

Each shard holds the moments of its own rows; here they are put together. They are believed, unless it is asked that
each shard's digest is checked, for which all of its bytes are read. What comes out is what
``cmvn: {mode: meanvar, over: global, file: ...}`` takes, for a store that is made anew, normalised.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiofeat.errors import REPAIR_HINT, ConfigError, DamageError
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.store import Store
from audiofeat.records import FeatureSpec
from audiofeat.store.formats import shard_format
from audiofeat.store.moments import Moments, Reals, RunningMoments
from audiofeat.store.rows import BLOCK_ROWS
from audiofeat.store.staging import check_place, write_file
from audiofeat.tasks import ShardEntry


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of one feature of a store; of complex values the magnitudes."""

    n_frames: int
    mean: Reals
    """(dims,); 0 where there is no frame, as is the variance."""
    variance: Reals
    """(dims,): of the frames as they are, so divided by their number."""

    @property
    def constant_columns(self) -> list[int]:
        """Columns that hold one value throughout."""
        return np.flatnonzero(self.variance == 0.0).tolist() if self.n_frames else []

    def to_json(self) -> dict[str, Any]:
        return {
            "frames": self.n_frames,
            "mean": self.mean.tolist() if self.n_frames else None,
            "variance": self.variance.tolist() if self.n_frames else None,
            "constant_columns": self.constant_columns,
        }


def store_statistics(store: StoreInfo, *, verify: bool = False) -> dict[str, Statistics]:
    """The statistics of each feature, by name.

    Args:
        verify: read every byte of each shard first, and check its digest.
    Raises:
        DamageError: a shard cannot be read; with ``verify``, its bytes are not those written.
    """
    found: dict[str, list[Moments]] = {feature.name: [] for feature in store.features}
    for shard in store.shards.values() if verify else ():
        _check_digest(store, shard)
    for _, shard in sorted(store.shards.items()):  # in one order, so that the last bits are always the same
        try:
            moments = _moments_of_shard(store, shard)
        except (OSError, ValueError, KeyError) as error:
            raise _unreadable(store, shard, error) from error
        if moments is None:
            return _statistics_of_rows(store)
        for feature, part in moments.items():
            found[feature].append(part)
    return {
        feature.name: _statistics(Moments.merged(found[feature.name], dims=feature.dims)) for feature in store.features
    }


def check_target(path: Path) -> None:
    """Raises ConfigError or StorageError where :func:`write_statistics` cannot write to ``path``."""
    if path.suffix != ".npz":
        raise ConfigError(f"{path} does not end in .npz", hint="what is written is an .npz file: name it so")
    check_place(path)


def write_statistics(path: Path, statistics: Mapping[str, Statistics]) -> None:
    """Write an .npz with ``FEATURE.mean`` and ``FEATURE.variance``; equal statistics, equal bytes.

    Raises:
        ConfigError: there is no frame that they could be of; the path has no folder, or does not end in ``.npz``.
        StorageError: the disk refuses.
    """
    check_target(path)
    if not all(feature.n_frames for feature in statistics.values()):
        raise ConfigError(
            "the store holds no frames, so its features have neither mean nor variance; nothing was written",
            hint="a store with clips in it; its quarantine.jsonl says what became of those of this one",
        )
    arrays: dict[str, Any] = {}
    for name, feature in sorted(statistics.items()):
        arrays[f"{name}.mean"], arrays[f"{name}.variance"] = feature.mean, feature.variance
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_file(path, content.getvalue())


def _check_digest(store: StoreInfo, shard: ShardEntry) -> None:
    path = store.paths.shards / shard.name
    try:
        digest = shard_format(store.description["store_format"]).digest(path)
    except OSError as error:
        raise _unreadable(store, shard, error) from error
    if digest != shard.digest:
        raise DamageError(f"{path} is not what was written: its digest is another", hint=REPAIR_HINT)


def _unreadable(store: StoreInfo, shard: ShardEntry, error: Exception) -> DamageError:
    return DamageError(f"{store.paths.shards / shard.name} cannot be read: {error}", hint=REPAIR_HINT)


def _moments_of_shard(store: StoreInfo, shard: ShardEntry) -> dict[str, Moments] | None:
    """None where the shard has none."""
    reader = shard_format(store.description["store_format"]).open(store.paths.shards / shard.name)
    moments = {}
    try:
        for feature in store.features:
            part = reader.moments(feature.name, n_rows=shard.rows)
            if part is None:
                return None
            is_sound = np.isfinite(part.mean).all() and not (part.squares < 0.0).any()
            if part.mean.shape != (feature.dims,) or not is_sound:
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
