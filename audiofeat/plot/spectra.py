"""The spectrum and the spectrogram of a clip as a picture shows them: whatever its features are, always the same.

Hann windows of about 46 ms, four of them over each sample. Levels are in dB of a full-scale sine: one that reaches 1
has 0 dB. Of a long clip, as many frames as would lie on one dot of the picture are one: their mean power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.framing import Samples
from audiofeat.plot.scales import FrameTimes
from audiofeat.plot.shown import Sound

Numbers = npt.NDArray[np.float64]

_WINDOW_SECONDS = 0.046
_OVERLAP = 4
_MOST_COLUMNS = 2_000
_BLOCK_FRAMES = 1_024
_LEAST_POWER = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Levels over time and frequency, and over frequency alone."""

    bins_hz: Numbers
    """(bins,)"""
    spectrum_db: Numbers
    """(bins,): of the mean power over the clip."""
    spectrogram_db: Numbers
    """(columns, bins)"""
    times: FrameTimes
    """Of the columns."""


def spectra_of(sound: Sound) -> Spectra:
    """Compute both; a clip that is shorter than a window is filled up with silence."""
    rate_hz = sound.sample_rate_hz
    n_fft = max(16, 2 ** round(math.log2(_WINDOW_SECONDS * rate_hz)))
    hop = n_fft // _OVERLAP
    n_frames = 1 + len(sound.samples) // hop
    pooled = -(-n_frames // _MOST_COLUMNS)
    powers = _powers(sound.samples, n_fft=n_fft, hop=hop, n_frames=n_frames, pooled=pooled)
    # The last column may be of fewer frames; that it counts as much as the others cannot be seen.
    return Spectra(
        bins_hz=np.arange(n_fft // 2 + 1) * (rate_hz / n_fft),
        spectrum_db=_decibels(powers.mean(axis=0)),
        spectrogram_db=_decibels(powers),
        times=FrameTimes((pooled - 1) / 2 * hop / rate_hz, pooled * hop / rate_hz),
    )


def _powers(samples: Samples, *, n_fft: int, hop: int, n_frames: int, pooled: int) -> Numbers:
    """Of a sine at its bin: the square of its amplitude. (n,) -> (columns, n_fft // 2 + 1)."""
    window = np.hanning(n_fft + 1)[:-1]
    window *= 2.0 / window.sum()
    around = np.pad(samples, n_fft // 2 + hop)[hop:]  # frame i is centred on sample i * hop
    frames = np.lib.stride_tricks.sliding_window_view(around, n_fft)[::hop]
    step = max(1, _BLOCK_FRAMES // pooled) * pooled
    found = []
    for start in range(0, n_frames, step):
        block = frames[start : min(start + step, n_frames)]
        power = np.square(np.abs(np.fft.rfft(block * window)))
        found.append(np.add.reduceat(power, range(0, len(power), pooled)) / pooled)
    return np.concatenate(found)


def _decibels(power: Numbers) -> Numbers:
    return 10.0 * np.log10(np.maximum(power, _LEAST_POWER))
