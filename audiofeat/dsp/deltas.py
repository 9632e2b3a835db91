"""Deltas: how a feature changes along time, as further columns ``[x, delta x, delta delta x]``.

All forms come down to two kinds of kernel with whole-numbered weights ``w_n`` over one whole denominator ``D``, for
rows up to N away (N is ``window``):

* slopes: ``d_t = sum_n w_n (x_{t+n} - x_{t-n}) / D``. Regression has w_n = n and D = 2 sum n^2, which is also the
  derivative of the straight line through 2N+1 rows, so Savitzky-Golay of degree 1.
* curvatures: ``d_t = sum_n w_n (x_{t+n} + x_{t-n} - 2 x_t) / D``. The kernel of slopes convolved with itself
  (Kaldi), or the second derivative of the parabola through 2N+1 rows, Savitzky-Golay of degree 2:
  w_n = 2 (M n^2 - S2) and D = M S4 - S2^2, with M = 2N+1 and S2, S4 the sums of n^2 and n^4 from -N to N.

So written, the deltas of what does not change are exactly 0. The slope of a line and the curvature of a parabola are
the same everywhere, so librosa's edge ``interp``, the polynomial through the outermost 2N+1 rows, is the value
N rows from the end, up to the end.

References: The HTK Book 3.5, section 5.9; torchaudio.functional.compute_deltas; kaldi/src/feat/feature-functions.cc
(DeltaFeatures); opensmile/src/dspcore/deltaRegression.cpp (``open_end``); librosa.feature.delta; Savitzky and Golay,
Analytical Chemistry 36 (1964).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audiofeat.dsp.row_blocks import Blocks, Reals, Stretch, block_rows, stretches


@dataclass(frozen=True, slots=True)
class Kernel:
    """Weights for the rows 1, 2, ... away, and what their sum is divided by: see the module's formulas."""

    weights: tuple[int, ...]
    divisor: int
    is_slope: bool


def slope_kernel(window: int) -> Kernel:
    """Regression over ``window`` rows on each side."""
    return Kernel(tuple(range(1, window + 1)), 2 * sum(n * n for n in range(1, window + 1)), is_slope=True)


def composed_kernel(window: int) -> Kernel:
    """The slope kernel convolved with itself, which reaches twice as far."""
    slope = range(-window, window + 1)
    weights = [sum(j * (n - j) for j in slope if n - j in slope) for n in range(1, 2 * window + 1)]
    return Kernel(tuple(weights), sum(n * n for n in slope) ** 2, is_slope=False)


def parabola_kernel(window: int) -> Kernel:
    """The second derivative of the parabola fitted to ``window`` rows on each side."""
    around = range(-window, window + 1)
    squares, fourths = sum(n**2 for n in around), sum(n**4 for n in around)
    weights = [2 * (len(around) * n * n - squares) for n in range(1, window + 1)]
    return Kernel(tuple(weights), len(around) * fourths - squares**2, is_slope=False)


@dataclass(frozen=True, slots=True)
class Deltas:
    """Deltas of the first ``orders`` orders.

    Args:
        orders: 1 or 2.
        window: N, rows on each side; librosa's width is 2N+1.
        form: ``sequential`` (the second order is the slope of the first), ``open_end`` (likewise, but beyond the clip's
            end the first order goes on, of repeated rows, where ``sequential`` repeats the first order itself),
            ``composed`` or ``savgol``.
        edge: ``replicate`` (the outermost row again and again) or, with ``savgol``, ``interp``.
    """

    orders: int
    window: int
    form: str
    edge: str

    def n_rows(self, n_rows: int) -> int:
        return n_rows

    def n_dims(self, dims: int) -> int:
        return dims * (1 + self.orders)

    def fewest_rows(self, following: int) -> int:
        """The rows that a clip must have, where what follows wants ``following``."""
        return max(following, 2 * self.window + 1) if self.edge == "interp" else following

    def apply(self, blocks: Blocks, *, n_rows: int, dims: int) -> Iterator[Reals]:
        """Rows with their deltas: (n, dims) real -> (n, dims (1 + orders)) float64."""
        # Twice the window, for the slopes of slopes. Rows at a stretch's end that is not the clip's own come out
        # wrong, but no further from it than this.
        reach = 2 * self.window
        size = block_rows(dims) + 2 * reach
        for stretch in stretches(blocks(), n_rows=n_rows, size=size, before=reach, behind=reach):
            rows = stretch.rows.astype(np.float64)
            columns = [rows, self._of_kernel(rows, slope_kernel(self.window), stretch, n_rows=n_rows)]
            if self.orders == 2:
                columns.append(self._second_order(columns, stretch, n_rows=n_rows))
            yield np.concatenate([stretch.inner(values) for values in columns], axis=1)

    def _second_order(self, columns: list[Reals], stretch: Stretch, *, n_rows: int) -> Reals:
        rows, slopes = columns
        if self.form == "open_end":
            # The clip goes on with its last row. At the end of another stretch this is felt no further than the reach.
            beyond = np.repeat(rows[-1:], self.window, axis=0)
            slopes = weighted(np.concatenate([rows, beyond]), slope_kernel(self.window))
            return weighted(slopes, slope_kernel(self.window))[: len(rows)]
        if self.form == "sequential":
            return self._of_kernel(slopes, slope_kernel(self.window), stretch, n_rows=n_rows)
        kernel = (composed_kernel if self.form == "composed" else parabola_kernel)(self.window)
        return self._of_kernel(rows, kernel, stretch, n_rows=n_rows)

    def _of_kernel(self, rows: Reals, kernel: Kernel, stretch: Stretch, *, n_rows: int) -> Reals:
        values = weighted(rows, kernel)
        if self.edge == "interp":
            if stretch.first == 0:
                values[: self.window] = values[self.window]
            if stretch.first + len(rows) == n_rows:
                values[-self.window :] = values[-self.window - 1]
        return values


def weighted(rows: Reals, kernel: Kernel) -> Reals:
    """The kernel over rows whose first and last stand for all beyond: (n, dims) -> (n, dims)."""
    reach, n_rows = len(kernel.weights), len(rows)
    padded = np.concatenate([np.repeat(rows[:1], reach, axis=0), rows, np.repeat(rows[-1:], reach, axis=0)])
    twice = None if kernel.is_slope else 2.0 * rows
    total, change = np.zeros_like(rows), np.empty_like(rows)
    for n, weight in enumerate(kernel.weights, start=1):
        later = padded[reach + n : reach + n + n_rows]
        earlier = padded[reach - n : reach - n + n_rows]
        if twice is None:
            np.subtract(later, earlier, out=change)
        else:
            np.add(later, earlier, out=change)
            change -= twice
        change *= float(weight)
        total += change
    total /= float(kernel.divisor)
    return total
