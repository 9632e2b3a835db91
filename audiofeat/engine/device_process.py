"""The process that computes for others: it has TensorFlow and one GPU, decodes nothing, and writes nothing.

Lanes in processes of their own fill tapes faster than threads of this one could. Each opens a link: through the door,
a socket that it has inherited, it sends what programs it wants, its end of a socket of the link's own, and memory that
both share (see ``tape_link``). Links are served side by side, so that one's rows are on their way back while another's
tape is computed; which lane a tape comes from changes nothing about it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from audiofeat.config import Config, load_config, with_features
from audiofeat.engine.loading import begin, commands_from, compiled, load_tensorflow
from audiofeat.engine.messages import encode, fault_of
from audiofeat.engine.tape_link import FRAMES, PENDING, READY, STATISTICS, TAPE, Cell, TapeLayout, receive
from audiofeat.errors import MissingToolError
from audiofeat.frontend.programs import fault_of_no_clip
from audiofeat.frontend.recipe import recipe_of
from audiofeat.memory import Memory
from audiofeat.peak_memory import peak_rss_bytes

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

_TALLY_SECONDS = 0.25
_MOST_FRONTENDS = 32
_MOST_REQUEST_BYTES = 65_536
_DESCRIPTORS = 2
"""With each request: the link, and the memory."""
_CALLS_AT_A_TIME = 2
"""While one is computed, another's arrays go over the bus; each takes memory of the GPU."""


class DeviceServer:
    """Links and the programs that they share."""

    def __init__(self, config: Config, out: IO[bytes]) -> None:
        self._config = config
        self._out = out
        self._out_lock = threading.Lock()
        self._frontends: Memory[Frontend] = Memory(most=_MOST_FRONTENDS)
        self._turns = threading.Semaphore(_CALLS_AT_A_TIME)
        self._occupancy = Occupancy()

    def run(self, device: str, door: socket.socket, *, lanes: int) -> None:
        """Serve whoever comes through the door: so many lanes, or fewer."""
        begun = time.perf_counter()
        try:
            load_tensorflow(device, threads=lanes)
            self.say({"ready": time.perf_counter() - begun, "worked_seconds": 0.0})
            threading.Thread(target=self._report, daemon=True).start()
            while True:
                request, descriptors, _, _ = socket.recv_fds(door, _MOST_REQUEST_BYTES, _DESCRIPTORS)
                if not request:
                    return
                if len(descriptors) < _DESCRIPTORS:  # the system lets go of those for which there is no room
                    raise MissingToolError(
                        "too few file descriptors (env.too-few-fds) in the process that computes",
                        hint="a higher `ulimit -n`, or fewer --workers",
                    )
                threading.Thread(target=self._serve, args=(json.loads(request), *descriptors), daemon=True).start()
        except BaseException as error:  # noqa: BLE001  # of any library below: the run must hear of it, not hang
            self.say(fault_of(error))

    def say(self, message: Mapping[str, Any]) -> None:
        with self._out_lock:
            self._out.write(encode(message))
            self._out.flush()

    def tally(self) -> dict[str, Any]:
        return {"tally": self._occupancy.seconds(), "examples": [], "warnings": []}

    def _report(self) -> None:
        while True:
            time.sleep(_TALLY_SECONDS)
            self.say(self.tally())

    def _serve(self, request: Mapping[str, Any], link_descriptor: int, memory: int) -> None:
        try:
            link = socket.socket(fileno=link_descriptor)
            config = with_features(self._config, request["features"])
            recipe = recipe_of(config, sample_rate_hz=request["sample_rate_hz"])
            cells = TapeLayout(recipe).cells(memory)
            os.close(memory)
            key = request["sample_rate_hz"], *request["features"]
            frontend = self._frontends.get(key, lambda: compiled(recipe))
            call: bytes | None = READY
            while call is not None:
                if not _sent(link, call):
                    return
                call = receive(link)
                if call is not None:
                    with fault_of_no_clip(), self._turns, self._occupancy.call():
                        _compute(frontend, call[:1], cells[call[:1]][call[1]])
        except ConnectionError:
            pass  # the lane's process is gone, of which the run hears by itself
        except BaseException as error:  # noqa: BLE001  # a thread that dies unheard leaves its lane waiting for ever
            self.say(fault_of(error))


class Occupancy:
    """How long calls were under way, of the time since the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: float | None = None
        self._n_calls = 0
        self._since = 0.0
        self._busy_seconds = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call: from the moment at which its arrays are there, until its rows are."""
        with self._lock:
            if self._n_calls == 0:
                self._since = time.perf_counter()
                self._first = self._since if self._first is None else self._first
            self._n_calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_calls -= 1
                if self._n_calls == 0:
                    self._busy_seconds += time.perf_counter() - self._since

    def seconds(self) -> dict[str, float]:
        """``device_seconds`` since the first call, of which ``device_busy_seconds`` with one under way."""
        with self._lock:
            now = time.perf_counter()
            open_seconds = now - self._since if self._n_calls else 0.0
            return {
                "device_seconds": now - self._first if self._first is not None else 0.0,
                "device_busy_seconds": self._busy_seconds + open_seconds,
            }


def _compute(frontend: Frontend, program: bytes, cell: Cell) -> None:
    """Run a program on a cell's arrays, and leave the rows there."""
    if program == FRAMES:
        rows, pending = frontend.frame_program(cell[TAPE])
        if pending is not None:
            np.copyto(cell[PENDING], pending)
    else:
        rows = frontend.clip_program(cell[PENDING], cell[STATISTICS])
    for name, values in rows.items():
        np.copyto(cell[name], values)


def _sent(link: socket.socket, message: bytes) -> bool:
    try:
        link.sendall(message)
    except OSError:
        return False
    return True


def main() -> None:
    """Read from standard input what to compute, and serve until that ends."""
    out = begin()
    commands = commands_from(sys.stdin.buffer)
    job = next(commands, None)
    if job is None:
        os._exit(1)  # the run is gone
    os.set_inheritable(job["door"], False)
    server = DeviceServer(load_config(job["config"]), out)
    door = socket.socket(fileno=job["door"])
    serve = partial(server.run, job["device"], door, lanes=job["lanes"])
    threading.Thread(target=serve, daemon=True).start()
    if next(commands, None) is None:
        os._exit(1)
    server.say(server.tally())
    server.say({"bye": {"peak_rss_bytes": peak_rss_bytes()}})
    os._exit(0)
