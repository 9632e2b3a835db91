"""The two compiled programs: a tape of samples to rows, and rows to rows once a clip's statistics are known.

Each is one XLA computation of one fixed shape, compiled once. Every row is computed alone, by the same
instructions wherever it lies on the tape; so the bits of a clip do not depend on its neighbours, on the tape's
length or on the number of workers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from audiofeat.dsp import chain as steps
from audiofeat.dsp.cepstrum import cepstral_matrix
from audiofeat.dsp.chain import Chain
from audiofeat.dsp.windows import window
from audiofeat.frontend.recipe import Recipe, filterbank_of
from audiofeat.tape import tape_length

Array = npt.NDArray[Any]


def use_device(device: str, *, threads: int = 1) -> None:
    """Set TensorFlow up for this process: before anything else is computed in it.

    One intra-op thread, since each lane brings a thread of its own and two of them share no work; TF32 off, since
    it costs three decimal digits.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.get_visible_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, enable=True)


class Frontend:
    """The compiled programs of a recipe.

    ``frame_program(tape)``: (length,) float32 -> features that are finished, by name, each (slots, dims); and the
    columns that wait for their clip's end, (slots, pending.width), or None.

    ``clip_program(rows, statistics)``: (slots, pending.width) and (slots, len(pending.maxima)), the maxima of each
    row's clip -> the other features by name, each (slots, dims).

    All but the tape is of the recipe's precision, float32 or float64.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.slots = recipe.tape_slots
        self.dtype = tf.float64 if recipe.precision == "float64" else tf.float32
        rule = recipe.rule
        self.length = tape_length(slots=self.slots, hop=rule.hop_samples, span=rule.span_samples)
        self._in_frames = {name: chain for name, chain in recipe.chains.items() if steps.frame_part(chain) == chain}
        self._in_clip = {name: chain for name, chain in recipe.chains.items() if name not in self._in_frames}
        self.pending = recipe.pending
        self._frame_program = self._compile(self._frames, [tf.TensorSpec([self.length], tf.float32)])
        row_specs = [
            tf.TensorSpec([self.slots, self.pending.width], self.dtype),
            tf.TensorSpec([self.slots, len(self.pending.maxima)], self.dtype),
        ]
        self._clip_program = self._compile(self._rows, row_specs) if self._in_clip else None

    @property
    def row_dtype(self) -> npt.DTypeLike:
        """The type of pending rows and statistics."""
        return np.dtype(self.recipe.precision)

    @property
    def has_clip_program(self) -> bool:
        return self._clip_program is not None

    def frame_program(self, tape: Array) -> tuple[dict[str, Array], Array | None]:
        finished, pending = self._frame_program(tf.constant(tape))
        return _arrays(finished), np.asarray(pending) if self._in_clip else None

    def clip_program(self, rows: Array, statistics: Array) -> dict[str, Array]:
        if self._clip_program is None:
            raise ValueError("this recipe has no step that needs the whole clip")
        return _arrays(self._clip_program(tf.constant(rows), tf.constant(statistics)))

    def warm_up(self) -> None:
        """Compile now, so that no clip's time is charged with it."""
        self.frame_program(np.zeros(self.length, np.float32))
        if self.has_clip_program:
            rows = np.zeros((self.slots, self.pending.width), self.row_dtype)
            self.clip_program(rows, np.zeros((self.slots, len(self.pending.maxima)), self.row_dtype))

    def _compile(self, function: Any, signature: list[tf.TensorSpec]) -> Any:
        compiled = tf.function(function, input_signature=signature, jit_compile=True, autograph=False)
        return compiled.get_concrete_function()

    def _constant(self, values: Array) -> tf.Tensor:
        return tf.constant(values, self.dtype)

    def _frames(self, tape: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        recipe, rule = self.recipe, self.recipe.rule
        # Framing without a gather: a frame is ceil(W / H) neighbouring blocks of one hop.
        blocks = tf.cast(tf.reshape(tape, [-1, rule.hop_samples]), self.dtype)
        if recipe.scale != 1.0:
            blocks *= recipe.scale
        shifts = range(-(-rule.win_samples // rule.hop_samples))
        frames = tf.concat([blocks[shift : shift + self.slots] for shift in shifts], axis=1)[:, : rule.win_samples]
        if recipe.remove_dc:
            frames -= self._row_sums(frames) / rule.win_samples
        energy = self._row_sums(tf.square(frames))
        if recipe.preemphasis_coeff:
            # In this form XLA fuses it with the framing; subtracting a shifted copy takes a quarter longer.
            coeff = recipe.preemphasis_coeff
            first = frames[:, :1] * (1.0 - coeff if recipe.preemphasis_first == "replicate" else 1.0)
            frames = tf.concat([first, frames[:, 1:] - coeff * frames[:, :-1]], axis=1)
        frames *= self._constant(
            window(
                rule.win_samples, kind=recipe.window_kind, sampling=recipe.window_sampling, power=recipe.window_power
            )
        )
        if rule.window_at:
            frames = tf.pad(frames, [[0, 0], [rule.window_at, 0]])
        spectrum = tf.signal.rfft(frames, [rule.n_fft])
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))

        known: dict[Chain, tf.Tensor] = {}

        def evaluate(chain: Chain) -> tf.Tensor:
            if chain not in known:
                last = chain[-1]
                if isinstance(last, steps.Spectrum):
                    known[chain] = power if last.power == 2 else tf.sqrt(power)
                elif isinstance(last, steps.RawLogEnergy):
                    known[chain] = _log_energy(energy, last.floor)
                elif isinstance(last, steps.EnergyForC0):
                    known[chain] = _replace_c0(evaluate(chain[:-1]), _log_energy(energy, last.floor))
                else:
                    known[chain] = self._step(last, evaluate(chain[:-1]))
            return known[chain]

        finished = {name: evaluate(chain) for name, chain in self._in_frames.items()}
        waiting = [evaluate(chain) for chain in self.pending.columns]
        pending = tf.concat(waiting, axis=1) if waiting else tf.zeros([self.slots, 0], self.dtype)
        return finished, pending

    def _rows(self, rows: tf.Tensor, statistics: tf.Tensor) -> dict[str, tf.Tensor]:
        out = {}
        for name, chain in self._in_clip.items():
            start = steps.frame_part(chain)
            columns = self.pending.columns[start]
            value = rows[:, columns]
            for step in chain[len(start) :]:
                if isinstance(step, steps.Range):
                    maximum = self.pending.maxima.index(columns)
                    value = tf.maximum(value, statistics[:, maximum : maximum + 1] - step.below_max)
                elif isinstance(step, steps.EnergyForC0):
                    value = _replace_c0(value, rows[:, self.pending.columns[(steps.RawLogEnergy(step.floor),)]])
                else:
                    value = self._step(step, value)
            out[name] = value
        return out

    def _row_sums(self, values: tf.Tensor) -> tf.Tensor:
        """Each row's sum: (rows, columns) -> (rows, 1).

        A product and not tf.reduce_sum, whose order of addition XLA changes where there are more than 2^20 values:
        then a longer tape would give other bits.
        """
        return values @ self._constant(np.ones((values.shape[1], 1)))

    def _step(self, step: steps.Step, value: tf.Tensor) -> tf.Tensor:
        """The steps that are the same in both programs."""
        if isinstance(step, steps.Mel):
            weights = filterbank_of(step, sample_rate_hz=self.recipe.sample_rate_hz, n_fft=self.recipe.rule.n_fft)
            return value @ self._constant(weights)
        if isinstance(step, steps.Log):
            guarded = value + step.floor if step.guard == "add" else tf.maximum(value, step.floor)
            logarithm = tf.math.log(guarded)
            return logarithm if math.isclose(step.factor, 1.0) else logarithm * step.factor
        if isinstance(step, steps.Affine):
            return value * step.gain + step.offset
        if isinstance(step, steps.Cepstrum):
            matrix = cepstral_matrix(
                bands=step.bands, n=step.n, dct=step.dct, lifter=step.lifter, lifter_base=step.lifter_base
            )
            return value @ self._constant(matrix)
        raise TypeError(f"no program for the step {step!r}")


def _arrays(tensors: Mapping[str, tf.Tensor]) -> dict[str, Array]:
    """The tensors as read-only arrays that share their memory; ``numpy()`` would copy it."""
    return {name: np.asarray(tensor) for name, tensor in tensors.items()}


def _log_energy(energy: tf.Tensor, floor: float) -> tf.Tensor:
    return tf.math.log(tf.maximum(energy, floor))


def _replace_c0(cepstrum: tf.Tensor, energy: tf.Tensor) -> tf.Tensor:
    return tf.concat([energy, cepstrum[:, 1:]], axis=1)
