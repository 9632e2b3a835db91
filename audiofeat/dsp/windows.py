"""Analysis windows in the samplings that the known systems use.

A raised-cosine window is a function of a phase between 0 and 1; systems differ in where they sample it:

* ``periodic``: n / W (torch, scipy ``sym=False``, librosa, VGGish)
* ``symmetric``: n / (W - 1) (Kaldi, HTK, NeMo, Essentia)
* ``half_sample``: (n + 0.5) / W (NVIDIA DALI, the TFLite micro frontend)
* ``periodic_if_even``: periodic for even W, symmetric for odd W (tf.signal)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

# Coefficients of a0 - a1 cos(2 pi p) + a2 cos(4 pi p).
_COSINE_SERIES = {"hann": (0.5, 0.5, 0.0), "hamming": (0.54, 0.46, 0.0), "blackman": (0.42, 0.5, 0.08)}


def window(win_samples: int, *, kind: str, sampling: str = "periodic", power: float = 1.0) -> npt.NDArray[np.float64]:
    """The analysis window.

    Args:
        win_samples: its length W in samples.
        kind: ``rect``, ``hann``, ``hamming`` or ``blackman``.
        sampling: where the phase is sampled, see above.
        power: exponent of the finished window; 0.85 makes a Hann window Kaldi's "povey".

    Shape:
        returns (win_samples,) float64.
    Raises:
        ValueError: an unknown kind or sampling.
    Reference:
        tensorflow/python/ops/signal/window_ops.py; kaldi/src/feat/feature-window.cc (FeatureWindowFunction).
    """
    if kind == "rect":
        return np.ones(win_samples)
    if kind not in _COSINE_SERIES:
        raise ValueError(f"window kind {kind!r}: one of rect, {', '.join(_COSINE_SERIES)}")
    if sampling == "periodic_if_even":
        sampling = "symmetric" if win_samples % 2 else "periodic"
    offset, length = {
        "periodic": (0.0, win_samples),
        "symmetric": (0.0, max(1, win_samples - 1)),
        "half_sample": (0.5, win_samples),
    }[sampling]
    if win_samples == 1 and sampling != "half_sample":
        return np.ones(1)  # as numpy.hanning(1): the phase of a single sample is its peak
    a0, a1, a2 = _COSINE_SERIES[kind]
    values = []
    for n in range(win_samples):
        phase = 2.0 * math.pi * (n + offset) / length
        # Through math, not NumPy: its vectorised cosine gives other last bits on other processors.
        values.append(max(0.0, a0 - a1 * math.cos(phase) + a2 * math.cos(2.0 * phase)) ** power)
    return np.array(values)
