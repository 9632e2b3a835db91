"""The steps of a chain as TensorFlow's operations, to be traced into a program.

Each row is computed alone, by the same instructions wherever it lies: no gather, no sum that runs over rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from audiofeat.dsp import chain as steps
from audiofeat.dsp.cepstrum import cepstral_matrix
from audiofeat.dsp.chain import Chain
from audiofeat.frontend.constants import power_divisor, window_of
from audiofeat.frontend.kernels import COMPILED, Kernels
from audiofeat.frontend.products import product, row_sums
from audiofeat.frontend.recipe import Recipe, filterbank_of


class FrameValues:
    """What chains give for each frame of a stretch of tape; beginnings that chains have in common are computed once."""

    def __init__(self, tape: tf.Tensor, recipe: Recipe, *, slots: int | tf.Tensor, kernels: Kernels = COMPILED) -> None:
        """``tape``: the samples that ``slots`` frames see, each a hop behind the one before."""
        self._recipe = recipe
        self._kernels = kernels
        rule = recipe.rule
        # Framing without a gather: a frame is ceil(W / H) neighbouring blocks of one hop.
        blocks = tf.reshape(tape, [-1, rule.hop_samples])
        if recipe.scale != 1.0:
            blocks *= recipe.scale
        shifts = range(-(-rule.win_samples // rule.hop_samples))
        views = [blocks[shift : shift + slots] for shift in shifts]
        self._frames = tf.concat(views, axis=1)[:, : rule.win_samples]
        self._centred = self._frames
        if recipe.remove_dc:
            # Not a division, which XLA and TensorFlow's optimizer, if it is on, replace by this.
            self._centred -= row_sums(self._frames, kernels) * (1.0 / rule.win_samples)
        self._windowed = _windowed(self._centred, recipe)
        # One concatenation, zeros included: to pad what was concatenated before is another pass through memory.
        zeros = tf.zeros([slots, rule.n_fft - rule.win_samples], tape.dtype)
        around = [zeros[:, : rule.window_at], *self._windowed, zeros[:, rule.window_at :]]
        self._spectrum = tf.signal.rfft(tf.concat(around, axis=1))
        self._power = tf.square(tf.math.real(self._spectrum)) + tf.square(tf.math.imag(self._spectrum))
        self._known: dict[Chain, tf.Tensor] = {}

    def of(self, chain: Chain) -> tf.Tensor:
        """The rows that a chain without steps that need the clip gives: (slots, dims)."""
        if chain not in self._known:
            self._known[chain] = self._compute(chain)
        return self._known[chain]

    def _compute(self, chain: Chain) -> tf.Tensor:
        last = chain[-1]
        if isinstance(last, steps.Waveform):
            return self._frames
        if isinstance(last, steps.Stft):
            divisor = power_divisor(self._recipe, last.norm)
            if divisor == 1.0:
                return self._spectrum
            return self._spectrum * tf.constant(math.sqrt(1.0 / divisor), self._spectrum.dtype)
        if isinstance(last, steps.Spectrum):
            guarded = _guarded(self._normed_power(last.norm), guard=last.guard, floor=last.floor)
            return guarded if last.power == 2 else tf.sqrt(guarded)
        if isinstance(last, steps.LogEnergy):
            return self._kernels.log(tf.maximum(self._energy(last), last.floor))
        before = self.of(chain[:-1])
        if isinstance(last, steps.WithEnergy):
            return with_energy(last, before, self.of((last.energy,)))
        return apply_step(last, before, self._recipe, self._kernels)

    def _normed_power(self, norm: str) -> tf.Tensor:
        divisor = power_divisor(self._recipe, norm)
        return self._power if divisor == 1.0 else self._power * (1.0 / divisor)

    def _energy(self, step: steps.LogEnergy) -> tf.Tensor:
        if step.source == "spectrum":
            return row_sums(self._normed_power(step.norm), self._kernels)
        frames = tf.concat(self._windowed, axis=1) if step.source == "windowed" else self._centred
        return row_sums(tf.square(frames), self._kernels)


def apply_step(step: steps.Step, value: tf.Tensor, recipe: Recipe, kernels: Kernels = COMPILED) -> tf.Tensor:
    """The steps that need nothing but the rows before them, the same in both programs."""
    if isinstance(step, steps.Mel):
        matrix = filterbank_of(step, sample_rate_hz=recipe.sample_rate_hz, n_fft=recipe.rule.n_fft)
        return product(value, matrix, kernels)
    if isinstance(step, steps.Root):
        return tf.sqrt(value)
    if isinstance(step, steps.Log):
        logarithm = kernels.log(_guarded(value, guard=step.guard, floor=step.floor))
        return logarithm if math.isclose(step.factor, 1.0) else logarithm * step.factor
    if isinstance(step, steps.AtLeast):
        return tf.maximum(value, step.least)
    if isinstance(step, steps.Affine):
        return value * step.gain + step.offset
    if isinstance(step, steps.Cepstrum):
        matrix = cepstral_matrix(
            bands=step.bands,
            n=step.n,
            dct=step.dct,
            lifter=step.lifter,
            lifter_base=step.lifter_base,
            c0=step.c0,
        )
        return product(value, matrix, kernels)
    raise TypeError(f"no program for the step {step!r}")


def with_energy(step: steps.WithEnergy, value: tf.Tensor, energy: tf.Tensor) -> tf.Tensor:
    """Rows with their log energy, (frames, 1), in a place of its own or in coefficient 0's."""
    if isinstance(step, steps.EnergyForC0):
        return tf.concat([energy, value[:, 1:]], axis=1)
    return tf.concat([energy, value] if step.at == "first" else [value, energy], axis=1)


def _windowed(frames: tf.Tensor, recipe: Recipe) -> list[tf.Tensor]:
    """Frames after pre-emphasis and window, in one piece or, where the first sample is another matter, in two."""
    window = _constant(window_of(recipe), like=frames)
    coeff = recipe.preemphasis_coeff
    if not coeff:
        return [frames * window]
    x0, x1 = frames[:, :1], frames[:, 1:2]
    if recipe.preemphasis_first == "replicate":
        first = x0 * (1.0 - coeff)
    elif recipe.preemphasis_first == "keep" or frames.shape[1] == 1:  # a lone sample has no second one to look at
        first = x0
    else:
        first = x0 - coeff * x1 if recipe.preemphasis_first == "reflect" else 3.0 * x0 - x1
    # In this form XLA fuses it with the framing; subtracting a shifted copy takes a quarter longer.
    return [first * window[:1], (frames[:, 1:] - coeff * frames[:, :-1]) * window[1:]]


def _guarded(value: tf.Tensor, *, guard: str, floor: float) -> tf.Tensor:
    """What keeps a value, never negative, from zero."""
    if guard == "add":
        return value + floor
    if guard == "replace_zero":
        return tf.where(value == 0.0, tf.constant(floor, value.dtype), value)
    return tf.maximum(value, floor) if guard == "max" else value


def _constant(values: npt.NDArray[Any], *, like: tf.Tensor) -> tf.Tensor:
    return tf.constant(values, like.dtype)
