"""Which clips are read together, and in which order: decided from their lengths before anything is read.

So the order follows from the seed and the number of the pass alone, never from the timing of threads or workers. The
generator is NumPy's ``RandomState``, whose numbers are the same in every version of NumPy (NEP 19).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from audiofeat.errors import ConfigError
from audiofeat.store.shard_format import Array

Numbers = npt.NDArray[np.int64]


class Batches:
    """The batches of a pass, as lists of clips' positions; iterated again, those of the next pass.

    It is what PyTorch's ``DataLoader`` calls a batch sampler.
    """

    def __init__(
        self,
        frame_counts: Array,
        *,
        batch_size: int | None = None,
        batch_frames: int | None = None,
        is_padded: bool = True,
        shuffle: bool = False,
        seed: int = 0,
        bucket_clips: int | None = None,
    ) -> None:
        """Choose one of ``batch_size`` and ``batch_frames``.

        Args:
            frame_counts: (clips,) how many frames each clip has.
            batch_size: clips in a batch; the last one of a pass may have fewer.
            batch_frames: frames that a batch has at most; a clip that has more is a batch of its own.
            is_padded: whether every clip of a batch counts as many frames as its longest one.
            shuffle: another order in each pass; else the order of the keys.
            seed: 0 or more: equal seeds give equal passes.
            bucket_clips: put clips of like length together: so many, in the order chosen, are sorted by length
                before batches are cut. With ``shuffle`` the batches are then shuffled too.
        Raises:
            ConfigError: both of ``batch_size`` and ``batch_frames``, or neither; a number is too small.
        """
        if (batch_size is None) == (batch_frames is None):
            raise ConfigError("batches are cut by batch_size (clips) or by batch_frames: give one of the two")
        for name, number in (
            ("batch_size", batch_size),
            ("batch_frames", batch_frames),
            ("bucket_clips", bucket_clips),
        ):
            if number is not None and number < 1:
                raise ConfigError(f"{name} is {number}, and is to be 1 or more")
        if seed < 0:
            raise ConfigError(f"seed is {seed}, and is to be 0 or more")
        self._frame_counts = np.asarray(frame_counts)
        self._batch_size, self._batch_frames, self._is_padded = batch_size, batch_frames, is_padded
        self._shuffle, self._seed, self._bucket_clips = shuffle, seed, bucket_clips
        self._next_pass = 0

    def __iter__(self) -> Iterator[list[int]]:
        number = self._next_pass
        self._next_pass += 1
        return (batch.tolist() for batch in self.of_pass(number))

    def __len__(self) -> int:
        """The number of batches in the next pass."""
        if self._batch_size is not None:
            return math.ceil(len(self._frame_counts) / self._batch_size)
        return len(self.of_pass(self._next_pass))

    def of_pass(self, number: int) -> list[Numbers]:
        """The batches of a pass, counted from 0."""
        random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence([self._seed, number])))
        order = np.arange(len(self._frame_counts))
        if self._shuffle:
            random.shuffle(order)
        if self._bucket_clips is not None:
            order = self._bucketed(order, self._bucket_clips)
        batches = self._cut(order)
        if self._shuffle and self._bucket_clips is not None:
            batches = [batches[place] for place in random.permutation(len(batches))]
        return batches

    def _bucketed(self, order: Numbers, bucket_clips: int) -> Numbers:
        """Each bucket sorted by length: up, down, up, ..., so that a batch across two of them is of like lengths."""
        buckets = []
        for number, start in enumerate(range(0, len(order), bucket_clips)):
            bucket = order[start : start + bucket_clips]
            ascending = bucket[np.argsort(self._frame_counts[bucket], kind="stable")]
            buckets.append(ascending if number % 2 == 0 else ascending[::-1])
        return np.concatenate(buckets) if buckets else order

    def _cut(self, order: Numbers) -> list[Numbers]:
        if self._batch_size is not None:
            return [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]
        most = self._batch_frames or 0
        batches, start, longest, total = [], 0, 0, 0
        for place, n_frames in enumerate(self._frame_counts[order].tolist()):
            longest, total = max(longest, n_frames), total + n_frames
            size = longest * (place + 1 - start) if self._is_padded else total
            if size > most and place > start:
                batches.append(order[start:place])
                start, longest, total = place, n_frames, n_frames
        return batches + ([order[start:]] if start < len(order) else [])
