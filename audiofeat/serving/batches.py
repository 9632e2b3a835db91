"""What callers hand in, as one batch: arrays, lists and tensors of any floating-point type, ragged ones, single clips.

What can only be a mistake is refused while a graph is built, and what shows no earlier, when it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from audiofeat.errors import ConfigError

_WANTED = "(clips, samples) or, for one clip, (samples,)"


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Waveforms side by side, with how many samples each has."""

    waveform: tf.Tensor
    """(clips, samples) float32."""
    counts: tf.Tensor
    """(clips,) int32, from 0 to the batch's width."""
    is_single: bool
    """Whether a single clip was handed in."""


def as_batch(waveform: Any, lengths: Any = None) -> Batch:
    """Take what a caller has.

    Args:
        waveform: (clips, samples), ragged or not, or (samples,).
        lengths: whole numbers, one a clip; None: ragged clips have their own, others fill the batch.
    Raises:
        ConfigError: a type or a shape that is none of these.
    """
    if isinstance(waveform, tf.RaggedTensor):
        if lengths is not None:
            raise ConfigError("a ragged waveform came with lengths, and has its own", hint="leave lengths out")
        waveform, lengths = waveform.to_tensor(), waveform.row_lengths()
    waveform = _samples(waveform)
    is_single = waveform.shape.rank == 1
    if is_single:
        waveform = waveform[None]
    n_clips, n_samples = tf.shape(waveform)[0], tf.shape(waveform)[1]
    if lengths is None:
        return Batch(waveform, tf.fill([n_clips], n_samples), is_single)
    lengths = counted(lengths)
    if is_single and lengths.shape.rank == 0:
        lengths = lengths[None]
    if lengths.shape.rank not in (None, 1) or not waveform.shape[:1].is_compatible_with(lengths.shape):
        found = f"lengths have the shape {lengths.shape} beside waveforms of {waveform.shape}"
        raise ConfigError(f"{found}; wanted is (clips,)", hint="the number of samples of each clip")
    as_many = tf.debugging.assert_equal(tf.shape(lengths), [n_clips], "lengths: one for each clip is wanted")
    with tf.control_dependencies([] if as_many is None else [as_many]):
        return Batch(waveform, tf.clip_by_value(lengths, 0, n_samples), is_single)


def counted(lengths: Any) -> tf.Tensor:
    """Lengths as int32; what is too large for it becomes its largest value.

    Raises:
        ConfigError: they are no whole numbers.
    """
    lengths = tf.convert_to_tensor(lengths)
    if lengths.shape != (0,):  # no numbers at all, which TensorFlow takes for floating-point ones
        check_lengths(lengths.dtype)
    return tf.cast(tf.clip_by_value(tf.cast(lengths, tf.int64), 0, tf.int32.max), tf.int32)


def check_lengths(dtype: tf.DType) -> None:
    """Raises ConfigError where lengths are no whole numbers."""
    if not dtype.is_integer:
        raise ConfigError(
            f"lengths are {dtype.name}; wanted are whole numbers of samples",
            hint='tf.cast(lengths, tf.int32), or keras.Input([], dtype="int32")',
        )


def _samples(waveform: Any) -> tf.Tensor:
    """As float32, of rank 1 or 2."""
    waveform = tf.convert_to_tensor(waveform)
    if not waveform.dtype.is_floating:
        raise ConfigError(
            f"the waveform is {waveform.dtype.name}; wanted are samples in -1..1 as floating-point numbers",
            hint="tf.cast(waveform, tf.float32) / 32768 for int16",
        )
    if waveform.shape.rank is None:
        raise ConfigError(
            f"nothing is known of the waveform's shape; wanted is {_WANTED}",
            hint="tf.ensure_shape(waveform, [None, None]), or [None] for one clip",
        )
    if waveform.shape.rank not in (1, 2):
        raise ConfigError(
            f"the waveform has the shape {waveform.shape}; wanted is {_WANTED}", hint="one channel; mix them before"
        )
    return tf.cast(waveform, tf.float32)
