"""The two programs as TensorFlow's operations: what is traced, whoever compiles it.

A worker compiles them for its tapes (:mod:`audiofeat.frontend.program`); a model that is served holds them in its own
graph (:mod:`audiofeat.serving`). Both trace these functions, so that they compute the same.
"""

from __future__ import annotations

import tensorflow as tf

from audiofeat.dsp import chain as steps
from audiofeat.frontend.arithmetic import FrameValues, apply_step, with_energy
from audiofeat.frontend.kernels import COMPILED, Kernels
from audiofeat.frontend.recipe import Recipe
from audiofeat.tape import tape_length

PENDING = ""
"""Among the arrays of features, which have names, that of the columns that wait."""


class Traced:
    """The programs of a recipe, for tapes of some length.

    Args:
        slots: frames of a tape.
        block_slots: frames that are computed at a time; ``slots`` is a multiple.
    """

    def __init__(self, recipe: Recipe, *, slots: int, block_slots: int, kernels: Kernels = COMPILED) -> None:
        self.recipe = recipe
        self._kernels = kernels
        self.slots = slots
        self.dtype = tf.float64 if recipe.precision == "float64" else tf.float32
        rule = recipe.rule
        self.length = tape_length(slots=slots, hop=rule.hop_samples, span=rule.span_samples)
        self._in_frames = {name: chain for name, chain in recipe.chains.items() if steps.frame_part(chain) == chain}
        self._in_clip = {name: chain for name, chain in recipe.chains.items() if name not in self._in_frames}
        self._block_slots = block_slots

    @property
    def has_clip_program(self) -> bool:
        return bool(self._in_clip)

    @property
    def frame_signature(self) -> list[tf.TensorSpec]:
        """What the frame program takes."""
        return [tf.TensorSpec([self.length], self.dtype)]

    @property
    def clip_signature(self) -> list[tf.TensorSpec]:
        """What the clip program takes."""
        pending = self.recipe.pending
        widths = pending.width, len(pending.maxima)
        return [tf.TensorSpec([self.slots, width], self.dtype) for width in widths]

    def frames(self, tape: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The frame program: block after block, each written into its place in the tape's rows."""
        rule, block_slots = self.recipe.rule, self._block_slots
        block_hops = tape_length(slots=block_slots, hop=1, span=-(-rule.span_samples // rule.hop_samples))
        columns = {name: (self.recipe.program_dims(name), self._dtype_of(name)) for name in self._in_frames}
        if self.recipe.pending.width:
            columns[PENDING] = self.recipe.pending.width, self.dtype
        n_blocks = self.slots // block_slots
        arrays = {
            name: tf.TensorArray(dtype, size=n_blocks, element_shape=[block_slots, dims])
            for name, (dims, dtype) in columns.items()
        }
        hops = tf.reshape(tape, [-1, rule.hop_samples])

        def compute(block: tf.Tensor, arrays: dict[str, tf.TensorArray]) -> tuple[tf.Tensor, dict[str, tf.TensorArray]]:
            samples = tf.slice(hops, [block * block_slots, 0], [block_hops, rule.hop_samples])
            rows = self.block(samples, slots=block_slots)
            return block + 1, {name: array.write(block, rows[name]) for name, array in arrays.items()}

        _, arrays = tf.while_loop(lambda block, _: block < n_blocks, compute, (tf.constant(0), arrays))
        rows = {name: tf.reshape(array.stack(), [self.slots, columns[name][0]]) for name, array in arrays.items()}
        return rows, rows.pop(PENDING, tf.zeros([self.slots, 0], self.dtype))

    def block(self, samples: tf.Tensor, *, slots: int | tf.Tensor) -> dict[str, tf.Tensor]:
        """The rows of ``slots`` frames; under ``PENDING`` those that wait for their clip's end."""
        values = FrameValues(samples, self.recipe, slots=slots, kernels=self._kernels)
        rows = {name: values.of(chain) for name, chain in self._in_frames.items()}
        if self.recipe.pending.width:
            rows[PENDING] = tf.concat([values.of(chain) for chain in self.recipe.pending.columns], axis=1)
        return rows

    def rows(self, rows: tf.Tensor, statistics: tf.Tensor) -> dict[str, tf.Tensor]:
        """The clip program."""
        pending = self.recipe.pending
        out = {}
        for name, chain in self._in_clip.items():
            start = steps.frame_part(chain)
            columns = pending.columns[start]
            value = rows[:, columns]
            number = pending.maxima.index(columns)
            maximum = statistics[:, number : number + 1]
            for step in chain[len(start) :]:
                if isinstance(step, steps.BelowMax):
                    value -= maximum
                elif isinstance(step, steps.Range):
                    value = tf.maximum(value, maximum - step.below_max)
                elif isinstance(step, steps.WithEnergy):
                    value = with_energy(step, value, rows[:, pending.columns[(step.energy,)]])
                else:
                    value = apply_step(step, value, self.recipe, self._kernels)
            out[name] = value
        return out

    def _dtype_of(self, name: str) -> tf.DType:
        return tf.as_dtype(self.recipe.program_dtype(name))
