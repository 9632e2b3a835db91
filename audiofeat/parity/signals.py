"""The signals that presets are compared on: synthesised, and the same samples on every machine.

All lie on the steps of 16-bit audio, so that a last bit in a sine cannot change them, and noise is made by Python's
Mersenne Twister, whose stream is promised to stay as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.framing import Samples

SECONDS = 0.5
_INT16_STEPS = 32768.0
_NOISE_SEED = 7


def _as_int16(signal: npt.NDArray[np.float64]) -> Samples:
    steps = np.clip(np.round(signal * _INT16_STEPS), -_INT16_STEPS, _INT16_STEPS - 1)
    return (steps / _INT16_STEPS).astype(np.float32)


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


SIGNALS: Mapping[str, Callable[[int, int], Samples]] = MappingProxyType(
    {
        "silence": lambda rate_hz, win_samples: np.zeros(round(SECONDS * rate_hz), np.float32),
        "impulse": lambda rate_hz, win_samples: impulse(rate_hz),
        "tone_440_hz": lambda rate_hz, win_samples: tone(rate_hz),
        "chirp": lambda rate_hz, win_samples: chirp(rate_hz),
        "noise_-60_dbfs": lambda rate_hz, win_samples: noise(round(SECONDS * rate_hz), peak=1e-3),
        "noise_0_dbfs": lambda rate_hz, win_samples: noise(round(SECONDS * rate_hz), peak=1.0),
        "speech_like": lambda rate_hz, win_samples: speech_like(rate_hz),
        "half_a_window": lambda rate_hz, win_samples: noise(win_samples // 2 + 3),
        "one_window": lambda rate_hz, win_samples: noise(win_samples),
        "one_sample_more": lambda rate_hz, win_samples: noise(win_samples + 1),
    }
)
"""By name: makes the signal for a sample rate in Hz and a window length in samples; (samples,) float32 in -1..1."""
