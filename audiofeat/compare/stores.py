"""The comparison itself: by digests where they are equal, by values where they are not.

Equal content digests end it at once; else only the clips whose own digests differ are read, block by block, so that
memory stays flat whatever the stores hold. Digests are believed: ``audiofeat verify`` is what checks them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Generic, TypeVar

from audiofeat.compare.difference import (
    ClipDifference,
    Difference,
    FeatureDifference,
    OtherShape,
    Some,
)
from audiofeat.compare.making import made_with_others, other_quarantine, other_settings
from audiofeat.compare.manifests import stretches
from audiofeat.compare.values import apart
from audiofeat.errors import ConfigError, DamageError
from audiofeat.manifest.batches import open_manifest
from audiofeat.reading.feature_names import check_feature_names
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.store import Store
from audiofeat.store.rows import BLOCK_ROWS
from audiofeat.store.shard_format import Array

T = TypeVar("T")


def compare_stores(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    features: Sequence[str] | None = None,
    atol: float = 0.0,
    most: int = 10,
) -> Difference:
    """Compare two finished stores, of whatever formats. Neither is written to.

    Args:
        features: compare these only; None: all.
        atol: the absolute difference up to which values count as the same; 0 wants every bit the same.
        most: how many examples of each kind are named; all are counted.
    Raises:
        ConfigError: ``atol`` is negative, NaN or infinite; no store has such a feature, or one is named twice.
        NoStoreError: there is no finished store at one of the paths.
        DamageError: a store cannot be read.
    """
    if not 0 <= atol < math.inf:
        raise ConfigError(f"--atol is {atol}", hint="a finite number of at least 0, such as 1e-5")
    here, there = StoreInfo(a), StoreInfo(b)
    if features is not None:
        check_feature_names(features, known={spec.name: None for store in (here, there) for spec in store.features})
    quarantine = _Examples[Any](most)
    for clip in other_quarantine(here, there):
        quarantine.add(clip)
    comparison = _Comparison(here, there, features=features, atol=atol, most=most)
    if here.digest != there.digest:
        comparison.run()
    return Difference(
        a=os.fspath(a),
        b=os.fspath(b),
        atol=atol,
        chosen_features=None if features is None else tuple(features),
        digests=(here.digest, there.digest),
        clips=(here.description["totals"]["clips"], there.description["totals"]["clips"]),
        settings=other_settings(here, there, features=features),
        made_with=made_with_others(here, there),
        quarantine=quarantine.some,
        **comparison.found(),
    )


class _Examples(Generic[T]):
    """Counts all, keeps the first few."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._first: list[T] = []

    def add(self, example: T) -> None:
        self._count += 1
        if len(self._first) < self._most:
            self._first.append(example)

    def add_all(self, examples: Sequence[Any]) -> None:
        """Of a pyarrow array of keys; only those that are kept become Python's."""
        self._count += len(examples)
        self._first += [example.as_py() for example in examples[: self._most - len(self._first)]]

    @property
    def some(self) -> Some[T]:
        return Some(self._count, tuple(self._first))


