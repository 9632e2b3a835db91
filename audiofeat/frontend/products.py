"""Products with constant matrices and sums of rows, each added up in one order that is written down here.

XLA leaves a matrix product to a library that picks its kernels by processor, unless it is told to emit it itself
(:mod:`audiofeat.frontend.xla_flags`). Then every value is ``((x_0 w_0 + x_1 w_1) + x_2 w_2) + ...``, in the order of
the columns of x, on every processor and whatever else the program holds. That takes time, so what is known to be zero
is not multiplied: a filterbank is cut into blocks of neighbouring bands, each with the few bins that they see.

Products of one column are never formed: XLA merges them with what stands around them, and then adds up in the order
that suits that. So columns are filled up to whole vectors, which also compiles and runs faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Matrix: TypeAlias = npt.NDArray[np.float64]

VECTOR = 8
"""Float32 values in a vector register, and the columns that a product has a multiple of."""

_MOST_BLOCKS = 12
"""Each is compiled by itself, which takes 0.04 s."""

_WORTH_CUTTING = 0.75
"""The share of the whole matrix up to which its blocks are worth being copied out of the rows."""

_MOST_PARTS = 64
"""Of a row, each two vectors wide or more, that are added to one another before a product adds up what is left."""


def product(values: tf.Tensor, matrix: Matrix) -> tf.Tensor:
    """Rows times a constant matrix: (rows, n) @ (n, columns) -> (rows, columns)."""
    n, columns = matrix.shape
    if _is_librarys():
        return values @ tf.constant(matrix, values.dtype)
    blocks = list(column_blocks(matrix))
    if sum((stop - start) * width for start, stop, width in blocks) > _WORTH_CUTTING * n * columns:
        blocks = [(0, n, columns)]
    parts, done = [], 0
    for start, stop, width in blocks:
        block = np.zeros((stop - start, -(-width // VECTOR) * VECTOR))
        block[:, :width] = matrix[start:stop, done : done + width]
        done += width
        parts.append(values[:, start:stop] @ tf.constant(block, values.dtype))
    # Only the last block may have columns that nobody asked for.
    return (parts[0] if len(parts) == 1 else tf.concat(parts, axis=1))[:, :columns]


def column_blocks(matrix: Matrix) -> Iterator[tuple[int, int, int]]:
    """Cut a matrix into blocks of columns: for each, the rows from the first to behind the last nonzero, and its width.

    All but the last are whole vectors wide; a block of zeros alone keeps one row.
    """
    columns = matrix.shape[1]
    width = -(-columns // (VECTOR * _MOST_BLOCKS)) * VECTOR
    for first in range(0, columns, width):
        block = matrix[:, first : first + width]
        used = np.flatnonzero(block.any(axis=1))
        start, stop = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        yield start, stop, block.shape[1]


def row_sums(values: tf.Tensor) -> tf.Tensor:
    """Each row's sum: (rows, columns) -> (rows, 1).

    Not tf.reduce_sum, whose order of addition XLA changes where there are more than 2^20 values: then a longer tape
    would give other bits.
    """
    if _is_librarys():
        return values @ tf.ones([values.shape[1], 1], values.dtype)
    n = values.shape[1]
    width = max(2 * VECTOR, -(-n // _MOST_PARTS))
    parts = [values[:, start : start + width] for start in range(0, n, width)]
    parts[-1] = tf.pad(parts[-1], [[0, 0], [0, width - parts[-1].shape[1]]])
    while len(parts) > 1:
        left_over = parts[len(parts) // 2 * 2 :]
        parts = [one + other for one, other in zip(parts[::2], parts[1::2], strict=False)] + left_over
    return (parts[0] @ tf.ones([width, VECTOR], values.dtype))[:, :1]


def _is_librarys() -> bool:
    """Whether products are left to a library: on a GPU, where many small ones take longer than a large one."""
    return bool(tf.config.get_visible_devices("GPU"))
