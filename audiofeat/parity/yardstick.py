"""What a difference between two versions of a clip's features is worth: in decibels, and against what float32 can do.

A float32 FFT leaves rounding errors in every bin, some 2e-7 of the loudest bin's amplitude. To a band 60 dB below that
they are 2e-3 dB; they grow tenfold with every further 20 dB, until two libraries agree on nothing. So each value has a
leeway: how many times 2e-3 dB rounding may take there. It is 1 for what is audible, which is to say within 60 dB of its
frame's loudest bin; beyond, it grows as the errors do, thrice the mean error being granted; a floor of the logarithm
lowers it. Cepstra mix all bands of a row, deltas rows, normalisation all rows of a column, and their leeway is that of
what they mix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audiofeat.config import Cmvn, Feature, load_config, resolve_features
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array, Reals
from audiofeat.dsp.tail import FixedLength, Stack, Tail, apply_tail, tail_dims
from audiofeat.frontend.chains import mel_of
from audiofeat.frontend.recipe import filterbank_of, recipe_of
from audiofeat.one_clip import features_of_clip
from audiofeat.parity.excerpts import Excerpt

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

_LINEAR = ("stft", "mel")
AUDIBLE_DB = 60.0
QUIET_LEEWAY = 3.0
"""Just below what is audible."""
MOST_LEEWAY = 5e4
"""That is 100 dB: a tone with whole periods in each window leaves bands of nothing but rounding errors, far apart."""
_DB_PER_NEPER = 20.0 / math.log(10.0)
"""The slope of 20 log10 at 1: decibels for a small relative change of an amplitude."""

_ONLY_FRAMES = (
    *("stack.left=0", "stack.right=0", "stack.stride=1", "length.frames=null", "cmvn.mode=none", "deltas.orders=0"),
    "compute.precision=float64",
)
_AS_RECORDED = ("frame.remove_dc=false", "preemphasis.coeff=0", "features={spectrogram: {}}")


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two versions of a clip's features lie apart, in decibels."""

    max_db: float
    """The largest, of what is audible."""
    mean_db: float
    quiet_max_db: float
    """The largest of the rest."""
    weighed_db: float
    """The largest of all, each value's divided by its leeway."""
    has_audible: bool
    """False where all is rest, and the first two are nothing's."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """One clip's yardstick; the arrays have the shape of its rows, or of the part of them that is compared."""

    decibels: Reals
    """Decibels for one unit of the feature."""
    leeway: Reals
    """At least 1."""
    is_audible: npt.NDArray[np.bool_]

    def part(self, excerpt: Excerpt) -> Scale:
        """For what an excerpt keeps."""
        return Scale(excerpt.of(self.decibels), excerpt.of(self.leeway), excerpt.of(self.is_audible))

    def difference(self, found: Array, wanted: Array) -> Difference:
        """Between two versions of the rows, which must have this shape. NaN is infinitely far from a number."""
        wide = np.complex128 if np.iscomplexobj(found) else np.float64
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(found.astype(wide) - wanted.astype(wide)) * self.decibels
        apart[(found == wanted) | (np.isnan(found) & np.isnan(wanted))] = 0.0
        apart[np.isnan(apart)] = np.inf
        audible, quiet = apart[self.is_audible], apart[~self.is_audible]
        return Difference(
            max_db=float(audible.max(initial=0.0)),
            mean_db=float(audible.mean()) if audible.size else 0.0,
            quiet_max_db=float(quiet.max(initial=0.0)),
            weighed_db=float((apart / self.leeway).max(initial=0.0)),
            has_audible=bool(audible.size),
        )


