"""Numbers that the programs hold as constants, which follow from a recipe alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.windows import window
from audiofeat.frontend.recipe import Recipe


def window_of(recipe: Recipe) -> npt.NDArray[np.float64]:
    """The window that a recipe multiplies its frames with: (win_samples,) float64."""
    if recipe.window_values is not None:
        return np.array(recipe.window_values)
    return window(
        recipe.rule.win_samples,
        kind=recipe.window_kind,
        sampling=recipe.window_sampling,
        power=recipe.window_power,
        coefficient=recipe.window_coefficient,
    )


def power_divisor(recipe: Recipe, norm: str) -> float:
    """What ``spectrum.norm`` divides |X|^2 by.

    ``n_fft`` F; ``win_length`` W; ``window_energy`` the sum of w^2; ``window_sum`` (the sum of w / 2)^2.

    Reference:
        python_speech_features/sigproc.py (powspec); torchaudio.transforms.Spectrogram (normalized);
        essentia/src/algorithms/standard/windowing.cpp (normalized).
    """
    if norm == "none":
        return 1.0
    if norm == "n_fft":
        return float(recipe.rule.n_fft)
    if norm == "win_length":
        return float(recipe.rule.win_samples)
    values = window_of(recipe).tolist()
    if norm == "window_energy":
        return math.fsum(value * value for value in values)
    return (0.5 * math.fsum(values)) ** 2
