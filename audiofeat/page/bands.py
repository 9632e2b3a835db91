"""Mean and spread of each column of a feature over the whole store, as a line with a band around it.

From the moments that the shards hold: no frame is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiofeat.page.axis import Axis, Tick
from audiofeat.page.numbers import short, short_range
from audiofeat.plot.scales import ColumnScale, round_ticks
from audiofeat.records import FeatureSpec
from audiofeat.stats import Statistics

_MOST_POINTS = 512
_MOST_NAMED = 12
_ROOM, _LEAST_ROOM = 0.05, 1e-3
"""Left above and below, of the range and of the values: three digits tell ticks apart."""


@dataclass(frozen=True, slots=True)
class Bands:
    """A feature's chart. Places are 0 to 1, from the left and from below."""

    name: str
    about: str
    line: tuple[tuple[float, float], ...]
    """The means; empty where there is nothing to draw a line through."""
    outline: tuple[tuple[float, float], ...]
    """Around all that lies within a deviation of them."""
    ticks: tuple[Tick, ...]
    value_ticks: tuple[Tick, ...]
    label: str
    """Of the axis along the columns."""
    figures: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """For whoever does not see it."""
        figures = ", ".join(f"{name} {value}" for name, value in self.figures)
        return f"Mean of each column of {self.name}, and a deviation around it: {figures}"


def bands_of(spec: FeatureSpec, statistics: Statistics, scale: ColumnScale) -> Bands:
    """The chart of one feature."""
    rate = "each clip's own frame rate" if spec.frame_rate_hz is None else f"{spec.frame_rate_hz:g} frames/s"
    columns = "1 column" if spec.dims == 1 else f"{spec.dims:,} columns"
    about = f"{columns} of {spec.dtype}, {spec.unit}, {rate}"
    if not statistics.n_frames:
        return Bands(spec.name, about, (), (), (), (), scale.label, (), ("no frames",))
    mean, deviation = statistics.mean, np.sqrt(statistics.variance)
    notes = [*_of_magnitudes(spec), *_constant(statistics.constant_columns, n_columns=spec.dims)]
    if spec.dims == 1:
        figures = (("mean", short(float(mean[0]))), ("deviation", short(float(deviation[0]))))
        return Bands(spec.name, about, (), (), (), (), scale.label, figures, tuple(notes))
    step = -(-spec.dims // _MOST_POINTS)
    if step > 1:
        notes.append(f"one column of {step} is drawn")
    shown = slice(None, None, step)
    places = ((np.arange(spec.dims) + 0.5) / spec.dims)[shown].tolist()
    middle, below, above = mean[shown], (mean - deviation)[shown], (mean + deviation)[shown]
    axis = _axis_around(float(below.min()), float(above.max()))
    line = _points(places, middle.tolist(), axis)
    outline = (*_points(places, above.tolist(), axis), *reversed(_points(places, below.tolist(), axis)))
    return Bands(
        spec.name,
        about,
        line,
        outline,
        tuple(_column_ticks(scale)),
        tuple(axis.ticks(most=4)),
        scale.label,
        (("means", _range(mean.tolist())), ("deviations", _range(deviation.tolist()))),
        tuple(notes),
    )


def _points(places: Sequence[float], values: Sequence[float], axis: Axis) -> tuple[tuple[float, float], ...]:
    return tuple((place, axis.place(value)) for place, value in zip(places, values, strict=True))


def _axis_around(low: float, high: float) -> Axis:
    room = max(_ROOM * (high - low), _LEAST_ROOM * max(abs(low), abs(high))) or 0.5
    return Axis(low - room, high + room)


def _column_ticks(scale: ColumnScale) -> list[Tick]:
    axis = Axis(scale.low, scale.high)
    named = round_ticks(scale.kind, scale.low, scale.high)
    return axis.ticks() if named is None else [Tick(axis.place(place), text) for place, text in named]


def _range(values: Sequence[float]) -> str:
    return short_range(min(values), max(values))


def _of_magnitudes(spec: FeatureSpec) -> list[str]:
    return ["complex: the figures are of the magnitudes"] if spec.dtype.startswith("complex") else []


def _constant(columns: Sequence[int], *, n_columns: int) -> list[str]:
    if not columns:
        return []
    if len(columns) == n_columns:
        return ["every column holds one value throughout"]
    more = f" and {len(columns) - _MOST_NAMED:,} more" if len(columns) > _MOST_NAMED else ""
    numbers = ", ".join(map(str, columns[:_MOST_NAMED]))
    return [f"constant: column{'' if len(columns) == 1 else 's'} {numbers}{more}, counted from 0"]
