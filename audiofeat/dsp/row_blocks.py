"""A clip's rows in blocks: any blocks in, and out the stretches that a step works on.

A clip may be hours long, so no step holds all of it; and it comes in blocks of any size, which no value may depend
on. So a step that adds along time says how many rows it takes at a time, counted from the clip's first row, and how
many more it wants to see on both sides of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Reals: TypeAlias = npt.NDArray[np.float64]
Blocks: TypeAlias = Callable[[], Iterator[Array]]
"""Gives a clip's rows from the start each time it is called, in blocks (n, dims) of any sizes."""

BLOCK_VALUES = 32_768
"""A quarter of a megabyte of float64: the few arrays that a step works with stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows of a clip, with their neighbours.

    ``rows[before : len(rows) - behind]`` are the rows meant; ``rows[0]`` is the clip's row ``first``.
    """

    rows: Array
    first: int
    before: int
    behind: int

    def inner(self, values: Array) -> Array:
        """Of values for all of the rows, those for the rows meant."""
        return values[self.before : len(values) - self.behind]


def block_rows(dims: int) -> int:
    """Rows of ``dims`` values to take at a time."""
    return max(16, BLOCK_VALUES // dims)


def stretches(
    blocks: Iterable[Array], *, n_rows: int, size: int, before: int = 0, behind: int = 0
) -> Iterator[Stretch]:
    """Each ``size`` rows of a clip of ``n_rows``, with up to ``before`` and ``behind`` more around them.

    Fewer at the clip's ends, where there are no more. Rows are copied only where a stretch spans several blocks.

    Shape:
        blocks (n, ...) -> stretches of up to before + size + behind rows.
    Raises:
        ValueError: the blocks hold fewer than ``n_rows`` rows.
    """
    source = iter(blocks)
    held: list[Array] = []
    first = end = 0  # the clip's rows that are held
    for start in range(0, n_rows, size):
        stop = min(start + size, n_rows)
        wanted = min(stop + behind, n_rows)
        while end < wanted:
            block = next(source, None)
            if block is None:
                raise ValueError(f"the blocks hold {end} rows, not the {n_rows} of the clip")
            held.append(block)
            end += len(block)
        rows = held[0] if len(held) == 1 else np.concatenate(held)
        here = max(0, start - before)
        yield Stretch(rows[here - first : wanted - first], here, start - here, wanted - stop)
        kept = min(end, max(0, stop - before))
        held = [rows[kept - first :]] if kept < end else []
        first = kept
