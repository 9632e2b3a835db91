"""Products with constant matrices and sums of rows, each added up in one order that is written down here.

XLA leaves a matrix product to a library that picks its kernels by processor, unless it is told to emit it itself
(:mod:`audiofeat.frontend.xla_flags`). Then every value is ``((x_0 w_0 + x_1 w_1) + x_2 w_2) + ...``, in the order of
the columns of x, on every processor and whatever else the program holds. Two things make up for what the library did
better. What is known to be zero is not multiplied: a filterbank is cut into blocks of neighbouring bands, each with
the few bins that they see. And where all is multiplied, as in a cosine transform, the chain is cut into short ones,
since a long chain rounds worse.

Products of one column are never formed: XLA merges them with what stands around them, and then adds up in the order
that suits that. So columns are filled up to whole vectors, which also compiles and runs faster.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from audiofeat.frontend.kernels import COMPILED, VECTOR, Kernels, Matrix

_MOST_BLOCKS = 12
"""Each is compiled by itself, which takes time."""

_SHORT_CHAIN = 16
_MOST_CHAINS = 8
"""How many summands are added up one by one, and, where there are many, in how many chains."""

_WORTH_CUTTING = 0.75
"""The share of the whole matrix up to which its blocks are worth being copied out of the rows."""

_MOST_PARTS = 64
"""Of a row, each two vectors wide or more, that are added to one another before a product adds up what is left."""


def product(values: tf.Tensor, matrix: Matrix, kernels: Kernels = COMPILED) -> tf.Tensor:
    """Rows times a constant matrix: (rows, n) @ (n, columns) -> (rows, columns)."""
    n, columns = matrix.shape
    if on_gpu() and kernels is COMPILED:
        return values @ tf.constant(matrix, values.dtype)
    blocks = list(column_blocks(matrix))
    if sum((stop - start) * width for start, stop, width in blocks) > _WORTH_CUTTING * n * columns:
        length = max(_SHORT_CHAIN, -(-n // _MOST_CHAINS))
        chains = [(start, min(start + length, n)) for start in range(0, n, length)]
        sums = [kernels.emit(values[:, start:stop], matrix[start:stop]) for start, stop in chains]
        return _added(sums, kernels)[:, :columns]
    parts, done = [], 0
    for start, stop, width in blocks:
        parts.append(kernels.emit(values[:, start:stop], matrix[start:stop, done : done + width]))
        done += width
    # Only the last block may have columns that nobody asked for.
    return tf.concat(parts, axis=1)[:, :columns]


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


def row_sums(values: tf.Tensor, kernels: Kernels = COMPILED) -> tf.Tensor:
    """Each row's sum: (rows, columns) -> (rows, 1).

    Not tf.reduce_sum, whose order of addition XLA changes where there are more than 2^20 values: then a longer tape
    would give other bits.
    """
    if on_gpu() and kernels is COMPILED:
        return values @ tf.ones([values.shape[1], 1], values.dtype)
    n = values.shape[1]
    width = max(2 * VECTOR, -(-n // _MOST_PARTS))
    parts = [values[:, start : start + width] for start in range(0, n, width)]
    parts[-1] = tf.pad(parts[-1], [[0, 0], [0, width - parts[-1].shape[1]]])
    return kernels.emit(_added(parts, kernels), np.ones((width, 1)))[:, :1]


def _added(parts: list[tf.Tensor], kernels: Kernels) -> tf.Tensor:
    """The sum of tensors of one shape: neighbours first, then the sums of neighbours."""
    while len(parts) > 1:
        alone = parts[len(parts) // 2 * 2 :]
        parts = [kernels.add(one, other) for one, other in zip(parts[::2], parts[1::2], strict=False)] + alone
    return parts[0]


def on_gpu() -> bool:
    """Whether products are left to the GPU's library, for which many small ones take longer than a large one."""
    return bool(tf.config.get_visible_devices("GPU"))
