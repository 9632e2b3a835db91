"""Time by stage, each moment charged to one stage only: an inner stage stops the clock of the outer one."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds spent by stage in one thread."""

    __slots__ = ("_since", "_stage", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage = "idle"
        self._since = time.perf_counter()

    def stage(self, name: str) -> _Stage:
        """Charge the block to ``name``, and what comes after it to the stage that was on before."""
        return _Stage(self, name)

    def switch(self, name: str) -> str:
        """Charge what comes to ``name``; gives the stage that was on before."""
        now = time.perf_counter()
        before = self._stage
        self.seconds[before] = self.seconds.get(before, 0.0) + now - self._since
        self._stage, self._since = name, now
        return before


class _Stage:
    """One block of a stage."""

    __slots__ = ("_clock", "_name", "_outer")

    def __init__(self, clock: Stopwatch, name: str) -> None:
        self._clock, self._name = clock, name

    def __enter__(self) -> None:
        self._outer = self._clock.switch(self._name)

    def __exit__(self, *error: object) -> None:
        self._clock.switch(self._outer)
