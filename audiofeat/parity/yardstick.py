"""What a difference between two versions of a clip's features is worth: in decibels, and whether it can be heard.

A float32 FFT fills empty bands with its rounding errors, some 60 to 140 dB below the loudest bin, and two libraries
agree on nothing there. So the bands that lie within 60 dB of their frame's loudest bin are compared by themselves, and
the rest is told apart. Cepstra mix all bands, so there it is the rows; normalisation mixes all rows of
a band, so there it is the columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audiofeat.config import Config, Feature, load_config, resolve_features
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.frontend.chains import mel_of
from audiofeat.frontend.recipe import filterbank_of, recipe_of
from audiofeat.one_clip import features_of_clip
from audiofeat.parity.goldens import Excerpt

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

AUDIBLE_DB = 60.0
_LINEAR = ("stft", "mel")
_DB_PER_NEPER = 20.0 / math.log(10.0)
"""Decibels for a relative change of an amplitude by one, as it were: the slope of 20 log10 at 1."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two versions of a clip's features lie apart, in decibels."""

    max_db: float
    """The largest, over what is audible: within 60 dB of its frame's loudest."""
    mean_db: float
    quiet_max_db: float
    """The largest of the rest."""
    has_audible: bool
    """False where all is rest, and the first two are nothing's."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """One clip's yardstick; both arrays have the shape of its rows, or of the part of them that is compared."""

    decibels: npt.NDArray[np.float64]
    """Decibels for one unit of the feature."""
    is_audible: npt.NDArray[np.bool_]

    def part(self, excerpt: Excerpt) -> Scale:
        """For what an excerpt keeps."""
        return Scale(excerpt.of(self.decibels), excerpt.of(self.is_audible))

    def difference(self, found: Array, wanted: Array) -> Difference:
        """Between two versions of the rows, which must have this shape. NaN is infinitely far from a number."""
        wide = np.complex128 if np.iscomplexobj(found) else np.float64
        with np.errstate(invalid="ignore"):
            apart = np.abs(found.astype(wide) - wanted.astype(wide)) * self.decibels
        apart[(found == wanted) | (np.isnan(found) & np.isnan(wanted))] = 0.0
        apart[np.isnan(apart)] = np.inf
        audible, quiet = apart[self.is_audible], apart[~self.is_audible]
        return Difference(
            max_db=float(audible.max(initial=0.0)),
            mean_db=float(audible.mean()) if audible.size else 0.0,
            quiet_max_db=float(quiet.max(initial=0.0)),
            has_audible=bool(audible.size),
        )


class Yardstick:
    """A preset's yardstick: measures clips by audiofeat's own float64 mel bands of them."""

    def __init__(self, preset: str) -> None:
        from audiofeat.frontend.program import Frontend

        config = load_config(preset)
        (self._feature,) = resolve_features(config).values()
        name = self._feature.name
        without_tail = ["cmvn.mode=none", "deltas.orders=0", "energy.column=none", "compute.precision=float64"]
        beside = [f"features={{mel: {{}}, spectrogram: {{}}, {name}: {{}}}}"] if name in ("log_mel", "mfcc") else []
        self._bare: Frontend = Frontend(recipe_of(load_config(preset, overrides=[*beside, *without_tail])))
        self._delta_rows = _delta_reach(config, self._feature)
        self._stack_order = config.stack.order
        self._exponent = self._feature.spectrum.power / (2.0 if self._feature.mel.sqrt else 1.0)
        """Of the amplitude, in a mel band: 2 for a power."""

    def scale_of(self, samples: Samples) -> Scale:
        """Measure a clip: samples (n,) at the preset's rate."""
        bare = features_of_clip(self._bare, samples)
        if self._feature.name in _LINEAR:
            return self._linear(bare[self._feature.name])
        return self._logarithmic(bare["mel"], bare["spectrogram"], bare[self._feature.name])

    def _linear(self, rows: Array) -> Scale:
        """Relative to the frame's largest value; a silent frame is compared as it is."""
        peak = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
        slope = _DB_PER_NEPER / (1.0 if self._feature.name == "stft" else self._exponent)
        decibels = np.where(peak > 0, slope / np.where(peak > 0, peak, 1.0), slope)
        return Scale(np.broadcast_to(decibels, rows.shape), np.ones(rows.shape, bool))

    def _logarithmic(self, bands: Array, power: Array, bare: Array) -> Scale:
        feature, exponent = self._feature, self._exponent
        just_audible = np.sqrt(power.max(axis=1, initial=0.0, keepdims=True)) * 10.0 ** (-AUDIBLE_DB / 20.0)
        is_audible = bands >= self._highest_weights(bands.shape[1]) * just_audible**exponent
        shape = bare.shape
        if feature.name == "mfcc":
            shape = (len(bare), bare.shape[1] * (1 + feature.deltas.orders))
            rows = _all_around(is_audible.all(axis=1), reach=self._delta_rows)
            is_audible = np.broadcast_to(rows[:, None], shape)
        if feature.cmvn.mode != "none":
            is_audible = np.broadcast_to(is_audible.all(axis=0, keepdims=True), shape)
        decibels = np.full(shape, _decibels_per_unit(feature, exponent=exponent))
        if feature.cmvn.mode == "meanvar" and len(bare):
            # In units of each column's deviation, so that a difference is what it was before the normalisation.
            decibels = decibels * bare.std(axis=0)
        return Scale(decibels, is_audible)

    def _highest_weights(self, n_columns: int) -> npt.NDArray[np.float64]:
        """Of each band: what it would be of a lone bin with amplitude 1, at best. For each column of stacked rows."""
        recipe = self._bare.recipe
        mel = mel_of(self._feature, sample_rate_hz=recipe.sample_rate_hz)
        weights = filterbank_of(mel, sample_rate_hz=recipe.sample_rate_hz, n_fft=recipe.rule.n_fft).max(axis=0)
        if self._feature.mel.sqrt:
            weights = np.sqrt(weights)
        n_rows = n_columns // len(weights)
        return np.repeat(weights, n_rows) if self._stack_order == "columns" else np.tile(weights, n_rows)


def _decibels_per_unit(feature: Feature, *, exponent: float) -> float:
    log = feature.log
    decibels = {"ln": _DB_PER_NEPER / exponent, "log10": 20.0 / exponent, "db": 1.0}[log.kind]
    return decibels / abs(log.gain) if log.gain else 0.0


def _delta_reach(config: Config, feature: Feature) -> int:
    """How many rows away a row's deltas look, in stacked rows."""
    return -(-feature.deltas.orders * feature.deltas.window // config.stack.stride)


def _all_around(rows: npt.NDArray[np.bool_], *, reach: int) -> npt.NDArray[np.bool_]:
    """True where all rows within ``reach`` are."""
    out: npt.NDArray[np.bool_] = rows.copy()
    for distance in range(1, reach + 1):
        out[distance:] &= rows[:-distance]
        out[:-distance] &= rows[distance:]
    return out
