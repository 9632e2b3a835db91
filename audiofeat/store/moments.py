"""Mean and sum of squared deviations of each column: one pass over the rows, stable, and the same bits everywhere.

Sums and sums of squares would lose the deviation of a column whose mean is a thousand times as large. So each block of
rows has its own mean and squared deviations, and blocks are put together by what their means differ (Chan, Golub and
LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979). Blocks are those in which
clips are packed, so that pieces and spools leave no trace; and there is nothing but + - x / and roots, row by row, so
that no processor rounds otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from audiofeat.errors import ConfigError
from audiofeat.store.rows import BLOCK_ROWS

Array: TypeAlias = npt.NDArray[Any]
Reals: TypeAlias = npt.NDArray[np.float64]

_PART_ROWS = 512
"""Some hundred kilobytes in float64, which stay in a core's cache."""

_WIDE_ROWS = 16
"""Taken as one long row, since NumPy spends as long on beginning a row as on a hundred values."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Of some rows of a feature; of complex values the magnitudes."""

    n_rows: int
    mean: Reals
    """(dims,); 0 where there is no row."""
    squares: Reals
    """(dims,): the sum of squared deviations from the mean."""

    @property
    def variance(self) -> Reals:
        """(dims,): of the rows as they are, so divided by their number."""
        return self.squares / max(1, self.n_rows)

    @classmethod
    def of_nothing(cls, dims: int) -> Moments:
        return cls(0, np.zeros(dims), np.zeros(dims))

    @classmethod
    def merged(cls, parts: Iterable[Moments], *, dims: int) -> Moments:
        """The moments of all rows together; the order of the parts may change the last bits."""
        some = [part for part in parts if part.n_rows]
        if not some:
            return cls.of_nothing(dims)
        if len(some) == 1:
            return some[0]
        rows = np.array([[part.n_rows] for part in some], np.float64)
        n_rows = sum(part.n_rows for part in some)
        first = some[0].mean
        # The means as they differ from the first: a constant column keeps its value, and squares of exactly 0.
        shifts = np.stack([part.mean for part in some]) - first
        shift = np.add.reduce(rows * shifts, axis=0) / n_rows
        between = np.add.reduce(rows * np.square(shifts - shift), axis=0)
        within = np.add.reduce(np.stack([part.squares for part in some]), axis=0)
        return cls(n_rows, first + shift, within + between)


def as_array(moments: Moments) -> Reals:
    """As a shard holds them: (2, dims), means and sums of squared deviations."""
    return np.stack([moments.mean, moments.squares])


def from_array(values: Array, *, n_rows: int) -> Moments:
    """Undo :func:`as_array`. Raises ValueError where the values are no moments."""
    if values.dtype != np.float64 or values.ndim != 2 or len(values) != 2:
        raise ValueError(f"moments of {values.shape} {values.dtype} where (2, dims) float64 were written")
    return Moments(n_rows, values[0], values[1])


class RunningMoments:
    """The moments of a feature's rows as they come, clip by clip, in the blocks of :meth:`Rows.blocks`."""

    def __init__(self, dims: int) -> None:
        self._moments = Moments.of_nothing(dims)
        self._dims = dims
        self._waiting: list[Array] = []
        self._n_waiting = 0

    def add(self, block: Array) -> None:
        """Take rows in: (n, dims), not to be changed afterwards.

        Raises:
            ConfigError: a value is NaN or infinite. Samples that make such are refused, so it is the settings.
        """
        self._waiting.append(block)
        self._n_waiting += len(block)
        if self._n_waiting >= BLOCK_ROWS:
            self._take_in()

    def finish(self) -> Moments:
        """The moments of all rows. Raises as :meth:`add`."""
        self._take_in()
        return self._moments

    def _take_in(self) -> None:
        if not self._n_waiting:
            return
        rows = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        self._waiting, self._n_waiting = [], 0
        with np.errstate(invalid="ignore", over="ignore"):
            self._moments = Moments.merged([self._moments, _moments(rows)], dims=self._dims)
        if not np.isfinite(self._moments.mean).all():
            raise _not_finite(rows.dtype)


def _not_finite(dtype: np.dtype[Any]) -> ConfigError:
    smaller = "a larger floor (log.floor, energy.floor), a smaller audio.scale or log.gain, or"
    if dtype == np.float16:
        return ConfigError(
            "a feature would hold NaN or infinity: its values leave the range of float16, which ends at 65504",
            hint=f"{smaller} store.dtype: float32",
        )
    return ConfigError(
        "a feature would hold NaN or infinity: its values leave the range of its precision",
        hint=f"{smaller} compute.precision: float64, with store.dtype: computed",
    )


def _moments(rows: Array) -> Moments:
    """Of one block, of at least one row.

    Deviations are taken from the first row. However far out that lies, it is one of the rows, and so has a share of
    the sum of squares: of float64's sixteen digits no more than the four of the block's length are lost.
    """
    first = _reals(rows[:1])[0]
    wide_first = np.tile(first, _WIDE_ROWS)
    shift, squares = np.zeros_like(first), np.zeros_like(first)
    for start in range(0, len(rows), _PART_ROWS):
        part = _reals(rows[start : start + _PART_ROWS])
        whole = len(part) // _WIDE_ROWS * _WIDE_ROWS
        wide, rest = part[:whole].reshape(-1, len(wide_first)), part[whole:]
        wide -= wide_first
        rest -= first
        shift += _column_sums(part)
        np.square(part, out=part)
        squares += _column_sums(part)
    shift /= len(rows)
    return Moments(len(rows), first + shift, np.maximum(squares - len(rows) * np.square(shift), 0.0))


def _reals(rows: Array) -> Reals:
    """A copy in float64; of complex values the magnitudes."""
    if not np.iscomplexobj(rows):
        return rows.astype(np.float64)
    real, imaginary = rows.real.astype(np.float64), rows.imag.astype(np.float64)
    magnitudes: Reals = np.sqrt(np.square(real) + np.square(imaginary))
    return magnitudes


def _column_sums(part: Reals) -> Reals:
    """The sum of each column, in one order whatever the processor; several rows at a time, which takes half as long."""
    dims = part.shape[1]
    whole = len(part) // _WIDE_ROWS * _WIDE_ROWS
    wide = np.add.reduce(part[:whole].reshape(-1, _WIDE_ROWS * dims), axis=0)
    sums: Reals = np.add.reduce(np.concatenate([wide.reshape(-1, dims), part[whole:]]), axis=0)
    return sums
