"""How the values of a feature become shades, the same ones in every clip of a picture.

Levels go from dark to bright, and reach 80 dB down from the loudest: below that lies what a recording makes of silence.
What swings around zero (cepstra, normalised features) has two colours, one on each side. Values that are no logarithms
are shown as decibels, since nothing but the loudest would be seen of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from audiofeat.dsp.row_blocks import Array

_RANGE_DB = 80.0
_LEAST = 1e-30
_DB_OF_TENFOLD = {"power": 10.0, "magnitude": 20.0, "complex amplitude": 20.0, "root of magnitude": 40.0}
_UNITS_OF_TENFOLD = {"ln": 2.302585092994046, "log10": 1.0}
_SHARE_OF_CEPSTRA, _SHARE = 90.0, 98.0
"""Per cent of the values that the two colours tell apart; coefficient 0 is many times as large as the others."""


@dataclass(frozen=True, slots=True)
class Shades:
    """What the colours of a row mean."""

    low: float
    high: float
    label: str
    is_signed: bool
    beyond: Literal["neither", "min", "max", "both"]
    """On which sides there are values that lie beyond the range."""


def image_of(values: Array, unit: str) -> Array:
    """What is drawn of a feature: (frames, dims) -> (frames, dims), as it is or in decibels."""
    factor = _DB_OF_TENFOLD.get(unit)
    if factor is None:
        return np.abs(values) if np.iscomplexobj(values) else values
    decibels: Array = factor * np.log10(np.maximum(np.abs(values).astype(np.float64), _LEAST))
    return decibels


def shades_of(images: Sequence[Array], unit: str) -> Shades:
    """One range for all images of a row, none of which need have a value in it."""
    flat = np.concatenate([np.empty(0), *(image[np.isfinite(image)].astype(np.float64) for image in images)])
    label = f"{unit}, dB" if unit in _DB_OF_TENFOLD else unit
    if _is_signed(unit):
        share = _SHARE_OF_CEPSTRA if unit.startswith("cepstrum") else _SHARE
        reach = float(np.percentile(np.abs(flat), share)) if len(flat) else 0.0
        low, high = -reach, reach
    else:
        high = float(flat.max(initial=-np.inf)) if len(flat) else 0.0
        low = max(float(flat.min()), high - _range(unit)) if len(flat) else 0.0
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return Shades(low, high, label, _is_signed(unit), _beyond(flat, low=low, high=high))


def _beyond(values: Array, *, low: float, high: float) -> Literal["neither", "min", "max", "both"]:
    is_below, is_above = bool((values < low).any()), bool((values > high).any())
    if is_below and is_above:
        return "both"
    return "min" if is_below else "max" if is_above else "neither"


def _is_signed(unit: str) -> bool:
    return unit.startswith("cepstrum") or unit.endswith("normalised") or unit == "amplitude"


def _range(unit: str) -> float:
    """80 dB in the unit of a level; without bound where that is scaled, or is of another kind."""
    if "*" in unit:
        return np.inf
    kind, _, of = unit.partition(" ")
    if unit in _DB_OF_TENFOLD or kind == "dB":
        return _RANGE_DB
    tenfold_db = next((factor for name, factor in _DB_OF_TENFOLD.items() if of.startswith(name)), None)
    if kind in _UNITS_OF_TENFOLD and tenfold_db is not None:
        return _RANGE_DB / tenfold_db * _UNITS_OF_TENFOLD[kind]
    return np.inf