class Yardstick:
    """A preset's yardstick: it measures clips by audiofeat's own float64 bands of them."""

    def __init__(self, preset: str) -> None:
        """
        Raises:
            ValueError: the preset makes what no preset made so far, and what this does not measure.
        """
        from audiofeat.frontend.program import Frontend

        config = load_config(preset)
        (self._feature,) = resolve_features(config).values()
        _check_measurable(preset, self._feature)
        recipe = recipe_of(config)
        self._tail = _of_leeway(recipe.tails[self._feature.name])
        self._stack = config.stack
        name = self._feature.name
        features = f"features={{{name}: {{}}}}" if name in _LINEAR else "features={mel: {}, log_mel: {}}"
        self._bare: Frontend = Frontend(recipe_of(load_config(preset, overrides=[*_ONLY_FRAMES, features])))
        self._recorded = Frontend(recipe_of(load_config(preset, overrides=[*_ONLY_FRAMES, *_AS_RECORDED])))
        if name == "stft":
            self._exponent, self._highest_weights = 1.0, np.ones(recipe.rule.n_fft // 2 + 1)
        else:
            mel = mel_of(self._feature, sample_rate_hz=recipe.sample_rate_hz)
            weights = filterbank_of(mel, sample_rate_hz=recipe.sample_rate_hz, n_fft=recipe.rule.n_fft)
            self._exponent, self._highest_weights = float(self._feature.spectrum.power), weights.max(axis=0)
            """Of the amplitude, in a band; and what a band is of a lone bin with amplitude 1, at best."""

    def scale_of(self, samples: Samples) -> Scale:
        """Measure a clip: samples (n,) at the preset's rate."""
        bare = features_of_clip(self._bare, samples)
        power = features_of_clip(self._recorded, samples)["spectrogram"]
        just_audible = np.sqrt(power.max(axis=1, initial=0.0, keepdims=True)) * 10.0 ** (-AUDIBLE_DB / 20.0)
        if self._feature.name in _LINEAR:
            return self._linear(np.abs(bare[self._feature.name]), just_audible)
        return self._logarithmic(bare["mel"], bare["log_mel"], just_audible)

    def _linear(self, values: Reals, just_audible: Reals) -> Scale:
        """Of values that are no logarithms: relative to each of them."""
        leeway = self._leeway(values, just_audible)
        least = self._highest_weights * (QUIET_LEEWAY * just_audible / MOST_LEEWAY) ** self._exponent
        size = np.maximum(values, least)
        decibels = _DB_PER_NEPER / self._exponent / np.where(size > 0, size, 1.0)
        return Scale(decibels, leeway, leeway <= 1.0)

    def _logarithmic(self, bands: Reals, log_bands: Array, just_audible: Reals) -> Scale:
        feature = self._feature
        leeway = self._leeway(self._above_the_floor(bands), just_audible)
        quiet: npt.NDArray[np.bool_] = leeway > 1.0
        decibels = np.full(log_bands.shape[1], _decibels_per_unit(feature))
        if feature.name == "mfcc":
            leeway, quiet = _root_mean_square(leeway, axis=1), np.asarray(quiet.any(axis=1, keepdims=True))
        reaches = [order * feature.deltas.window for order in range(1 + feature.deltas.orders)]
        leeway = np.concatenate([_largest_around(leeway, reach=reach) for reach in reaches], axis=1)
        quiet = np.concatenate([_largest_around(quiet, reach=reach) for reach in reaches], axis=1)
        if feature.cmvn.mode != "none":
            leeway = np.maximum(leeway, _root_mean_square(leeway, axis=0))
            quiet = quiet | np.asarray(quiet.any(axis=0, keepdims=True))
        if feature.cmvn.mode == "meanvar" and len(log_bands):
            # In units of each column's deviation, so that a difference is what it was before the normalisation.
            decibels = decibels * _deviations(log_bands, feature.cmvn)
        return self._of_rows(decibels, leeway, quiet)

    def _above_the_floor(self, bands: Reals) -> Reals:
        """What the logarithm is taken of, and, with a range below the clip's maximum, what is left of it."""
        log = self._feature.log
        guarded: Reals = bands + log.floor if log.guard == "add" else bands
        if log.guard == "max":
            guarded = np.maximum(bands, log.floor)
        if log.range is None or not len(bands):
            return guarded
        least = guarded.max() * 10.0 ** (-log.range * _bels_per_unit(log.kind, self._exponent))
        limited: Reals = np.maximum(guarded, least)
        return limited

    def _leeway(self, values: Reals, just_audible: Reals) -> Reals:
        with np.errstate(divide="ignore", invalid="ignore"):
            amplitudes = (values / self._highest_weights) ** (1.0 / self._exponent)
            leeway = just_audible / amplitudes
        # Silence (0 / 0) and bands without a bin are exact.
        is_audible = np.isnan(leeway) | (leeway <= 1.0) | (self._highest_weights == 0)
        return np.where(is_audible, 1.0, np.minimum(QUIET_LEEWAY * leeway, MOST_LEEWAY))

    def _of_rows(self, decibels: Reals, leeway: Reals, quiet: npt.NDArray[np.bool_]) -> Scale:
        """Of what is stored: rows joined and of their number, all columns of a cepstrum."""
        feature = self._feature
        if feature.name == "mfcc":
            columns = feature.mfcc.n - (feature.mfcc.c0 == "drop")
            leeway, quiet = np.repeat(leeway, columns, axis=1), np.repeat(quiet, columns, axis=1)
            decibels = np.full(leeway.shape[1], decibels[0])
        joined = self._stack.left + 1 + self._stack.right
        decibels = np.repeat(decibels, joined) if self._stack.order == "columns" else np.tile(decibels, joined)
        leeway = _after(self._tail, leeway)
        is_audible = _after(self._tail, np.where(quiet, MOST_LEEWAY, 1.0)) <= 1.0
        return Scale(np.broadcast_to(decibels, leeway.shape), leeway, is_audible)


def _check_measurable(preset: str, feature: Feature) -> None:
    is_plain = feature.cmvn.mode != "meanvar" or (feature.name == "log_mel" and not feature.deltas.orders)
    is_known = feature.name in ("stft", "mel", "log_mel", "mfcc") and not feature.mel.sqrt
    if not is_plain or not is_known or feature.energy.column != "none":
        raise ValueError(f"{preset}: the yardstick does not know such a feature; teach it")


def _of_leeway(tail: Tail) -> Tail:
    """The steps that move rows about and compute nothing; rows that they fill up are exact."""
    moving = (step for step in tail if isinstance(step, Stack | FixedLength))
    return tuple(
        replace(step, edge="replicate") if isinstance(step, Stack) else replace(step, pad_value=1.0) for step in moving
    )


def _after(tail: Tail, rows: Reals) -> Reals:
    dims = rows.shape[1]
    blocks = apply_tail(tail, lambda: iter([rows]), n_rows=len(rows), dims=dims, dtype=np.float64)
    return np.concatenate([np.empty((0, tail_dims(tail, dims))), *blocks])


def _deviations(rows: Array, cmvn: Cmvn) -> Reals:
    """What normalisation divides each column by."""
    variances = rows.var(axis=0, ddof=cmvn.ddof) if len(rows) > cmvn.ddof else np.zeros(rows.shape[1])
    by_rule: dict[str, Reals] = {
        "std_add": np.sqrt(variances) + cmvn.eps,
        "var_add": np.sqrt(variances + cmvn.eps),
        "std_max": np.maximum(np.sqrt(variances), cmvn.eps),
        "var_max": np.sqrt(np.maximum(variances, cmvn.eps)),
    }
    return by_rule[cmvn.eps_at]


def _decibels_per_unit(feature: Feature) -> float:
    exponent = float(feature.spectrum.power)
    return 20.0 / exponent * _bels_per_unit(feature.log.kind, exponent) / abs(feature.log.gain)


def _bels_per_unit(kind: str, exponent: float) -> float:
    """Powers of ten of a band in one unit of its logarithm."""
    return {"ln": 1.0 / math.log(10.0), "log10": 1.0, "db": exponent / 20.0}[kind]


def _root_mean_square(values: Reals, *, axis: int) -> Reals:
    count = max(1, values.shape[axis])
    root: Reals = np.sqrt((values**2).sum(axis=axis, keepdims=True) / count)
    return root


def _largest_around(rows: Array, *, reach: int) -> Array:
    """Of each column, the largest value of the rows up to ``reach`` away."""
    out: Array = rows.copy()
    for distance in range(1, min(reach + 1, len(rows))):
        np.maximum(out[distance:], rows[:-distance], out=out[distance:])
        np.maximum(out[:-distance], rows[distance:], out=out[:-distance])
    return out
