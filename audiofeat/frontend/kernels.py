"""What the programs are made of where more than one way gives a value: products with constants, and logarithms.

``COMPILED`` is for XLA, which emits a product's additions in order if it is told to, and has a logarithm of its own.
``IN_ORDER`` gives the same bits where there is no XLA, or one that was told nothing: operation by operation, nothing
being fused, additions in order by a running sum, and XLA's logarithm spelled out. Walls
keep TensorFlow's own optimizer from another order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Matrix: TypeAlias = npt.NDArray[np.float64]

VECTOR = 8
"""Float32 values in a vector register, and the columns that a product has a multiple of."""

_SMALLEST_NORMAL = 2.0**-126
_ROOT_HALF = 0.707106781186547524
_POLYNOMIAL = (
    (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1),
    (-1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1),
    (2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_LN_2_LOW, _LN_2_HIGH = -2.12194440e-4, 0.693359375


@dataclass(frozen=True, slots=True)
class Kernels:
    """One way to do it."""

    emit: Callable[[tf.Tensor, Matrix], tf.Tensor]
    """A small product, whose values are added up one by one; it may have more columns than the matrix."""
    add: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    log: Callable[[tf.Tensor], tf.Tensor]


def emitted(values: tf.Tensor, matrix: Matrix) -> tf.Tensor:
    """A product that XLA emits: (rows, n) @ (n, columns) -> (rows, columns filled up to whole vectors)."""
    missing = -matrix.shape[1] % VECTOR
    return values @ tf.constant(np.pad(matrix, [(0, 0), (0, missing)]), values.dtype)


def walled(value: tf.Tensor) -> tf.Tensor:
    """The same value, which no optimizer sees through.

    TensorFlow's would add up chains of additions in another order, and multiply by the reciprocal of a constant that
    something is to be divided by.
    """
    return tf.raw_ops.PlaceholderWithDefault(input=value, shape=value.shape)


def walled_sum(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    return walled(one + other)


def in_order(values: tf.Tensor, matrix: Matrix) -> tf.Tensor:
    """A product as running sums, of what is not known to be zero: (rows, n) @ (n, columns) -> (rows, columns)."""
    first, depth = _chains(matrix)
    rows = np.minimum(first + np.arange(depth)[:, None], len(matrix) - 1)
    is_counted = first + np.arange(depth)[:, None] < len(matrix)
    weights = np.where(is_counted, np.take_along_axis(matrix, rows, axis=0), 0.0)
    # (n, rows), so that whole rows are moved and added up side by side.
    summands = tf.gather(tf.transpose(values), rows) * tf.constant(weights[:, :, None], values.dtype)
    return tf.transpose(tf.cumsum(summands, axis=0)[-1])


def _chains(matrix: Matrix) -> tuple[npt.NDArray[np.int64], int]:
    """The row from which on each column has summands, and how many the longest has: to add zeros changes nothing."""
    is_used = matrix != 0.0
    first = is_used.argmax(axis=0)
    behind = np.where(is_used.any(axis=0), len(matrix) - is_used[::-1].argmax(axis=0), 1)
    return first, int((behind - first).max())


def log_as_xla(values: tf.Tensor) -> tf.Tensor:
    """The natural logarithm of float32, by the same additions and multiplications as XLA's on a CPU; -inf of 0.

    Reference: cephes logf.c; xla/service/cpu (GenerateVF32Log).
    """
    if values.dtype != tf.float32:
        return tf.math.log(values)
    bits = tf.bitcast(tf.maximum(values, _SMALLEST_NORMAL), tf.int32)
    exponent = tf.cast(tf.bitwise.right_shift(bits, 23) - 127, tf.float32) + 1.0
    half_to_one = tf.bitcast(tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, 0x007FFFFF), 0x3F000000), tf.float32)
    is_low = half_to_one < tf.constant(_ROOT_HALF, tf.float32)
    x = walled_sum(half_to_one - 1.0, tf.where(is_low, half_to_one, tf.zeros_like(half_to_one)))
    exponent -= tf.cast(is_low, tf.float32)
    x2 = x * x
    x3 = x2 * x
    first, second, third = (walled_sum(walled_sum(x * a, b) * x, c) for a, b, c in _POLYNOMIAL)
    y = walled_sum(walled_sum(first * x3, second) * x3, third) * x3
    y = walled_sum(y, exponent * _LN_2_LOW)
    found = walled_sum(walled(x - x2 * 0.5), y) + exponent * _LN_2_HIGH
    return tf.where(values > 0.0, tf.where(tf.math.is_inf(values), values, found), tf.math.log(values))


COMPILED = Kernels(emitted, tf.add, tf.math.log)
IN_ORDER = Kernels(in_order, walled_sum, log_as_xla)
