"""What a library gave for a clip: all of its rows, or those that a golden file keeps; or nothing, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.row_blocks import Array

_MOST_COLUMNS = 256
_FEW_COLUMNS = 64
_FIRST_ROWS = (0, 1, 31)


class RefusedError(Exception):
    """A library does not take a clip, or takes it for something else; the message says why, mostly in its words.

    No :class:`audiofeat.errors.AudioFeatError`: it is an answer, and nobody but the one who asked hears of it.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """Some of the rows and columns that a library gave for a clip, or all of them."""

    shape: tuple[int, ...]
    """Of the whole: (frames, dims)."""
    values: Array
    """(rows, columns) of what is kept."""
    rows: npt.NDArray[np.intp]
    """Numbers of the rows that are kept."""
    columns: npt.NDArray[np.intp]

    def of(self, whole: Array) -> Array:
        """The same places of other features: (frames, dims) -> (rows, columns)."""
        return whole[self.rows][:, self.columns]


def all_of(rows: Array) -> Excerpt:
    """Everything that a library gave for a clip."""
    return Excerpt(rows.shape, rows, *map(np.arange, rows.shape))


def few_of(rows: Array) -> Excerpt:
    """What a golden file keeps of it, in single precision."""
    kept = kept_rows(len(rows)), kept_columns(rows.shape[1])
    single = np.complex64 if np.iscomplexobj(rows) else np.float32
    return Excerpt(rows.shape, rows[kept[0]][:, kept[1]].astype(single), *kept)


def kept_rows(n_rows: int) -> npt.NDArray[np.intp]:
    """Of so many rows the first two, one further on, the middle and the last: edges, and what lies between."""
    wanted = {*_FIRST_ROWS, n_rows // 2, n_rows - 1}
    return np.array(sorted(row for row in wanted if 0 <= row < n_rows), np.intp)


def kept_columns(dims: int) -> npt.NDArray[np.intp]:
    """Of so many columns all, or of more some, evenly spread from the first to the last."""
    if dims <= _MOST_COLUMNS:
        return np.arange(dims)
    return np.round(np.linspace(0, dims - 1, _FEW_COLUMNS)).astype(np.intp)
