"""The last steps on rows: joined with their neighbours, and brought to one number.

Both move values and compute none, so rows of any type go through, complex ones too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audiofeat.dsp.row_blocks import Array, Blocks, block_rows, stretches


@dataclass(frozen=True, slots=True)
class Stack:
    """Row i joins the rows from ``i * stride - left`` to ``i * stride + right``, the earliest first.

    Args:
        edge: what stands for rows beyond the clip's ends: ``replicate`` (the outermost) or ``zero``.
        tail: with ``pad``, there is a row for every ``stride`` rows begun; with ``drop``, only where row
            ``i * stride + right`` exists.
        order: ``rows`` puts row behind row; ``columns`` puts the values of the first column first, in the order of
            their rows, then those of the second, and so on.

    Reference: kaldi/src/feat/feature-functions.cc (SpliceFrames); speechbrain.processing.features.ContextWindow;
    transformers.SeamlessM4TFeatureExtractor (left 0, right 1, stride 2).
    """

    left: int
    right: int
    stride: int
    edge: str
    tail: str
    order: str = "rows"

    def n_rows(self, n_rows: int) -> int:
        whole = n_rows - self.right if self.tail == "drop" else n_rows
        return max(0, -(-whole // self.stride))

    def n_dims(self, dims: int) -> int:
        return dims * (self.left + 1 + self.right)

    def fewest_rows(self, following: int) -> int:
        """The rows that a clip must have, where what follows wants ``following``."""
        return (following - 1) * self.stride + 1 + (self.right if self.tail == "drop" else 0)

    def apply(self, blocks: Blocks, *, n_rows: int, dims: int) -> Iterator[Array]:
        """Joined rows: (n, dims) -> (about n / stride, dims (left + 1 + right))."""
        joined = np.arange(-self.left, self.right + 1)
        size = self.stride * block_rows(dims * len(joined))
        n_out = self.n_rows(n_rows)
        for stretch in stretches(blocks(), n_rows=n_rows, size=size, before=self.left, behind=self.right):
            start = (stretch.first + stretch.before) // self.stride
            n_meant = len(stretch.rows) - stretch.before - stretch.behind
            stop = min(n_out, start - (-n_meant // self.stride))
            if stop <= start:
                return
            sought = self.stride * np.arange(start, stop)[:, None] + joined
            found = np.clip(sought, 0, n_rows - 1)
            rows = stretch.rows[found - stretch.first]
            if self.edge == "zero":
                rows[found != sought] = 0
            if self.order == "columns":
                rows = rows.swapaxes(1, 2)
            yield rows.reshape(stop - start, -1)


@dataclass(frozen=True, slots=True)
class FixedLength:
    """Exactly ``frames`` rows: the first ones, or all of them and rows full of ``pad_value`` behind."""

    frames: int
    pad_value: float

    def n_rows(self, n_rows: int) -> int:
        return self.frames

    def n_dims(self, dims: int) -> int:
        return dims

    def fewest_rows(self, following: int) -> int:
        """The rows that a clip must have: one, whatever follows."""
        return 1

    def apply(self, blocks: Blocks, *, n_rows: int, dims: int) -> Iterator[Array]:
        """(n, dims) -> (frames, dims), in blocks."""
        dtype: np.dtype[np.generic] = np.dtype(np.float64)
        missing = self.frames
        for rows in blocks():
            yield rows[:missing]
            dtype = rows.dtype
            missing -= len(rows)
            if missing <= 0:
                return
        size = block_rows(dims)
        for done in range(0, missing, size):
            yield np.full((min(size, missing - done), dims), self.pad_value, dtype)
