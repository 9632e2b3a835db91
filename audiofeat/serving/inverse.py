"""From the rows of a feature ``stft`` back to samples: least squares, by overlap-add.

Each frame's inverse FFT is multiplied with the window once more, all are added where they lie, and the sum is divided
by that of the squared windows (Griffin and Lim, 1984). That gives back every sample that the windows have seen, if
nothing but scaling came before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from audiofeat.dsp import chain as steps
from audiofeat.frontend.constants import power_divisor, window_of
from audiofeat.frontend.recipe import Recipe
from audiofeat.serving.fit import refuse

_LEAST_SHARE = 1e-4
"""Of the largest sum of squared windows: where there is less, float32's rounding would grow a hundredfold."""


class InverseStft:
    """The way back from the feature ``stft`` of a recipe."""

    def __init__(self, recipe: Recipe) -> None:
        """
        Raises:
            ConfigError: there is no way back.
        """
        refuse("the waveform cannot be had back from these frames", _problems(recipe))
        self._recipe = recipe
        self._window = window_of(recipe)
        (stft,) = recipe.chains["stft"]
        self._gain = power_divisor(recipe, stft.norm) ** 0.5 / recipe.scale if isinstance(stft, steps.Stft) else 1.0

    def __call__(self, stft: Any, length: int | None = None) -> tf.Tensor:
        """(..., frames, bins) complex -> (..., samples)."""
        rule = self._recipe.rule
        stft = tf.convert_to_tensor(stft)
        real = stft.dtype.real_dtype
        window = tf.constant(self._window, real)
        frames = tf.signal.irfft(stft, [rule.n_fft])[..., rule.window_at : rule.window_at + rule.win_samples]
        added = tf.signal.overlap_and_add(frames * window * self._gain, rule.hop_samples)
        n_frames = tf.shape(stft)[-2]
        squares = tf.tile(tf.constant(self._window**2, real)[None], [n_frames, 1])
        weights = tf.signal.overlap_and_add(squares, rule.hop_samples)
        least = tf.constant(_LEAST_SHARE * _overlapped(self._window**2, rule.hop_samples).max(), real)
        signal = tf.where(weights > least, added / tf.maximum(weights, least), tf.zeros([], real))
        signal = signal[..., max(0, -rule.first_start) :]
        if rule.first_start > 0:
            signal = _padded(signal, before=rule.first_start)
        if length is None:
            return signal
        signal = signal[..., :length]
        return _padded(signal, behind=tf.maximum(0, length - tf.shape(signal)[-1]))


def _padded(signal: tf.Tensor, *, before: int = 0, behind: int | tf.Tensor = 0) -> tf.Tensor:
    """With zeros around the last axis."""
    return tf.pad(signal, [*[[0, 0]] * (signal.shape.rank - 1), [before, behind]])


def _overlapped(squares: npt.NDArray[np.float64], hop_samples: int) -> npt.NDArray[np.float64]:
    """Sums over all frames that see a sample, for each place of it in a hop: (hop,)."""
    missing = -len(squares) % hop_samples
    sums: npt.NDArray[np.float64] = np.pad(squares, (0, missing)).reshape(-1, hop_samples).sum(axis=0)
    return sums


def _problems(recipe: Recipe) -> Iterator[tuple[str, str]]:
    rule = recipe.rule
    if "stft" not in recipe.chains:
        yield "there is no feature stft", "features={stft: {}}"
        return
    if recipe.tails["stft"]:
        way_out = "stack.left=0, stack.right=0, stack.stride=1, length.frames=null"
        yield "its rows are stacked or of a fixed number", way_out
    if recipe.remove_dc:
        yield "frame.remove_dc takes each frame's mean away", "frame.remove_dc=false"
    if recipe.preemphasis_coeff or recipe.signal.preemphasis_coeff:
        yield "pre-emphasis is not undone", "preemphasis.coeff=0"
    sums = _overlapped(window_of(recipe) ** 2, rule.hop_samples)
    if sums.min() <= _LEAST_SHARE * sums.max():
        found = f"with frame.hop_samples {rule.hop_samples} and frame.win_samples {rule.win_samples}"
        way_out = "frame.hop_samples of at most half of frame.win_samples"
        yield f"{found}, all windows that see some samples are next to zero there", way_out
