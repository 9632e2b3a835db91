"""What the tests of a feature's tail share: rows, blocks cut anywhere, and a tail run over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from audiofeat.dsp.row_blocks import Array, Blocks
from audiofeat.dsp.tail import Tail, apply_tail, tail_dims, tail_rows

Reals = npt.NDArray[np.float64]


def some_rows(n_rows: int, dims: int = 3, *, seed: int = 5) -> npt.NDArray[np.float32]:
    """Rows that wander, as log-mel rows do: each column around a level of its own."""
    generator = np.random.default_rng(seed)
    wander = np.cumsum(generator.standard_normal((n_rows, dims)), axis=0) + 10.0 * generator.standard_normal(dims)
    return wander.astype(np.float32)


def in_blocks(rows: Array, cuts: Sequence[int] = ()) -> Blocks:
    """The rows again and again, cut at these places."""
    return lambda: iter(np.split(rows, sorted(cuts)))


def after(tail: Tail, rows: Array, *, cuts: Sequence[int] = (), dtype: npt.DTypeLike = np.float64) -> Array:
    """All rows after the tail; their number and width are as announced."""
    n_rows, dims = rows.shape
    done = list(apply_tail(tail, in_blocks(rows, cuts), n_rows=n_rows, dims=dims, dtype=dtype))
    assert all(block.dtype == dtype for block in done)
    joined = np.concatenate([np.empty((0, tail_dims(tail, dims)), dtype), *done])
    assert joined.shape == (tail_rows(tail, n_rows), tail_dims(tail, dims))
    return joined


def cuts_of(n_rows: int) -> st.SearchStrategy[list[int]]:
    """Places to cut ``n_rows`` at, the same one twice too: empty blocks are blocks."""
    return st.lists(st.integers(0, n_rows), max_size=6)
