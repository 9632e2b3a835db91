"""The programs of a recipe inside a larger graph, over tapes of any length, in one of the ways of ``arithmetic``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import tensorflow as tf

from audiofeat.frontend.kernels import COMPILED, IN_ORDER
from audiofeat.frontend.program import concrete
from audiofeat.frontend.recipe import BLOCK_SLOTS, Recipe
from audiofeat.frontend.traced import PENDING, Traced
from audiofeat.serving.arithmetic import Arithmetic
from audiofeat.serving.counts import is_within
from audiofeat.serving.laying import Laid
from audiofeat.tape import tape_length

Rows: TypeAlias = dict[str, tf.Tensor]


def programs_of(recipe: Recipe, arithmetic: Arithmetic) -> GraphPrograms:
    """The programs of a recipe, to be run in one of the three ways."""
    return PlainPrograms(recipe) if arithmetic == "plain" else BlockPrograms(recipe, use_xla=arithmetic == "xla")


class GraphPrograms(Protocol):
    """What gives the rows of the frames of a laid batch, before their tails."""

    def features(self, laid: Laid) -> Rows:
        """Feature name -> (clips, most_frames, dims)."""


class BlockPrograms(tf.Module):  # type: ignore[misc]  # without types
    """A block of frames at a time, compiled by XLA or operation by operation."""

    def __init__(self, recipe: Recipe, *, use_xla: bool) -> None:
        super().__init__()
        kernels = COMPILED if use_xla else IN_ORDER
        traced = Traced(recipe, slots=BLOCK_SLOTS, block_slots=BLOCK_SLOTS, kernels=kernels)
        self._recipe = recipe
        self._frames = concrete(traced.frames, traced.frame_signature, use_xla=use_xla)
        self._rows: Any = None
        if traced.has_clip_program:
            self._rows = concrete(traced.rows, traced.clip_signature, use_xla=use_xla)
        self._length = traced.length
        self._block_hops = traced.length // recipe.rule.hop_samples

    def features(self, laid: Laid) -> Rows:
        hop = self._recipe.rule.hop_samples
        hops = tf.reshape(laid.tape, [-1, hop])
        n_blocks = -(-tf.shape(hops)[0] // BLOCK_SLOTS)
        hops = tf.pad(hops, [[0, n_blocks * BLOCK_SLOTS + self._block_hops - BLOCK_SLOTS - tf.shape(hops)[0]], [0, 0]])

        def block(number: tf.Tensor) -> tuple[Rows, tf.Tensor]:
            start = number * BLOCK_SLOTS
            finished, pending = self._frames(tf.reshape(hops[start : start + self._block_hops], [self._length]))
            return finished, pending

        finished, pending = _over_blocks(block, n_blocks, self._frames.structured_outputs)
        rows = {name: laid.of_clips(values) for name, values in finished.items()}
        return {**rows, **self._clip_program(laid.of_clips(pending), laid)}

    def _clip_program(self, pending: tf.Tensor, laid: Laid) -> Rows:
        program = self._rows
        if program is None:
            return {}
        statistics = clip_maxima(pending, laid, self._recipe)
        n_clips, n_rows = tf.shape(pending)[0], tf.shape(pending)[1]
        flat = tf.reshape(pending, [n_clips * n_rows, pending.shape[2]])
        each = tf.repeat(statistics, n_rows, axis=0)
        n_blocks = -(-tf.shape(flat)[0] // BLOCK_SLOTS)
        missing = [[0, n_blocks * BLOCK_SLOTS - tf.shape(flat)[0]], [0, 0]]
        flat, each = tf.pad(flat, missing), tf.pad(each, missing)

        def block(number: tf.Tensor) -> Any:
            start = number * BLOCK_SLOTS
            shape = [BLOCK_SLOTS, -1]
            here = slice(start, start + BLOCK_SLOTS)
            return program(tf.reshape(flat[here], shape), tf.reshape(each[here], shape))

        finished = _over_blocks(block, n_blocks, program.structured_outputs)
        return {
            name: tf.reshape(values[: n_clips * n_rows], [n_clips, n_rows, values.shape[1]])
            for name, values in finished.items()
        }


class PlainPrograms:
    """All frames at once, operation by operation, products and logarithms as the runtime has them."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._traced = Traced(recipe, slots=BLOCK_SLOTS, block_slots=BLOCK_SLOTS)

    def features(self, laid: Laid) -> Rows:
        rule = self._recipe.rule
        hops = tf.reshape(laid.tape, [-1, rule.hop_samples])
        slots = tf.shape(hops)[0]
        overlap = tape_length(slots=1, hop=1, span=-(-rule.span_samples // rule.hop_samples)) - 1
        finished = self._traced.block(tf.pad(hops, [[0, overlap], [0, 0]]), slots=slots)
        rows = {name: laid.of_clips(values) for name, values in finished.items()}
        if not self._traced.has_clip_program:
            return rows
        pending = rows.pop(PENDING)
        statistics = clip_maxima(pending, laid, self._recipe)
        n_clips, n_rows = tf.shape(pending)[0], tf.shape(pending)[1]
        flat = tf.reshape(pending, [n_clips * n_rows, pending.shape[2]])
        later = self._traced.rows(flat, tf.repeat(statistics, n_rows, axis=0))
        shapes = {name: [n_clips, n_rows, values.shape[1]] for name, values in later.items()}
        return {**rows, **{name: tf.reshape(values, shapes[name]) for name, values in later.items()}}


def clip_maxima(pending: tf.Tensor, laid: Laid, recipe: Recipe) -> tf.Tensor:
    """The statistics of each clip that the clip program takes: (clips, len(recipe.pending.maxima))."""
    is_frame = is_within(laid.frames, laid.most_frames)[:, :, None]
    kept = tf.where(is_frame, pending, tf.constant(-math.inf, pending.dtype))
    maxima = [tf.reduce_max(kept[:, :, columns], axis=[1, 2]) for columns in recipe.pending.maxima]
    return tf.stack(maxima, axis=1)


def _over_blocks(block: Callable[[tf.Tensor], Any], n_blocks: tf.Tensor, one: Any) -> Any:
    """What a function gives for each block, one behind the other; ``one`` is like what it gives."""
    signature = tf.nest.map_structure(lambda rows: tf.TensorSpec(rows.shape, rows.dtype), one)
    found = tf.map_fn(block, tf.range(n_blocks), fn_output_signature=signature)
    return tf.nest.map_structure(lambda rows: tf.reshape(rows, [n_blocks * BLOCK_SLOTS, rows.shape[2]]), found)
