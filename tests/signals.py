"""Test signals, made the same way every time: (samples,) float32 in -1..1.

Those of the package (``audiofeat.parity.signals``) last half a second and lie on the steps of 16-bit audio, which puts
a floor under what a tone leaves empty. These last a second and are rounded to float32 alone, the impulse is at full
scale, and noise is normal, at any level, from any seed. They are the harder ones: a chirp through ``kaldi-fbank80`` in
float32 is 1.4e-2 off here, and 2.5e-3 there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiofeat.dsp.framing import Samples


def _times(rate_hz: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.arange(rate_hz) / rate_hz


def noise(n_samples: int, *, seed: int = 7, level: float = 0.1) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def tone(rate_hz: int) -> Samples:
    """One second of 440 Hz at half scale."""
    return (0.5 * np.sin(2 * np.pi * 440.0 * _times(rate_hz))).astype(np.float32)


def chirp(rate_hz: int) -> Samples:
    """One second from 50 Hz to just below half the rate."""
    times = _times(rate_hz)
    return (0.5 * np.sin(2 * np.pi * (50.0 + 0.5 * (rate_hz / 2 - 100.0) * times) * times)).astype(np.float32)


def impulse(rate_hz: int) -> Samples:
    samples = np.zeros(rate_hz, np.float32)
    samples[rate_hz // 3] = 1.0
    return samples


def over_room_noise(samples: Samples) -> Samples:
    """The signal as a microphone hears it, over noise 50 dB below full scale.

    Where a pure tone leaves a band empty, any float32 FFT fills it with its rounding errors, and two libraries agree
    on nothing there: kaldi_native_fbank is 3 off the float64 value of a noiseless chirp, in ln, and tf.signal more.
    """
    return samples + noise(len(samples), seed=50, level=10 ** (-50 / 20))


SIGNALS: dict[str, Callable[[int, int], Samples]] = {
    "silence": lambda rate_hz, window: np.zeros(rate_hz, np.float32),
    "impulse": lambda rate_hz, window: impulse(rate_hz),
    "tone_440_hz": lambda rate_hz, window: tone(rate_hz),
    "chirp": lambda rate_hz, window: chirp(rate_hz),
    "noise": lambda rate_hz, window: noise(rate_hz),
    "one_window": lambda rate_hz, window: noise(window),
    "one_sample_more": lambda rate_hz, window: noise(window + 1),
    "one_sample_less": lambda rate_hz, window: noise(window - 1),
    "half_a_window": lambda rate_hz, window: noise(window // 2 + 3),
}
"""By name: makes the signal for a sample rate in Hz and a window length in samples."""
