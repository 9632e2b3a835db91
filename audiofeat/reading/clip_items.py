"""Clips of a store with what a model is trained on: some features, some of the source's own columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audiofeat.store.shard_format import Array

if TYPE_CHECKING:
    from audiofeat.reading.reader import Reader


class ClipItems:
    """Clips by their position in the choice made: ``{"key": ..., "frames": ..., FEATURE: ..., "meta.NAME": ...}``.

    May be pickled and used after a fork, as the store itself.
    """

    def __init__(
        self,
        store: Reader,
        features: str | Sequence[str] | None = None,
        *,
        keys: Iterable[str] | None = None,
        meta: Sequence[str] = (),
    ) -> None:
        """
        Args:
            features: a name, or several; None: all.
            keys: the clips, in this order; None: all, in key order.
            meta: names of ``meta.*`` columns without that word, such as ``label``.
        Raises:
            KeyError: there is no such feature, clip or column.
        """
        self.store = store
        wanted = [features] if isinstance(features, str) else features
        self.features = list(store.features) if wanted is None else [store.feature(name) for name in wanted]
        self.meta = {f"meta.{name}": store.column(f"meta.{name}") for name in meta}
        numbers = range(len(store)) if keys is None else [store.index_of(key) for key in keys]
        self.numbers = np.fromiter(numbers, np.int64)
        """(clips,) their numbers in the store."""

    @property
    def frame_counts(self) -> Array:
        """(clips,) how many frames each clip has."""
        counts: Array = self.store.frame_counts[self.numbers]
        return counts

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, position: int) -> dict[str, Any]:
        number = int(self.numbers[position])
        arrays = self.store.clip_at(number, [spec.name for spec in self.features])
        meta = {name: column[number].as_py() for name, column in self.meta.items()}
        return {"key": self.store.key_at(number), "frames": int(self.store.frame_counts[number]), **arrays, **meta}
