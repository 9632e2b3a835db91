"""Pieces of a fixed number of frames out of all clips, as VGGish (96, step 96) and YAMNet (96, step 48) take them.

Patches are counted, not made: where the i-th one lies follows from the lengths of the clips, and only its frames are
read. References: Hershey et al., "CNN architectures for large-scale audio classification" (2017); the YAMNet model of
TensorFlow's model garden.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.errors import ConfigError
from audiofeat.reading.clip_items import ClipItems
from audiofeat.reading.padding import padded
from audiofeat.store.shard_format import Array

if TYPE_CHECKING:
    from audiofeat.reading.reader import Reader


@dataclass(frozen=True, slots=True)
class PatchPlace:
    """Where a patch comes from."""

    key: str
    start_frame: int
    n_frames: int
    """Of the clip; fewer than the patch's length where the rest is filled up."""


class Patches:
    """The patches of one feature, clip after clip: ``patches[i]`` is (length, dims).

    A map-style dataset for PyTorch as it is. May be pickled and used after a fork, as the store itself.
    """

    def __init__(
        self,
        store: Reader,
        feature: str,
        *,
        length: int,
        step: int | None = None,
        pad: float | None = None,
        keys: Iterable[str] | None = None,
    ) -> None:
        """
        Args:
            length, step: frames of a patch, and from one to the next (None: ``length``).
            pad: fill up with this value what a clip's last patch lacks, so that its end is in one too; None: leave
                out the frames behind the last whole patch, and clips shorter than one.
            keys: the clips, in this order; None: all, in key order.
        Raises:
            ConfigError: ``length`` or ``step`` is less than 1.
            KeyError: no such feature or clip.
        """
        self.length, self.step = length, length if step is None else step
        if self.length < 1 or self.step < 1:
            raise ConfigError(f"a patch has 1 frame or more, and so has its step: not {self.length} and {self.step}")
        self._items = ClipItems(store, feature, keys=keys)
        self._store, self._feature, self._pad = store, feature, pad
        n_frames = self._items.frame_counts.astype(np.int64)
        if pad is None:
            counts = np.where(n_frames >= self.length, (n_frames - self.length) // self.step + 1, 0)
        else:
            behind_first = np.maximum(n_frames - self.length, 0)
            counts = np.minimum(-(-behind_first // self.step) + 1, -(-n_frames // self.step))
        self._ends = np.cumsum(counts)
        self._ends.flags.writeable = False

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> Array:
        """
        Shape:
            returns (length, dims).
        Raises:
            IndexError: there are not so many; DamageError: the shard cannot be read.
        """
        number, start_frame = self._find(index)
        stop_frame = min(start_frame + self.length, int(self._store.frame_counts[number]))
        rows = self._store.read_at(number, self._feature, start_frame, stop_frame)
        if len(rows) == self.length:
            return rows
        patch: Array = padded([rows], value=self._pad or 0.0, n_frames=self.length)[0]
        return patch

    def __iter__(self) -> Iterator[Array]:
        return (self[index] for index in range(len(self)))

    def place(self, index: int) -> PatchPlace:
        """Clip and first frame of a patch. Raises IndexError."""
        number, start_frame = self._find(index)
        n_frames = min(self.length, int(self._store.frame_counts[number]) - start_frame)
        return PatchPlace(self._store.key_at(number), start_frame, n_frames)

    def _find(self, index: int) -> tuple[int, int]:
        """Number of the clip in the store, and first frame."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"patch {index} of {len(self)}")
        index %= len(self)
        position = bisect_right(self._ends, index)
        before = int(self._ends[position - 1]) if position else 0
        return int(self._items.numbers[position]), (index - before) * self.step