class _Comparison:
    """Two stores whose content digests differ."""

    def __init__(
        self, here: StoreInfo, there: StoreInfo, *, features: Sequence[str] | None, atol: float, most: int
    ) -> None:
        self._here, self._there, self._atol, self._most = here, there, atol, most
        ours, theirs = (
            {spec.name: spec for spec in store.features if features is None or spec.name in features}
            for store in (here, there)
        )
        self._only = (tuple(ours.keys() - theirs.keys()), tuple(theirs.keys() - ours.keys()))
        self._features = {
            name: FeatureDifference(name, (ours[name].dtype, theirs[name].dtype), (ours[name].dims, theirs[name].dims))
            for name in ours
            if name in theirs
        }
        self._keys = _Examples[str](most), _Examples[str](most)
        self._shapes = _Examples[OtherShape](most)
        self._worst: list[ClipDifference] = []
        self._n_different = self._n_beyond = self._n_other_source = 0

    def run(self) -> None:
        with ExitStack() as stack:
            manifests = [stack.enter_context(open_manifest(store)) for store in (self._here, self._there)]
            stores: list[Store] = []
            for stretch in stretches(*manifests):
                self._keys[0].add_all(stretch.only_a)
                self._keys[1].add_all(stretch.only_b)
                if stretch.a.num_rows and not stores:
                    stores = [stack.enter_context(_opened(store)) for store in (self._here, self._there)]
                for ours, theirs in zip(stretch.a.to_pylist(), stretch.b.to_pylist(), strict=True):
                    is_other = self._clip(stores, ours, theirs)
                    self._n_other_source += is_other and ours["source_digest"] != theirs["source_digest"]

    def found(self) -> dict[str, Any]:
        """The fields of :class:`Difference` that are about clips."""
        return {
            "only_a": self._keys[0].some,
            "only_b": self._keys[1].some,
            "features_only_a": tuple(sorted(self._only[0])),
            "features_only_b": tuple(sorted(self._only[1])),
            "shapes": self._shapes.some,
            "features": tuple(self._features.values()),
            "n_different": self._n_different,
            "n_beyond": self._n_beyond,
            "worst": tuple(self._sorted_worst()),
            "n_other_source": self._n_other_source,
        }

    def _clip(self, stores: Sequence[Store], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
        """Whether it differs in any of the features."""
        frames = ours["frames"], theirs["frames"]
        reshaped = [
            feature
            for feature in self._features.values()
            if frames[0] != frames[1] or feature.dims[0] != feature.dims[1]
        ]
        if reshaped:
            shapes = zip(frames, reshaped[0].dims, strict=True)
            self._shapes.add(OtherShape(ours["key"], reshaped[0].name, *shapes))
        has_other_values = frames[0] == frames[1] and self._values(stores, ours["key"], n_frames=frames[0])
        return bool(reshaped) or has_other_values

    def _values(self, stores: Sequence[Store], key: str, *, n_frames: int) -> bool:
        differences = []
        for feature in self._features.values():
            if feature.dims[0] == feature.dims[1]:
                found = apart(_blocks(stores, key, feature.name, n_frames=n_frames))
                if found.is_other:
                    differences.append(ClipDifference(key, feature.name, found))
        for difference in differences:
            self._note(difference)
        if differences:
            worst = max(differences, key=lambda difference: difference.apart.max_difference)
            self._n_different += 1
            self._n_beyond += worst.apart.max_difference > self._atol
            self._worst.append(worst)
            if len(self._worst) > 2 * self._most + 1_000:
                self._worst = self._sorted_worst()
        return bool(differences)

    def _note(self, difference: ClipDifference) -> None:
        feature, found = self._features[difference.feature], difference.apart
        if feature.key is None or found.max_difference > feature.apart.max_difference:
            feature = replace(feature, key=difference.key, apart=found)
        self._features[difference.feature] = replace(
            feature,
            n_different=feature.n_different + 1,
            n_beyond=feature.n_beyond + (found.max_difference > self._atol),
        )

    def _sorted_worst(self) -> list[ClipDifference]:
        return sorted(self._worst, key=lambda clip: (-clip.apart.max_difference, clip.key))[: self._most]


def _opened(store: StoreInfo) -> Store:
    opened = Store(store.paths.root)
    if opened.digest != store.digest:
        opened.close()
        raise DamageError(f"{store.paths.root} was replaced while it was compared", hint="compare once more")
    return opened


def _blocks(stores: Sequence[Store], key: str, feature: str, *, n_frames: int) -> Iterator[tuple[Array, Array]]:
    here, there = stores
    for start in range(0, n_frames, BLOCK_ROWS):
        stop = min(n_frames, start + BLOCK_ROWS)
        yield here.read(key, feature, start, stop), there.read(key, feature, start, stop)
