"""Where a run computes: this machine, or a cluster. It says on what kind of device, and has the engine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from audiofeat.device import choose_device, choose_gpus, usable_cores
from audiofeat.engine.allowance import Allowance
from audiofeat.engine.engine import Engine
from audiofeat.engine.local import LocalEngine
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.standby import Standby
from audiofeat.store.layout import StorePaths


class Workplace(AbstractContextManager["Workplace"], Protocol):
    """Nothing is begun before it is asked for something; on leaving, nothing is left."""

    @property
    def opening_seconds(self) -> float:
        """How long it took until there was a place to work in."""

    @property
    def lanes(self) -> int:
        """How many clips are wanted to be worked on at a time."""

    @property
    def cores(self) -> int:
        """How many processor cores there are for that."""

    def choose_device(self, wanted: str, *, stored: str | None) -> str:
        """As :func:`audiofeat.device.choose_device`, of what there is."""

    def engine(self, job: WorkerJob, paths: StorePaths, allowance: Allowance) -> Engine:
        """What runs the shards. Raises MissingToolError: the device is not there."""


class ThisMachine:
    """The usual one.

    Args:
        workers: lanes; None: one for each processor core.
        device: what ``--device`` says.
        standby: a process that has been started already, perhaps.
    """

    def __init__(self, *, workers: int | None, device: str, standby: Standby | None) -> None:
        self._workers, self._device, self._standby = workers, device, standby

    def __enter__(self) -> ThisMachine:
        return self

    def __exit__(self, *error: object) -> None:
        """What was started is the engine's, and ends with it."""

    @property
    def opening_seconds(self) -> float:
        return 0.0

    @property
    def lanes(self) -> int:
        return self._workers or self.cores

    @property
    def cores(self) -> int:
        return usable_cores()

    def choose_device(self, wanted: str, *, stored: str | None) -> str:
        return choose_device(wanted, stored=stored)

    def engine(self, job: WorkerJob, paths: StorePaths, allowance: Allowance) -> LocalEngine:
        return LocalEngine(
            job,
            paths,
            workers=allowance.lanes,
            gpus=choose_gpus(self._device) if job.device == "gpu" else (),
            most_processes=allowance.processes,
            standby=self._standby,
        )
