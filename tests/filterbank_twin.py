"""The slow twin of the filterbank, by the ``mel`` knobs, the sample rate and the FFT length: weight by weight.

A part of ``twins``, where the defaults stand.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Real: TypeAlias = npt.NDArray[np.float64]


def _to_mel(hz: float, scale: str) -> float:
    if scale == "htk":
        return 1127.0 * math.log(1.0 + hz / 700.0)
    return 3.0 * hz / 200.0 if hz < 1000.0 else 15.0 + 27.0 * math.log(hz / 1000.0) / math.log(6.4)


def _to_hz(mel: float, scale: str) -> float:
    if scale == "htk":
        return 700.0 * (math.exp(mel / 1127.0) - 1.0)
    return 200.0 * mel / 3.0 if mel < 15.0 else 1000.0 * math.exp(math.log(6.4) * (mel - 15.0) / 27.0)


def triangles(k: Mapping[str, Any]) -> Real:
    """The filterbank, (F // 2 + 1, B), one weight at a time; kept for the next clip with the same knobs."""
    names = ["audio.sample_rate", "frame.n_fft", *(name for name in k if name.startswith("mel."))]
    return _triangles(tuple((name, k[name]) for name in sorted(names)))


@functools.cache
def _triangles(knobs: tuple[tuple[str, Any], ...]) -> Real:
    k = dict(knobs)
    rate, n_fft, bands, scale = k["audio.sample_rate"], k["frame.n_fft"], k["mel.bands"], k["mel.scale"]
    fmin, fmax = k["mel.fmin_hz"], rate / 2 if k["mel.fmax_hz"] is None else k["mel.fmax_hz"]
    low, high = _to_mel(fmin, scale), _to_mel(fmax, scale)
    mels = [low + (high - low) * edge / (bands + 1) for edge in range(bands + 2)]
    hzs = [_to_hz(mel, scale) for mel in mels]
    weights = np.zeros((n_fft // 2 + 1, bands))
    width = rate / n_fft
    first = int(fmin / width + 1.5)
    last = {"all": 1 << 30, "htk": int(fmax / width + 0.5) - 1, "tf_op": int(fmax / width)}[k["mel.edge_bins"]]
    for band in range(bands):
        for b in range(n_fft // 2 + 1):
            if k["mel.edge_bins"] != "all" and not first <= b <= last:
                continue
            hz = b * rate / n_fft if k["mel.grid"] == "exact" else b * (rate // 2) / (n_fft // 2)
            weights[b, band] = _side(b, hz, mels[band : band + 3], hzs[band : band + 3], k)
        if k["mel.norm"] == "slaney":
            weights[:, band] *= 2.0 / (hzs[band + 2] - hzs[band])
        elif k["mel.norm"] != "none":
            column = weights[:, band].tolist()
            size = {
                "unit_sum": math.fsum(column),
                "unit_l2": math.sqrt(math.fsum(w * w for w in column)),
                "unit_max": max(column),
            }[k["mel.norm"]]
            weights[:, band] = [w / size if size else 0.0 for w in column]
    return weights


def _side(b: int, hz: float, mels: list[float], hzs: list[float], k: Mapping[str, Any]) -> float:
    """The weight of bin number ``b``, at ``hz``, in the band with these three corners."""
    if k["mel.sides"] == "hz_left":
        return max(0.0, 1.0 - abs(hz - hzs[1]) / (hzs[1] - hzs[0]))
    if k["mel.sides"] == "bin_floor":
        low, centre, high = (math.floor((k["frame.n_fft"] + 1) * f / k["audio.sample_rate"]) for f in hzs)
        if low <= b < centre:
            return float((b - low) / (centre - low))
        return float((high - b) / (high - centre)) if centre <= b < high else 0.0
    at, (left, top, right) = (hz, hzs) if k["mel.sides"] == "hz" else (_to_mel(hz, k["mel.scale"]), mels)
    if left < at <= top:
        return (at - left) / (top - left)
    return (right - at) / (right - top) if top < at < right else 0.0
