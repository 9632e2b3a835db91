"""The cosine transform that turns log-mel bands into cepstral coefficients, and the lifter on top of it.

Both are linear, so they are one matrix: nothing but a product is left for each frame.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def cepstral_matrix(
    *, bands: int, n: int, dct: str = "ortho", lifter: float = 0.0, lifter_base: int = 0, c0: str = "first"
) -> npt.NDArray[np.float64]:
    """The first ``n`` rows of a DCT-II, scaled and liftered, as a matrix to multiply log-mel rows with.

    Coefficient k of a row x of B bands is ``s_k * w_k * sum_i x_i cos(pi k (2 i + 1) / (2 B))`` with s_k

    * ``ortho``: sqrt(1/B) for k = 0, else sqrt(2/B) (librosa, Kaldi, scipy ``norm="ortho"``)
    * ``htk``: sqrt(2/B) for every k (HTK, tf.signal)
    * ``x2``: 2 (scipy without norm)
    * ``x1``: 1 (NVIDIA DALI)

    and w_k = 1 + (lifter / 2) sin(pi (k + lifter_base) / lifter), or 1 without a lifter. Base 0 leaves C0 alone
    (HTK, Kaldi); base 1 is librosa's. Coefficient 0 comes ``first``, ``last`` (HTK's _0), or is left out (``drop``).

    Shape:
        returns (bands, n) float64; log_mel (..., bands) @ it -> (..., n). With ``drop`` n - 1 for n.
    Reference:
        The HTK Book 3.5, section 5.6; kaldi/src/matrix/matrix-functions.cc (ComputeDctMatrix);
        librosa.feature.mfcc.
    """
    matrix = np.empty((bands, n))
    for k in range(n):
        if dct == "ortho":
            scale = math.sqrt((1.0 if k == 0 else 2.0) / bands)
        else:
            scale = {"htk": math.sqrt(2.0 / bands), "x2": 2.0, "x1": 1.0}[dct]
        if lifter:
            scale *= 1.0 + 0.5 * lifter * math.sin(math.pi * (k + lifter_base) / lifter)
        matrix[:, k] = [scale * math.cos(math.pi * k * (2 * i + 1) / (2 * bands)) for i in range(bands)]
    if c0 == "last":
        return np.roll(matrix, -1, axis=1)
    return matrix[:, 1:] if c0 == "drop" else matrix
