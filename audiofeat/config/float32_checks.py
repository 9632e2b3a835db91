"""What float32 cannot hold: numbers that would be 0 or infinite there, so that infinity or NaN came into a store.

Only what acts is looked at, and nothing with ``compute.precision: float64``. A number too small to be a normal one
counts as 0, which is what processors and compilers make of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from audiofeat.config.complaints import Complaint, rule_broken
from audiofeat.config.features import ACTING_KEYS, Feature, feature_path
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.models import Config

SMALLEST = 2.0**-126
"""1.1754943508222875e-38, float32's smallest normal number."""

LARGEST = (2.0 - 2.0**-23) * 2.0**127
"""3.4028234663852886e38, its largest one."""

FAR = 1e24
"""As large as a number may be that is multiplied with others, and summed over bands and bins, afterwards."""

LOUDEST = 3.3e12
"""The square of so large a sample, over a window of a million, is still finite: 1e8 at the scale 32768."""

QUIETEST_WINDOW = 1e-9
"""Below, the inverse of the window's power may be infinite (``spectrum.norm: window_energy``)."""

_PRECISION = ("compute", "precision")
OR_FLOAT64 = "or set compute.precision: float64"


def float32_complaints(config: Config, feature: Feature) -> Iterator[Complaint]:
    """What float32 cannot hold among a feature's settings."""
    if config.compute.precision != "float32":
        return
    for group, key in _acting_numbers(feature):
        value = getattr(getattr(feature, group), key)
        yield from _held(f"{group}.{key}", value, feature_path(config, feature, group, key))


def shared_float32_complaints(config: Config) -> Iterator[Complaint]:
    """What float32 cannot hold among the settings that all features share."""
    if config.compute.precision != "float32":
        return
    audio, pad_value = config.audio, config.length.pad_value
    if config.length.frames is not None and abs(pad_value) > LARGEST:
        yield _too_large("length.pad_value", pad_value, LARGEST, ("length", "pad_value"))
    if set(config.features) == {"waveform"}:
        return  # no power is taken
    factors = {("audio", "scale"): audio.scale}
    if audio.peak is not None:
        factors["audio", "peak"] = audio.peak
    if config.window.values:
        factors["window", "values"] = largest = max(map(abs, config.window.values))
        if 0.0 < largest < QUIETEST_WINDOW:
            text = f"window.values reach {largest:g} only; float32 needs {QUIETEST_WINDOW:g}: raise them, {OR_FLOAT64}"
            yield rule_broken(text, ("window", "values"), _PRECISION)
    loudest = math.prod(factors.values())
    if loudest > LOUDEST:
        told = " times ".join(f"{'.'.join(path)} ({factor:g})" for path, factor in factors.items())
        text = f"{told} is {loudest:g}, whose power float32 does not hold; lower it to {LOUDEST:g}, {OR_FLOAT64}"
        yield rule_broken(text, *reversed(factors), _PRECISION)


def _acting_numbers(feature: Feature) -> Iterator[tuple[str, str]]:
    groups = ACTING_KEYS[feature.name]
    if "floor" in groups.get("spectrum", ()) and feature.spectrum.guard != "none":
        yield "spectrum", "floor"
    is_logarithmic = feature.name != "spectrogram" or feature.spectrum.output in ("db", "ln")
    if "log" in groups and is_logarithmic:
        yield from (("log", key) for key in ("floor", "ref", "range", "gain", "offset"))
    has_energy = feature.energy.column != "none" or (feature.name == "mfcc" and feature.mfcc.c0 == "energy")
    if "energy" in groups and has_energy:
        yield "energy", "floor"


def _held(name: str, value: float | str | None, path: KeyPath) -> Iterator[Complaint]:
    if not isinstance(value, float):
        return
    if abs(value) > FAR:
        yield _too_large(name, value, FAR, path)
    elif name.endswith((".floor", ".gain")) and 0.0 < abs(value) < SMALLEST:
        yield rule_broken(f"{name} is {value:g}, which is 0 in float32; raise it, {OR_FLOAT64}", path, _PRECISION)


def _too_large(name: str, value: float, limit: float, path: KeyPath) -> Complaint:
    text = f"{name} is {value:g}, too large for float32; at most {limit:g}, {OR_FLOAT64}"
    return rule_broken(text, path, _PRECISION)
