"""The tail of a feature: what is done with a clip's rows after the compiled programs, on the host.

Deltas, normalisation, stacking and fixed lengths look along time, some over the whole clip, and cost little; so they
are NumPy, in float64, with nothing but + - x / and square roots: the same bits on every machine. Each step has the
same four methods (``n_rows``, ``n_dims``, ``fewest_rows``, ``apply``); a tail is a tuple of steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from audiofeat.dsp.cmvn import Cmvn
from audiofeat.dsp.deltas import Deltas
from audiofeat.dsp.row_blocks import Array, Blocks
from audiofeat.dsp.stacking import FixedLength, Stack

__all__ = [
    "Blocks",
    "Cmvn",
    "Deltas",
    "FixedLength",
    "Stack",
    "Tail",
    "TailStep",
    "apply_tail",
    "fewest_rows",
    "tail_dims",
    "tail_rows",
]

TailStep: TypeAlias = Deltas | Cmvn | Stack | FixedLength
Tail: TypeAlias = tuple[TailStep, ...]


def apply_tail(tail: Tail, blocks: Blocks, *, n_rows: int, dims: int, dtype: npt.DTypeLike) -> Iterator[Array]:
    """A clip's rows after all steps, cast to ``dtype`` at the very end.

    No value depends on how the blocks came. Blocks are taken once, or, where a step needs the clip's statistics,
    up to four times. Deltas and normalisation take real rows only.

    Shape:
        blocks (n, dims), ``n_rows`` in all -> blocks (m, tail_dims), tail_rows in all.
    """
    for step in tail:
        blocks = partial(step.apply, blocks, n_rows=n_rows, dims=dims)
        n_rows, dims = step.n_rows(n_rows), step.n_dims(dims)
    for rows in blocks():
        with np.errstate(over="ignore"):  # what leaves the range of the type is refused by the store
            rounded = rows.astype(dtype, copy=False)
        yield rounded


def tail_rows(tail: Tail, n_rows: int) -> int:
    """The rows that a clip of ``n_rows`` has after the tail."""
    for step in tail:
        n_rows = step.n_rows(n_rows)
    return n_rows


def tail_dims(tail: Tail, dims: int) -> int:
    """The columns that rows of ``dims`` have after the tail."""
    for step in tail:
        dims = step.n_dims(dims)
    return dims


def fewest_rows(tail: Tail) -> int:
    """The rows that a clip must have for the tail to give at least one that is not filled up."""
    fewest = 1
    for step in reversed(tail):
        fewest = step.fewest_rows(fewest)
    return fewest
