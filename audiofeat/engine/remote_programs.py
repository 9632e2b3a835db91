"""Programs that another process runs, as a lane calls them: tapes and rows lie in memory that both share."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from typing import NoReturn

import numpy as np

from audiofeat.engine.tape_link import CELLS, CLIPS, FRAMES, PENDING, READY, STATISTICS, TAPE, Cell, TapeLayout, receive
from audiofeat.frontend.programs import Array, ClipRows, FrameRows
from audiofeat.frontend.recipe import Recipe


class RemotePrograms:
    """The programs of a recipe, for one thread to call.

    Where the other process is gone, nothing returns any more: the run, which is its parent too, ends this one and has
    its shards done again. So no clip is blamed.
    """

    tapes_ahead = CELLS - 1

    def __init__(self, recipe: Recipe, door: socket.socket) -> None:
        """Have the programs compiled, and wait until they are.

        Args:
            door: where the process that computes takes requests for links.
        """
        layout = TapeLayout(recipe)
        memory = os.memfd_create("audiofeat-tapes")
        os.ftruncate(memory, layout.size_bytes)
        self._in_frames = layout.in_frames
        self._has_clip_program = layout.has_clip_program
        self._cells = layout.cells(memory)
        self._free = {program: list(range(CELLS)) for program in self._cells}
        self._answered: set[bytes] = set()
        self._link, theirs = socket.socketpair()
        request = {"sample_rate_hz": recipe.sample_rate_hz, "features": list(recipe.chains)}
        try:
            socket.send_fds(door, [json.dumps(request).encode("ascii")], [theirs.fileno(), memory])
        except OSError:
            _wait_to_be_ended()
        finally:
            theirs.close()
            os.close(memory)
        self._await(READY)

    def start_frame_program(self, tape: Array) -> Callable[[], FrameRows]:
        call, cell = self._fill(FRAMES, {TAPE: tape})

        def rows() -> FrameRows:
            self._take(call)
            finished = {name: cell[name].copy() for name in self._in_frames}
            pending = cell[PENDING].copy() if self._has_clip_program else None
            self._free[FRAMES].append(call[1])
            return finished, pending

        return rows

    def start_clip_program(self, rows: Array, statistics: Array) -> Callable[[], ClipRows]:
        given = {PENDING: rows, STATISTICS: statistics}
        call, cell = self._fill(CLIPS, given)

        def out() -> ClipRows:
            self._take(call)
            finished = {name: values.copy() for name, values in cell.items() if name not in given}
            self._free[CLIPS].append(call[1])
            return finished

        return out

    def _fill(self, program: bytes, arrays: Cell) -> tuple[bytes, Cell]:
        """Put what goes in into a free cell, and say so. Raises IndexError where too many calls are under way."""
        number = self._free[program].pop(0)
        cell = self._cells[program][number]
        for name, values in arrays.items():
            np.copyto(cell[name], values)
        call = program + bytes([number])
        try:
            self._link.sendall(call)
        except OSError:
            _wait_to_be_ended()
        return call, cell

    def _take(self, call: bytes) -> None:
        self._await(call)
        self._answered.discard(call)

    def _await(self, answer: bytes) -> None:
        while answer not in self._answered:
            try:
                found = receive(self._link)
            except OSError:
                found = None
            if found is None:
                _wait_to_be_ended()
            self._answered.add(found)


def _wait_to_be_ended() -> NoReturn:
    while True:
        threading.Event().wait()
