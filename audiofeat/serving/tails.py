"""What looks along time (deltas, normalisation, stacking, fixed lengths), as :mod:`audiofeat.dsp.tail` does it.

Rows (clips, rows, dims) with each clip's count go from step to step; what lies behind a clip's count is anything. The
formulas, and what they are for, stand in ``dsp.deltas``, ``dsp.cmvn`` and ``dsp.stacking``. Deltas add up in the order
of the host; sums over a clip do not, so that normalisation may differ in the last bits.
"""

from __future__ import annotations

import tensorflow as tf

from audiofeat.dsp.cmvn import KALDI_VARIANCE_FLOOR, Cmvn
from audiofeat.dsp.deltas import Deltas, Kernel, composed_kernel, parabola_kernel, slope_kernel
from audiofeat.dsp.stacking import FixedLength, Stack
from audiofeat.dsp.tail import Tail, TailStep
from audiofeat.frontend.kernels import walled, walled_sum
from audiofeat.serving.counts import is_within


def with_tail(tail: Tail, rows: tf.Tensor, counts: tf.Tensor, *, real: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows after all steps, and their counts.

    Args:
        real: the type that deltas and normalisation are computed in.
    """
    for step in tail:
        if isinstance(step, Deltas):
            rows = _with_deltas(step, tf.cast(rows, real), counts)
        elif isinstance(step, Cmvn):
            rows = _normalised(step, tf.cast(rows, real), counts)
        elif isinstance(step, Stack):
            rows = _stacked(step, rows, counts)
        else:
            rows = _of_fixed_length(step, rows, counts)
        counts = _count_after(step, counts)
    return rows, counts


def tail_counts(tail: Tail, counts: tf.Tensor) -> tf.Tensor:
    """The counts after all steps: as :func:`audiofeat.dsp.tail.tail_rows`."""
    for step in tail:
        counts = _count_after(step, counts)
    return counts


def _count_after(step: TailStep, counts: tf.Tensor) -> tf.Tensor:
    if isinstance(step, Stack):
        whole = counts - step.right if step.tail == "drop" else counts
        return tf.maximum(0, -(-whole // step.stride))
    if isinstance(step, FixedLength):
        return tf.where(counts > 0, step.frames, 0)
    return counts


def _with_deltas(step: Deltas, rows: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    slopes = _weighted(rows, slope_kernel(step.window), counts)
    columns = [rows, _with_ends(slopes, counts, step)]
    if step.orders == 2:
        columns.append(_second_order(step, columns, counts))
    return tf.concat(columns, axis=2)


def _second_order(step: Deltas, columns: list[tf.Tensor], counts: tf.Tensor) -> tf.Tensor:
    rows, slopes = columns
    slope = slope_kernel(step.window)
    if step.form == "open_end":
        n_rows = tf.shape(rows)[1]
        n_beyond = tf.where(n_rows > 0, n_rows + step.window, 0)  # where there are none, none stands for what is beyond
        beyond = _weighted(rows, slope, counts, n_out=n_beyond)
        return _weighted(beyond, slope, counts + step.window, n_out=n_rows)
    if step.form == "sequential":
        return _with_ends(_weighted(slopes, slope, counts), counts, step)
    kernel = (composed_kernel if step.form == "composed" else parabola_kernel)(step.window)
    return _with_ends(_weighted(rows, kernel, counts), counts, step)


def _weighted(rows: tf.Tensor, kernel: Kernel, counts: tf.Tensor, *, n_out: tf.Tensor | None = None) -> tf.Tensor:
    """The kernel over rows, each clip's first and last standing for all beyond: (clips, n_out, dims)."""
    positions = tf.range(tf.shape(rows)[1] if n_out is None else n_out)[None, :]
    last = tf.maximum(counts - 1, 0)[:, None]

    def at(offset: int) -> tf.Tensor:
        return _taken(rows, tf.clip_by_value(positions + offset, 0, last))

    twice = None if kernel.is_slope else 2.0 * at(0)
    total = None
    for n, weight in enumerate(kernel.weights, start=1):
        change = at(n) - at(-n) if twice is None else walled_sum(at(n), at(-n)) - twice
        change *= float(weight)
        total = change if total is None else walled_sum(total, change)
    return total / walled(tf.constant(float(kernel.divisor), rows.dtype))


def _with_ends(values: tf.Tensor, counts: tf.Tensor, step: Deltas) -> tf.Tensor:
    if step.edge != "interp":
        return values
    positions = tf.range(tf.shape(values)[1])[None, :]
    last = tf.maximum(counts - 1 - step.window, step.window)[:, None]
    return _taken(values, tf.clip_by_value(positions, step.window, last))


def _normalised(step: Cmvn, rows: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    if step.over == "sliding":
        return _over_windows(step, rows, counts)
    if step.over == "global":
        deviation = _deviation(step, tf.constant(step.variance, rows.dtype)) if step.mode == "meanvar" else None
        return _divided(rows - tf.constant(step.mean, rows.dtype), deviation)
    is_row = is_within(counts, tf.shape(rows)[1])[:, :, None]
    zero = tf.zeros([], rows.dtype)
    rows = rows - (rows[:, :1, :1] if step.over == "clip_all" else rows[:, :1])
    n_rows = tf.cast(counts, rows.dtype)[:, None, None]

    def mean_of(values: tf.Tensor, *, ddof: int = 0) -> tf.Tensor:
        kept = tf.where(is_row, values, zero)
        if step.over == "clip":
            return tf.reduce_sum(kept, axis=1, keepdims=True) / tf.maximum(n_rows - ddof, 1.0)
        n_values = n_rows * float(rows.shape[2])
        return tf.reduce_sum(kept, axis=[1, 2], keepdims=True) / tf.maximum(n_values - ddof, 1.0)

    centred = rows - mean_of(rows)
    if step.mode == "mean":
        return centred
    return _divided(centred, _deviation(step, mean_of(tf.square(centred), ddof=step.ddof)))


def _over_windows(step: Cmvn, rows: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Windows as :func:`audiofeat.dsp.sliding.window_bounds`; sums as differences of running sums."""
    positions, n_rows = tf.range(tf.shape(rows)[1])[None, :], counts[:, None]
    if step.center:
        start = positions - step.window_frames // 2
        end = start + step.window_frames + tf.maximum(0, -start)
    else:
        start = positions - step.window_frames
        end = tf.maximum(positions + 1, step.min_frames)
    start = tf.maximum(0, start)
    too_far = tf.maximum(0, end - n_rows)
    start, end = tf.maximum(0, start - too_far), tf.maximum(end - too_far, 0)
    lengths = tf.cast(tf.maximum(end - start, 1), rows.dtype)[:, :, None]
    rows = rows - rows[:, :1]

    def sums_of(values: tf.Tensor) -> tf.Tensor:
        running = tf.pad(tf.cumsum(values, axis=1), [[0, 0], [1, 0], [0, 0]])
        return _taken(running, end) - _taken(running, start)

    is_alone = lengths == 1.0
    sums = tf.where(is_alone, rows, sums_of(rows))
    mean = sums / lengths
    if step.mode == "mean":
        return rows - mean
    spread = tf.where(is_alone, tf.square(rows), sums_of(tf.square(rows))) - sums * mean
    variance = spread / tf.maximum(lengths - step.ddof, 1.0)
    return _divided(rows - mean, _deviation(step, tf.maximum(variance, KALDI_VARIANCE_FLOOR)))


def _deviation(step: Cmvn, variance: tf.Tensor) -> tf.Tensor:
    if step.eps_at == "var_add":
        deviation = tf.sqrt(variance + step.eps)
    elif step.eps_at == "var_max":
        deviation = tf.sqrt(tf.maximum(variance, step.eps))
    elif step.eps_at == "std_max":
        deviation = tf.maximum(tf.sqrt(variance), step.eps)
    else:
        deviation = tf.sqrt(variance) + step.eps
    return tf.where(deviation == 0.0, tf.ones_like(deviation), deviation)


def _divided(rows: tf.Tensor, deviation: tf.Tensor | None) -> tf.Tensor:
    return rows if deviation is None else rows / deviation


def _stacked(step: Stack, rows: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    n_joined, dims = step.left + 1 + step.right, rows.shape[2]
    n_clips, most = tf.shape(rows)[0], _count_after(step, tf.shape(rows)[1])
    sought = (step.stride * tf.range(most)[:, None] + tf.range(-step.left, step.right + 1)[None, :])[None]
    found = tf.clip_by_value(sought, 0, tf.maximum(counts - 1, 0)[:, None, None])
    joined = _taken(rows, tf.reshape(found, [n_clips, most * n_joined]))
    joined = tf.reshape(joined, [n_clips, most, n_joined, dims])
    if step.edge == "zero":
        joined = tf.where((found == sought)[..., None], joined, tf.zeros([], rows.dtype))
    if step.order == "columns":
        joined = tf.transpose(joined, [0, 1, 3, 2])
    return tf.reshape(joined, [n_clips, most, n_joined * dims])


def _of_fixed_length(step: FixedLength, rows: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    rows = rows[:, : step.frames]
    rows = tf.pad(rows, [[0, 0], [0, step.frames - tf.shape(rows)[1]], [0, 0]])
    filler = tf.cast(step.pad_value, rows.dtype)
    rows = tf.where(is_within(counts, step.frames)[:, :, None], rows, filler)
    return tf.reshape(rows, [tf.shape(rows)[0], step.frames, rows.shape[2]])  # of a length that is known from here on


def _taken(rows: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Of each clip, the rows at its positions: (clips, n, dims), (clips, m) -> (clips, m, dims)."""
    positions = tf.broadcast_to(positions, [tf.shape(rows)[0], tf.shape(positions)[1]])
    return tf.gather(rows, positions, batch_dims=1)
