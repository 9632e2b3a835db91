"""Mel filterbanks: triangles that map the bins of a spectrum to bands.

Systems agree that a triangle's corners are equally spaced in mel, and on little else: on the mel scale (HTK,
Slaney), on the axis along which the sides are straight, on where the FFT's bins lie, on which bins at the ends of
the range count, and on how much a triangle weighs.
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
    grid: str = "exact",
    edge_bins: str = "all",
) -> Matrix:
    """Triangles whose corners are equally spaced in mel between ``fmin_hz`` and ``fmax_hz``.

    Args:
        scale: ``htk`` or ``slaney``, the scale in which corners are spaced.
        sides: the axis along which a triangle's sides are straight: ``hz``; ``mel``; ``bin_floor``, the bin's number,
            each corner f moved down to bin floor((n_fft + 1) f / rate); or ``hz_left``, in Hz with the left side's
            width on both sides, 1 - |f - centre| / (centre - lower).
        norm: ``none`` (peak 1), ``slaney`` (each triangle times 2 / its width in Hz), or each band's weights divided
            by their sum (``unit_sum``), the root of their sum of squares (``unit_l2``) or maximum (``unit_max``); a
            band without any bin stays all zero.
        grid: bin k lies at k * rate / n_fft (``exact``), or the bins are evenly spaced from 0 to rate // 2
            (``half_int``, as torchaudio and SpeechBrain have them, who take rate // 2 for ``fmax_hz`` too).
        edge_bins: ``all``, or with D = rate / n_fft only bins int(fmin / D + 1.5) to int(fmax / D + 0.5) - 1 (``htk``)
            or int(fmin / D + 1.5) to int(fmax / D) (``tf_op``).

    Shape:
        returns (n_bins, bands) float64 with n_bins = n_fft // 2 + 1; spectrum (..., n_bins) @ it -> (..., bands).
    Reference:
        librosa.filters.mel (``hz``; its ``norm`` 1, 2 and inf are the unit norms); kaldi/src/feat/mel-computations.cc
        and tensorflow/python/ops/signal/mel_ops.py (``mel``); python_speech_features/base.py, get_filterbanks
        (``bin_floor``); speechbrain/processing/features.py, Filterbank (``hz_left``); HTKLib/HSigP.c, InitFBank
        (``htk``); tensorflow/core/kernels/mfcc_mel_filterbank.cc (``tf_op``).
    """
    n_bins = n_fft // 2 + 1
    low, high = hz_to_mel(fmin_hz, scale=scale), hz_to_mel(fmax_hz, scale=scale)
    corners_mel = [low + (high - low) * i / (bands + 1) for i in range(bands + 2)]
    corners_hz = np.array([mel_to_hz(mel, scale=scale) for mel in corners_mel])
    if grid == "half_int":
        bins_hz = [k * (sample_rate_hz // 2) / max(1, n_bins - 1) for k in range(n_bins)]
    else:
        bins_hz = [k * sample_rate_hz / n_fft for k in range(n_bins)]

    if sides == "bin_floor":
        weights = _between_bins(np.floor((n_fft + 1) * corners_hz / sample_rate_hz), n_bins=n_bins)
    elif sides == "hz_left":
        lower, centre = corners_hz[:-2], corners_hz[1:-1]
        weights = np.maximum(0.0, 1.0 - np.abs(np.array(bins_hz)[:, None] - centre) / (centre - lower))
    elif sides == "hz":
        weights = _triangles(np.array(bins_hz), corners_hz)
    else:
        weights = _triangles(np.array([hz_to_mel(hz, scale=scale) for hz in bins_hz]), np.array(corners_mel))

    if edge_bins != "all":
        bin_width_hz = sample_rate_hz / n_fft
        first = int(fmin_hz / bin_width_hz + 1.5)
        last = int(fmax_hz / bin_width_hz + 0.5) - 1 if edge_bins == "htk" else int(fmax_hz / bin_width_hz)
        weights[:first] = 0.0
        weights[last + 1 :] = 0.0
    if norm == "slaney":
        weights *= 2.0 / (corners_hz[2:] - corners_hz[:-2])
    elif norm != "none":
        sizes = {"unit_sum": weights.sum(axis=0), "unit_l2": np.sqrt(np.square(weights).sum(axis=0))}
        size = sizes.get(norm, weights.max(axis=0))
        weights /= np.where(size == 0.0, 1.0, size)
    return weights


def empty_bands(weights: Matrix) -> list[int]:
    """The bands that hold no bin of the spectrum: their feature is a constant."""
    return [int(band) for band in np.flatnonzero(weights.max(axis=0) == 0.0)]


def _triangles(axis: Matrix, corners: Matrix) -> Matrix:
    """One triangle for each three neighbouring corners: (n_bins,), (bands + 2,) -> (n_bins, bands)."""
    lower, centre, upper = corners[:-2], corners[1:-1], corners[2:]
    rise = (axis[:, None] - lower) / (centre - lower)
    fall = (upper - axis[:, None]) / (upper - centre)
    return np.maximum(0.0, np.minimum(rise, fall))


def _between_bins(corners: Matrix, *, n_bins: int) -> Matrix:
    """As :func:`_triangles`, but with corners that are whole bins and may coincide: then a side has no bin at all."""
    weights = np.zeros((n_bins, len(corners) - 2))
    for band in range(weights.shape[1]):
        lower, centre, upper = (int(corner) for corner in corners[band : band + 3])
        for k in range(lower, min(centre, n_bins)):
            weights[k, band] = (k - lower) / (centre - lower)
        for k in range(centre, min(upper, n_bins)):
            weights[k, band] = (upper - k) / (upper - centre)
    return weights
