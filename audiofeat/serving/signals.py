"""What is done to a batch before framing, in the order and the arithmetic of :mod:`audiofeat.dsp.signal`.

Samples behind a clip's own count are taken for nothing, whatever they hold.
"""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf

from audiofeat.dsp.signal import INT16_STEPS, SignalSteps
from audiofeat.frontend.kernels import walled
from audiofeat.serving.counts import is_within, prepared_counts


def prepared(
    waveform: tf.Tensor, counts: tf.Tensor, steps: SignalSteps, *, peak: float | None, real: tf.DType
) -> tuple[tf.Tensor, tf.Tensor]:
    """Samples that are ready to be cut into frames, and how many each clip has of them.

    Args:
        peak: what each clip's largest sample is brought to (``audio.peak``).
        real: the type that gains are computed in.

    Shape:
        (clips, n), (clips,) -> (clips, m), (clips,); zeros behind each clip's end.
    """
    signal = tf.where(is_within(counts, tf.shape(waveform)[1]), waveform, tf.zeros([], waveform.dtype))
    if peak is not None:
        signal *= _gains(signal, peak, real=real)
    if steps.quantize:
        signal = _quantized(signal)
    after = prepared_counts(counts, steps)
    if steps.pad_to_samples is not None:
        uncut = prepared_counts(counts, replace(steps, cut_to_samples=None))
        signal = _padded(signal, counts, uncut, pad_with=steps.pad_with)
    if steps.cut_to_samples is not None:
        signal = signal[:, : steps.cut_to_samples]
    if steps.preemphasis_coeff:
        signal = _preemphasized(signal, after, steps.preemphasis_coeff, first=steps.preemphasis_first)
    if steps.pad_to_samples is not None or steps.cut_to_samples is not None or steps.preemphasis_coeff:
        signal = tf.where(is_within(after, tf.shape(signal)[1]), signal, tf.zeros([], signal.dtype))
    return signal, after


def _gains(signal: tf.Tensor, peak: float, *, real: tf.DType) -> tf.Tensor:
    """(clips, 1), as :func:`audiofeat.dsp.signal.gain_within`; the host divides in float64."""
    largest = tf.reduce_max(tf.abs(signal), axis=1, keepdims=True)
    gains = tf.constant(peak, real) / tf.cast(largest, real)
    is_usable = (largest > 0) & (gains <= signal.dtype.max)
    return tf.where(is_usable, tf.cast(gains, signal.dtype), tf.ones_like(largest))


def _quantized(signal: tf.Tensor) -> tf.Tensor:
    scaled = tf.clip_by_value(signal, -1.0, 1.0) * INT16_STEPS
    whole = tf.where(scaled < 0, tf.math.ceil(scaled), tf.math.floor(scaled))
    return whole / walled(tf.constant(INT16_STEPS, signal.dtype))


def _padded(signal: tf.Tensor, counts: tf.Tensor, after: tf.Tensor, *, pad_with: str) -> tf.Tensor:
    width = tf.shape(signal)[1]
    missing = tf.maximum(tf.reduce_max(tf.concat([after, [0]], axis=0)) - width, 0)
    if pad_with == "zero":
        return tf.pad(signal, [[0, 0], [0, missing]])
    positions = tf.range(width + missing)[None, :]
    lengths = tf.maximum(counts, 1)[:, None]
    again = positions - counts[:, None]
    source = tf.where(again < 0, positions, tf.math.floormod(again, lengths))
    copied = tf.gather(signal, source, batch_dims=1)
    if pad_with == "repeat":
        return copied
    whole = tf.math.floordiv(after, lengths[:, 0]) * lengths[:, 0]
    return tf.where(positions < tf.maximum(whole, counts)[:, None], copied, tf.zeros([], signal.dtype))


def _preemphasized(signal: tf.Tensor, counts: tf.Tensor, coeff: float, *, first: str) -> tf.Tensor:
    a = tf.constant(coeff, signal.dtype)
    signal = tf.pad(signal, [[0, 0], [0, 2]])  # there are a first and a second sample, whatever there is
    x0, x1 = signal[:, :1], signal[:, 1:2]
    if first == "replicate":
        head = x0 - a * x0
    elif first == "keep":
        head = x0
    else:
        head = x0 - a * x1 if first == "reflect" else 3.0 * x0 - x1
        head = tf.where(counts[:, None] == 1, x0, head)
    return tf.concat([head, signal[:, 1:-2] - a * signal[:, :-3]], axis=1)
