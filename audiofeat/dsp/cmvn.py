"""Cepstral mean and variance normalisation: ``(x - mean) / deviation``, of any feature.

Statistics of a clip are taken in two passes, the mean and then the squares of what is left, in float64, from the
clip's first row on. Every value is first taken relative to the clip's first row: so a column that does not change
has a variance of exactly 0, whatever it holds. The deviation is the root of the variance, kept from zero by ``eps``;
where it is zero all the same, the column comes out as ``x - mean``.

References: kaldi/src/transform/cmvn.cc; nemo/collections/asr/parts/preprocessing/features.py (normalize_batch);
transformers.SeamlessM4TFeatureExtractor; espnet2/layers/{utterance_mvn,global_mvn}.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from audiofeat.dsp.row_blocks import Blocks, Reals, block_rows, stretches
from audiofeat.dsp.sliding import sliding_statistics

KALDI_VARIANCE_FLOOR = 1e-10
"""Under every variance of a sliding window, before ``eps``."""


@dataclass(frozen=True, slots=True)
class Cmvn:
    """Normalisation of each column, or, with ``clip_all``, of all values alike.

    Args:
        mode: ``mean`` subtracts the mean alone; ``meanvar`` divides by the deviation too.
        over: whose statistics: ``clip``, ``clip_all``, ``sliding`` (the rows around each row) or ``global`` (given).
        ddof: 0 or 1, what the number of rows is lessened by in the variance; that of one row is 0 either way.
        eps_at: ``std_add`` (deviation + eps), ``var_add`` (root of variance + eps), ``std_max``, ``var_max``.
        window_frames, min_frames, center: with ``sliding``: see :mod:`audiofeat.dsp.sliding`.
        mean, variance: with ``global``: one number a column; the variance with ``meanvar`` only.
    """

    mode: str
    over: str
    ddof: int
    eps: float
    eps_at: str
    window_frames: int
    min_frames: int
    center: bool
    mean: tuple[float, ...] | None
    variance: tuple[float, ...] | None

    def n_rows(self, n_rows: int) -> int:
        return n_rows

    def n_dims(self, dims: int) -> int:
        return dims

    def fewest_rows(self, following: int) -> int:
        """The rows that a clip must have, where what follows wants ``following``."""
        return following

    def apply(self, blocks: Blocks, *, n_rows: int, dims: int) -> Iterator[Reals]:
        """Normalised rows: (n, dims) real -> (n, dims) float64."""
        if self.over == "sliding":
            return self._over_windows(blocks, n_rows=n_rows, dims=dims)
        if self.over == "global":
            return self._over_given(blocks)
        return self._over_clip(blocks, n_rows=n_rows, dims=dims)

    def _over_clip(self, blocks: Blocks, *, n_rows: int, dims: int) -> Iterator[Reals]:
        if n_rows == 0:
            return
        clip = _relative_blocks(blocks, n_rows=n_rows, dims=dims, to_one_value=self.over == "clip_all")
        mean = self._averaged(_summed(clip()), n_rows)
        deviation = None
        if self.mode == "meanvar":
            squares = _summed(_squared(rows - mean) for rows in clip())
            deviation = self._deviation(self._averaged(squares, n_rows, ddof=self.ddof))
        for rows in clip():
            yield _normalised(rows, mean, deviation)

    def _averaged(self, sums: Reals, n_rows: int, *, ddof: int = 0) -> Reals:
        """Of sums of ``n_rows`` rows, (dims,): the mean of each column, or that of all values in each column."""
        if self.over == "clip":
            return sums / max(1, n_rows - ddof)
        return np.full(len(sums), math.fsum(sums.tolist()) / max(1, n_rows * len(sums) - ddof))

    def _over_windows(self, blocks: Blocks, *, n_rows: int, dims: int) -> Iterator[Reals]:
        for found in sliding_statistics(
            blocks(),
            n_rows=n_rows,
            dims=dims,
            window_frames=self.window_frames,
            min_frames=self.min_frames,
            center=self.center,
            with_squares=self.mode == "meanvar",
        ):
            mean = found.sums / found.n_rows
            deviation = None
            if found.squares is not None:
                spread = found.squares - found.sums * mean
                variance = spread / np.maximum(1, found.n_rows - self.ddof)
                deviation = self._deviation(np.maximum(variance, KALDI_VARIANCE_FLOOR))
            yield _normalised(found.rows, mean, deviation)

    def _over_given(self, blocks: Blocks) -> Iterator[Reals]:
        mean = np.array(self.mean, np.float64)
        deviation = self._deviation(np.array(self.variance, np.float64)) if self.mode == "meanvar" else None
        for rows in blocks():
            yield _normalised(rows.astype(np.float64), mean, deviation)

    def _deviation(self, variance: Reals) -> Reals:
        if self.eps_at == "var_add":
            deviation = np.sqrt(variance + self.eps)
        elif self.eps_at == "var_max":
            deviation = np.sqrt(np.maximum(variance, self.eps))
        elif self.eps_at == "std_max":
            deviation = np.maximum(np.sqrt(variance), self.eps)
        else:
            deviation = np.sqrt(variance) + self.eps
        return np.where(deviation == 0.0, 1.0, deviation)


def _relative_blocks(blocks: Blocks, *, n_rows: int, dims: int, to_one_value: bool) -> Callable[[], Iterator[Reals]]:
    """The clip relative to its first row (or value), in blocks of one size; a short clip is taken once and kept."""
    size = block_rows(dims)

    def convert() -> Iterator[Reals]:
        origin: Reals | None = None
        for stretch in stretches(blocks(), n_rows=n_rows, size=size):
            rows = stretch.rows.astype(np.float64, order="C")
            if origin is None:
                origin = np.full(dims, rows[0, 0]) if to_one_value else rows[0].copy()
            rows -= origin
            yield rows

    if n_rows > size:
        return convert
    kept = list(convert())
    return lambda: iter(kept)


def _summed(blocks: Iterator[Reals]) -> Reals:
    """The sum of each column, block after block: (n, dims) -> (dims,)."""
    total: Reals = np.add.reduce(next(blocks), axis=0)
    for rows in blocks:
        total = total + np.add.reduce(rows, axis=0)
    return total


def _squared(rows: Reals) -> Reals:
    """In place, as is ``_normalised``: the rows must be the caller's own."""
    return np.square(rows, out=rows)


def _normalised(rows: Reals, mean: Reals, deviation: Reals | None) -> Reals:
    rows -= mean
    if deviation is not None:
        rows /= deviation
    return rows
