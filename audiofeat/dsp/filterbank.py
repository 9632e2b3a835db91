"""Mel filterbanks: triangles that map the bins of a spectrum to bands.

Two mel scales (HTK, Slaney), two ways to draw a triangle's sides (straight in Hz, as librosa; straight in mel,
as Kaldi and tf.signal), two normalisations (peak 1; area 2 / width in Hz, "slaney").
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# Slaney's scale: linear below 1 kHz at 3 mel in 200 Hz, then 27 steps for each factor of 6.4.
_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = math.log(6.4) / 27.0


def hz_to_mel(frequency_hz: float, *, scale: str) -> float:
    """A frequency in mel. Reference: the HTK Book 3.5, section 5.4; Slaney, Auditory Toolbox (1998)."""
    if scale == "htk":
        return 1127.0 * math.log1p(frequency_hz / 700.0)
    if frequency_hz < _SLANEY_BREAK_HZ:
        return frequency_hz / _SLANEY_HZ_PER_MEL
    return _SLANEY_BREAK_MEL + math.log(frequency_hz / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP


def mel_to_hz(mel: float, *, scale: str) -> float:
    """A mel value in Hz: the inverse of :func:`hz_to_mel`."""
    if scale == "htk":
        return 700.0 * math.expm1(mel / 1127.0)
    if mel < _SLANEY_BREAK_MEL:
        return mel * _SLANEY_HZ_PER_MEL
    return _SLANEY_BREAK_HZ * math.exp((mel - _SLANEY_BREAK_MEL) * _SLANEY_LOG_STEP)


def mel_filterbank(
    *,
    sample_rate_hz: int,
    n_fft: int,
    bands: int,
    fmin_hz: float,
    fmax_hz: float,
    scale: str = "htk",
    sides: str = "mel",
    norm: str = "none",
) -> Matrix:
    """Triangles whose corners are equally spaced in mel between ``fmin_hz`` and ``fmax_hz``.

    Args:
        scale: ``htk`` or ``slaney``, the scale in which corners are spaced.
        sides: ``hz`` or ``mel``, the axis along which a triangle's sides are straight.
        norm: ``none`` (peak 1) or ``slaney`` (each triangle times 2 / its width in Hz).

    Shape:
        returns (n_bins, bands) float64 with n_bins = n_fft // 2 + 1; spectrum (..., n_bins) @ it -> (..., bands).
    Reference:
        librosa.filters.mel (sides "hz"); kaldi/src/feat/mel-computations.cc and
        tensorflow/python/ops/signal/mel_ops.py (sides "mel").
    """
    low, high = hz_to_mel(fmin_hz, scale=scale), hz_to_mel(fmax_hz, scale=scale)
    corners_mel = [low + (high - low) * i / (bands + 1) for i in range(bands + 2)]
    corners_hz = np.array([mel_to_hz(mel, scale=scale) for mel in corners_mel])
    bins_hz = [k * sample_rate_hz / n_fft for k in range(n_fft // 2 + 1)]
    if sides == "hz":
        axis, corners = np.array(bins_hz), corners_hz
    else:
        axis, corners = np.array([hz_to_mel(hz, scale=scale) for hz in bins_hz]), np.array(corners_mel)

    lower, centre, upper = corners[:-2], corners[1:-1], corners[2:]
    rise = (axis[:, None] - lower) / (centre - lower)
    fall = (upper - axis[:, None]) / (upper - centre)
    weights: Matrix = np.maximum(0.0, np.minimum(rise, fall))
    if norm == "slaney":
        weights *= 2.0 / (corners_hz[2:] - corners_hz[:-2])
    return weights


def empty_bands(weights: Matrix) -> list[int]:
    """The bands that hold no bin of the spectrum: their feature is a constant."""
    return [int(band) for band in np.flatnonzero(weights.max(axis=0) == 0.0)]
