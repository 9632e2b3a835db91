"""The signals that presets are compared on: synthesised, and the same samples on every machine.

All lie on the steps of 16-bit audio, so that a last bit in a sine cannot change them, and noise is made by Python's
Mersenne Twister, whose stream is promised to stay as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.tail import FixedLength
from audiofeat.frontend.recipe import Recipe

Clips: TypeAlias = Mapping[str, Callable[[], Samples]]
"""By name: gives the samples, (n,) float32 in -1..1, at a preset's rate."""

SECONDS = 0.5
_INT16_SCALE = 32768.0
_NOISE_SEED = 7


def _as_int16(signal: npt.NDArray[np.float64]) -> Samples:
    steps = np.clip(np.round(signal * _INT16_SCALE), -_INT16_SCALE, _INT16_SCALE - 1)
    return (steps / _INT16_SCALE).astype(np.float32)


def _times(rate_hz: int) -> npt.NDArray[np.float64]:
    return np.arange(round(SECONDS * rate_hz)) / rate_hz


def noise(n_samples: int, *, peak: float = 0.25) -> Samples:
    """White noise, evenly spread between -``peak`` and ``peak``: (n_samples,)."""
    generator = random.Random(_NOISE_SEED)
    return _as_int16(np.array([peak * (2.0 * generator.random() - 1.0) for _ in range(n_samples)]))


def tone(rate_hz: int) -> Samples:
    """440 Hz at half scale."""
    return _as_int16(0.5 * np.sin(2 * np.pi * 440.0 * _times(rate_hz)))


def chirp(rate_hz: int) -> Samples:
    """A linear sweep at half scale, from 50 Hz to just below half the rate."""
    times = _times(rate_hz)
    slope = (rate_hz / 2 - 100.0) / SECONDS
    return _as_int16(0.5 * np.sin(2 * np.pi * (50.0 + 0.5 * slope * times) * times))


def impulse(rate_hz: int) -> Samples:
    """One sample at three quarters of full scale, amid silence."""
    samples = np.zeros(round(SECONDS * rate_hz), np.float32)
    samples[len(samples) // 3] = 0.75
    return samples


def speech_like(rate_hz: int) -> Samples:
    """Voiced and unvoiced syllables: a gliding harmonic buzz and noise, over a quiet room."""
    times = _times(rate_hz)
    phase = 2 * np.pi * (120.0 * times + 40.0 * times * times)
    buzz = sum(np.sin(number * phase) / number for number in range(1, 25) if number * 160.0 < rate_hz / 2)
    hiss = noise(len(times), peak=1.0).astype(np.float64)
    syllables = np.sin(2 * np.pi * 4.0 * times)
    voiced, unvoiced = np.maximum(syllables, 0.0), np.maximum(-syllables, 0.0)
    return _as_int16(0.2 * voiced * buzz + 0.05 * unvoiced * hiss + 0.002 * hiss)


def faint_clicks(rate_hz: int) -> Samples:
    """Ten of the smallest steps of 16 bits, and later one, amid silence: what lies around the floors of logarithms."""
    samples = np.zeros(round(SECONDS * rate_hz), np.float32)
    samples[len(samples) // 64], samples[len(samples) // 2] = -10.0 / _INT16_SCALE, 1.0 / _INT16_SCALE
    return samples


def _between_hops(*, win_samples: int, hop_samples: int) -> int:
    """Whole hops and three quarters, where rules that count frames differ; and an odd number of whole windows."""
    n_samples = (win_samples // hop_samples + 24) * hop_samples + 3 * hop_samples // 4
    is_even = (n_samples - win_samples) // hop_samples % 2
    return n_samples + is_even * hop_samples


def signals_of(recipe: Recipe) -> Clips:
    """The signals for a recipe, which must fix its sample rate."""
    rate_hz, rule, signal = recipe.sample_rate_hz, recipe.rule, recipe.signal
    win_samples, hop_samples = rule.win_samples, rule.hop_samples
    clips: dict[str, Callable[[], Samples]] = {
        "silence": lambda: np.zeros(round(SECONDS * rate_hz), np.float32),
        "impulse": lambda: impulse(rate_hz),
        "faint_clicks": lambda: faint_clicks(rate_hz),
        "tone_440_hz": lambda: tone(rate_hz),
        "chirp": lambda: chirp(rate_hz),
        "noise_-60_dbfs": lambda: noise(round(SECONDS * rate_hz), peak=1e-3),
        "noise_0_dbfs": lambda: noise(round(SECONDS * rate_hz), peak=1.0),
        "speech_like": lambda: speech_like(rate_hz),
        "half_a_window": lambda: noise(win_samples // 2 + 3),
        "one_window": lambda: noise(win_samples),
        "one_sample_more": lambda: noise(win_samples + 1),
        "between_hops": lambda: noise(_between_hops(win_samples=win_samples, hop_samples=hop_samples)),
    }
    frames = [step.frames for tail in recipe.tails.values() for step in tail if isinstance(step, FixedLength)]
    lengths = [signal.pad_to_samples or 0, signal.cut_to_samples or 0, *(number * hop_samples for number in frames)]
    if max(lengths):
        clips["longer_than_filled_up"] = lambda: noise(max(lengths) + win_samples + 1)
    return MappingProxyType(clips)
