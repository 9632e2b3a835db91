"""The memory that a lane shares with the process that computes for it, and the few bytes that go beside it.

Each program has as many cells as a lane may have calls under way. A cell holds all arrays of one call, what goes in
and what comes out, one behind the other::

    frame program   tape │ rows of each finished feature │ pending columns     × CELLS
    clip program    pending columns │ statistics │ rows of each feature        × CELLS

The lane fills a cell and says which, as a program's letter and a number; the same two bytes come back when the rows
are there. Linux only: the memory has no name and lasts as long as either process has it.
"""

from __future__ import annotations

import mmap
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from audiofeat.dsp import chain as steps
from audiofeat.frontend.recipe import Recipe
from audiofeat.tape import tape_length

Array: TypeAlias = npt.NDArray[Any]
Cell: TypeAlias = Mapping[str, Array]
"""Its arrays by name; a feature has its own, which is a word."""

TAPE, PENDING, STATISTICS = "#tape", "#pending", "#statistics"
FRAMES, CLIPS = b"F", b"C"
CELLS = 2
"""One is computed while the other is filled."""
READY = b"OK"

_ALIGNED_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Place:
    """Of an array in its cell."""

    offset_bytes: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class TapeLayout:
    """Where on a link's memory each array lies: the same on both sides, as it follows from the recipe."""

    def __init__(self, recipe: Recipe) -> None:
        rule, pending = recipe.rule, recipe.pending
        precision = np.dtype(recipe.precision)
        rows_shape, maxima_shape = (recipe.tape_slots, pending.width), (recipe.tape_slots, len(pending.maxima))
        length = tape_length(slots=recipe.tape_slots, hop=rule.hop_samples, span=rule.span_samples)
        rows = {
            name: ((recipe.tape_slots, recipe.program_dims(name)), np.dtype(recipe.program_dtype(name)))
            for name in recipe.chains
        }
        self.in_frames = [name for name, chain in recipe.chains.items() if steps.frame_part(chain) == chain]
        self.has_clip_program = len(self.in_frames) < len(rows)
        waiting = {PENDING: (rows_shape, precision)} if self.has_clip_program else {}
        finished = {name: rows[name] for name in self.in_frames}
        later = {name: rows[name] for name in rows if name not in finished}
        self.size_bytes = 0
        self._cells = {
            FRAMES: [self._cell({TAPE: ((length,), precision), **finished, **waiting}) for _ in range(CELLS)],
            CLIPS: [self._cell({**waiting, STATISTICS: (maxima_shape, precision), **later}) for _ in range(CELLS)],
        }

    def cells(self, memory: int) -> dict[bytes, list[Cell]]:
        """The arrays on the memory with that descriptor, by program; the memory lasts as long as they do."""
        mapped = mmap.mmap(memory, self.size_bytes)
        return {
            program: [
                {
                    name: np.frombuffer(
                        mapped, place.dtype, count=int(np.prod(place.shape)), offset=place.offset_bytes
                    ).reshape(place.shape)
                    for name, place in cell.items()
                }
                for cell in cells
            ]
            for program, cells in self._cells.items()
        }

    def _cell(self, arrays: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> dict[str, _Place]:
        places = {}
        for name, (shape, dtype) in arrays.items():
            places[name] = _Place(self.size_bytes, shape, dtype)
            n_bytes = int(np.prod(shape)) * dtype.itemsize
            self.size_bytes += -(-n_bytes // _ALIGNED_BYTES) * _ALIGNED_BYTES
        return places


def receive(link: socket.socket) -> bytes | None:
    """The next two bytes; None where the other side is gone."""
    found = b""
    while len(found) < 2:
        part = link.recv(2 - len(found))
        if not part:
            return None
        found += part
    return found
