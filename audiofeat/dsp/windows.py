"""Analysis windows in the samplings that the known systems use.

A window is a function of a phase between 0 and 1; systems differ in where they sample it:

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


def window(
    win_samples: int,
    *,
    kind: str,
    sampling: str = "periodic",
    power: float = 1.0,
    coefficient: float | None = None,
) -> npt.NDArray[np.float64]:
    """The analysis window.

    Args:
        win_samples: its length W in samples.
        kind: ``rect``, ``hann``, ``hamming``, ``blackman`` or ``sine``, which is sin(pi p) at phase p.
        sampling: where the phase is sampled, see above.
        power: exponent of the finished window; 0.85 makes a Hann window Kaldi's "povey". Where a coefficient makes
            the window negative, its magnitude is raised and its sign stays.
        coefficient: a0 of a0 - (1 - a0) cos(2 pi p), ``hamming``, or of a0 - cos(2 pi p) / 2 + (1/2 - a0) cos(4 pi p),
            ``blackman``; None is the usual 0.54 or 0.42.

    Shape:
        returns (win_samples,) float64.
    Raises:
        ValueError: an unknown kind or sampling, or a coefficient for a window that has none.
    Reference:
        tensorflow/python/ops/signal/window_ops.py; kaldi/src/feat/feature-window.cc (FeatureWindowFunction).
    """
    if kind == "rect":
        return np.ones(win_samples)
    if kind != "sine" and kind not in _COSINE_SERIES:
        raise ValueError(f"window kind {kind!r}: one of rect, sine, {', '.join(_COSINE_SERIES)}")
    if coefficient is not None and kind not in ("hamming", "blackman"):
        raise ValueError(f"a {kind} window has no coefficient; hamming and blackman have one")
    if sampling == "periodic_if_even":
        sampling = "symmetric" if win_samples % 2 else "periodic"
    places = {
        "periodic": (0.0, win_samples),
        "symmetric": (0.0, max(1, win_samples - 1)),
        "half_sample": (0.5, win_samples),
    }
    if sampling not in places:
        raise ValueError(f"window sampling {sampling!r}: one of {', '.join(places)}, periodic_if_even")
    offset, length = places[sampling]
    if win_samples == 1 and sampling != "half_sample":
        return np.ones(1)  # as numpy.hanning(1): the phase of a single sample is its peak
    return np.array(
        [_value(2.0 * math.pi * (n + offset) / length, kind, coefficient, power) for n in range(win_samples)]
    )


def _value(angle: float, kind: str, coefficient: float | None, power: float) -> float:
    """The window at 2 pi times its phase.

    Through math, not NumPy, whose vectorised cosine gives other last bits on other processors.
    """
    if kind == "sine":
        value = math.sin(0.5 * angle)
    else:
        a0, a1, a2 = _series(kind, coefficient)
        value = a0 - a1 * math.cos(angle) + a2 * math.cos(2.0 * angle)
    if -1e-15 < value < 0.0:
        value = 0.0  # a zero but for rounding
    return math.copysign(abs(value) ** power, value)


def _series(kind: str, coefficient: float | None) -> tuple[float, float, float]:
    if coefficient is None:
        return _COSINE_SERIES[kind]
    return (coefficient, 1.0 - coefficient, 0.0) if kind == "hamming" else (coefficient, 0.5, 0.5 - coefficient)
