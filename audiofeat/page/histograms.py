"""How the clips of a store are spread over a quantity: bars, and the figures beside them.

A quantity that reaches over many orders, as lengths do, is put on a logarithmic axis. What has no place on the axis, or
would hide all else (clips without a single clipped sample), is no bar but said in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiofeat.page.axis import Axis, Tick
from audiofeat.page.numbers import short, short_range

Reals = npt.NDArray[np.float64]

_MOST_BINS = 40
_WIDE = 30.0
"""The largest value over the smallest from which on an axis is logarithmic."""
_MIDDLE, _HALF_A_BAR = 0.5, 0.05
"""Of an axis: where all clips are whose values are equal."""
_FIGURES = (("smallest", 0.0), ("1st percentile", 1.0), ("median", 50.0), ("99th percentile", 99.0), ("largest", 100.0))


@dataclass(frozen=True, slots=True)
class Bar:
    """From ``start`` to ``stop`` along the axis, 0 to 1; its height is 1 for the tallest."""

    start: float
    stop: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """What is drawn, and what is said beside it."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    tallest: int
    """The clips of the tallest bar."""
    figures: tuple[tuple[str, str], ...]
    """A name and a value each."""
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """For whoever does not see it."""
        figures = ", ".join(f"{name} {value}" for name, value in self.figures)
        return f"Histogram of {self.title.lower()} in {self.unit}: {figures or 'no clip has one'}"


def histogram_of(
    values: Reals, *, title: str, unit: str, off_axis: str = "", at_zero: str = "", is_count: bool = False
) -> Histogram:
    """The histogram of one value a clip.

    Args:
        is_count: whether values are whole numbers. Each bar then has as many of them as it is wide: else some would
            have one more than their neighbours.
        off_axis: what to call clips of an infinite value, which have no place on the axis.
        at_zero: what to call clips of the value 0, if they are to be no bar; a logarithmic axis has none for them.
    """
    finite = values[np.isfinite(values)]
    drawn = finite[finite != 0.0] if at_zero else finite
    left_out = ((off_axis, len(values) - len(finite)), (at_zero, len(finite) - len(drawn)))
    notes = tuple(f"{count:,} of {len(values):,} clips: {what}" for what, count in left_out if count)
    if not len(drawn):
        return Histogram(title, unit, (), (), 0, (), notes or ("no clips",))
    figures = tuple((name, short(float(np.percentile(drawn, share)))) for name, share in _FIGURES)
    figures = (*figures, ("mean", _mean(drawn)))
    low, high = float(drawn.min()), float(drawn.max())
    if high == low:
        bar = Bar(_MIDDLE - _HALF_A_BAR, _MIDDLE + _HALF_A_BAR, 1.0, f"{short(low)} {unit}: {len(drawn):,}")
        return Histogram(title, unit, (bar,), (Tick(_MIDDLE, short(low)),), len(drawn), figures, notes)
    is_logarithmic = low > 0.0 and high >= _WIDE * low
    n_bins = max(1, min(_MOST_BINS, math.ceil(2.0 * len(drawn) ** (1.0 / 3.0))))
    edges = (_edges_between_counts if is_count else _edges)(low, high, n_bins=n_bins, is_logarithmic=is_logarithmic)
    axis = Axis(float(edges[0]), float(edges[-1]), is_logarithmic=is_logarithmic)
    counts, _ = np.histogram(drawn, edges)
    tallest = int(counts.max())
    told = _counts_text if is_count else short_range
    bars = tuple(
        Bar(axis.place(start), axis.place(stop), count / tallest, f"{told(start, stop)} {unit}: {count:,}")
        for start, stop, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        if count
    )
    return Histogram(title, unit, bars, tuple(axis.ticks()), tallest, figures, notes)


def _mean(values: Reals) -> str:
    return short(math.fsum(values.tolist()) / len(values))


def _counts_text(start: float, stop: float) -> str:
    first, last = start + 0.5, stop - 0.5
    return short(first) if first == last else short_range(first, last)


def _edges(low: float, high: float, *, n_bins: int, is_logarithmic: bool) -> Reals:
    edges: Reals = (np.geomspace if is_logarithmic else np.linspace)(low, high, n_bins + 1)
    edges[0], edges[-1] = low, high  # geomspace may miss its own ends by a bit
    return edges


def _edges_between_counts(low: float, high: float, *, n_bins: int, is_logarithmic: bool) -> Reals:
    n_counts = high - low + 1.0
    if is_logarithmic:
        firsts: Reals = np.unique(np.round(np.geomspace(low, high + 1.0, n_bins + 1)))
    else:
        width = math.ceil(n_counts / n_bins)
        firsts = low + width * np.arange(math.ceil(n_counts / width) + 1.0)
    return firsts - 0.5
