"""The rows around each row, summed: what normalisation over a sliding window takes its statistics from.

Windows are those of Kaldi's apply-cmvn-sliding. Centred, row t's has ``window_frames`` rows, of which
``window_frames // 2`` lie before it; else it has the ``window_frames`` rows before t and t itself, and at the clip's
start, up to ``min_frames`` rows. A window that would begin before the clip is moved right; one that would end behind
it, left; and what still does not fit is cut off.

Sums of windows are differences of running sums. These start anew for every block of rows, counted from the clip's
first, and are of values relative to a row of the block, so that they lose nothing however long the clip is.

Reference: kaldi/src/feat/feature-functions.cc (SlidingWindowCmnInternal).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.row_blocks import Array, Reals, block_rows, stretches

Positions: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WindowSums:
    """Some rows, (n, dims), and the sums over each one's window; all relative to one and the same row."""

    rows: Reals
    n_rows: Positions
    """Of each window: (n, 1)."""
    sums: Reals
    squares: Reals | None


def window_bounds(
    positions: Positions, *, n_rows: int, window_frames: int, min_frames: int, center: bool
) -> tuple[Positions, Positions]:
    """The first row of each row's window, and the one behind its last: (n,) -> (n,), (n,)."""
    if center:
        start = positions - window_frames // 2
        end = start + window_frames + np.maximum(0, -start)
    else:
        start = positions - window_frames
        end = np.maximum(positions + 1, min_frames)
    start = np.maximum(0, start)
    too_far = np.maximum(0, end - n_rows)
    return np.maximum(0, start - too_far), end - too_far


def sliding_statistics(
    blocks: Iterable[Array],
    *,
    n_rows: int,
    dims: int,
    window_frames: int,
    min_frames: int,
    center: bool,
    with_squares: bool,
) -> Iterator[WindowSums]:
    """The sums, and with ``with_squares`` those of squares too, over each row's window.

    Takes memory for about three windows of rows, and no more than for the clip.
    """
    reach = min(n_rows, window_frames if center else max(window_frames, min_frames))
    size = max(block_rows(dims), reach)
    for stretch in stretches(blocks, n_rows=n_rows, size=size, before=reach, behind=reach):
        meant = np.arange(stretch.first + stretch.before, stretch.first + len(stretch.rows) - stretch.behind)
        start, end = window_bounds(
            meant, n_rows=n_rows, window_frames=window_frames, min_frames=min_frames, center=center
        )
        seen = stretch.rows[: int(end[-1]) - stretch.first].astype(np.float64, order="C")
        origin = seen[0].copy()
        seen -= origin
        start, end = start - stretch.first, end - stretch.first
        lengths = (end - start)[:, None]
        rows = seen[stretch.before : stretch.before + len(meant)]
        sums = _differences(seen, start, end)
        squares = _differences(np.square(seen), start, end) if with_squares else None
        # A window of its own row alone: what is left of it is exactly nothing.
        alone = lengths[:, 0] == 1
        sums[alone] = rows[alone]
        yield WindowSums(rows, lengths, sums, squares)


def _differences(rows: Reals, start: Positions, end: Positions) -> Reals:
    """Sums of rows[start:end], by running sums: (n, dims) -> (windows, dims)."""
    running = np.zeros((len(rows) + 1, rows.shape[1]))
    np.add.accumulate(rows, axis=0, out=running[1:])
    return running[end] - running[start]
