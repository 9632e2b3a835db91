"""Numbers that the programs hold as constants, which follow from a recipe alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from audiofeat.dsp import chain as steps
from audiofeat.dsp.windows import window
from audiofeat.errors import ConfigError
from audiofeat.frontend.recipe import Recipe

_ROUNDING = 1e-12
"""Of a sum, relative to its summands."""


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
    Raises:
        ConfigError: nothing but rounding is left of the window's sum.
    """
    if norm == "none":
        return 1.0
    if norm == "n_fft":
        return float(recipe.rule.n_fft)
    if norm == "win_length":
        return float(recipe.rule.win_samples)
    values = window_of(recipe).tolist()
    summands = [value * value for value in values] if norm == "window_energy" else values
    total = math.fsum(summands)
    if abs(total) <= _ROUNDING * math.fsum(map(abs, values)):
        what = "sum of squares" if norm == "window_energy" else "sum"
        raise ConfigError(
            f"spectrum.norm is {norm}, but the window's {what} is {total:.3g}, by which nothing can be divided",
            hint="another window, or spectrum.norm: none",
        )
    return total if norm == "window_energy" else (0.5 * total) ** 2


def check_norms(recipe: Recipe) -> None:
    """Raises ConfigError where a feature's spectrum is to be divided by a window that sums up to nothing."""
    for chain in recipe.chains.values():
        if isinstance(chain[0], steps.Spectrum | steps.Stft):
            power_divisor(recipe, chain[0].norm)
