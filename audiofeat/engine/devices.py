"""The processes that compute for others, as the engine keeps them: one for each GPU, started when it is first wanted.

One that dies takes with it the workers that it computed for, of which none is to blame: they are ended, their shards
are done again, and another one takes its place. Several in a row without a shard finished end the run.
"""

from __future__ import annotations

import os
import selectors
import socket
from pathlib import Path

from audiofeat.engine.child import start_child, worker_environment
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.process import ChildProcess, new_log
from audiofeat.errors import AudioFeatError
from audiofeat.store.layout import StorePaths

_DEATHS_IN_A_ROW = 3


class DeviceProcess(ChildProcess):
    """One of them."""

    def __init__(self, job: WorkerJob, *, lanes: int, gpu: str | None, log: Path) -> None:
        """Start it, for so many ``lanes``.

        Raises:
            StorageError: its log cannot be written.
            MissingToolError: the system gives no process.
        """
        self.gpu = gpu
        # Whole messages, and no name that others could find.
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = worker_environment(os.environ, device=job.device, gpu=gpu)
        with theirs:
            with new_log(log) as stderr:
                child = start_child(environment, stderr=stderr, computes_only=True, door=theirs.fileno())
            super().__init__(child, log)
            self.say({"config": dict(job.config), "device": job.device, "lanes": lanes, "door": theirs.fileno()})

    @property
    def door(self) -> int:
        """The descriptor that a worker has to inherit to reach it."""
        return self._door.fileno()

    def wait(self) -> str:
        self._door.close()
        return super().wait()


class Devices:
    """Those that there are, by GPU; None is the CPU."""

    def __init__(self, job: WorkerJob, paths: StorePaths, selector: selectors.BaseSelector, *, lanes: int) -> None:
        """``selector`` is told of each one's pipe; ``lanes`` is the most that one computes for."""
        self._job, self._paths, self._selector, self._lanes = job, paths, selector, lanes
        self._processes: dict[str | None, DeviceProcess] = {}
        self._started = 0
        self._deaths_in_a_row = 0

    @property
    def processes(self) -> list[DeviceProcess]:
        return list(self._processes.values())

    def door_of(self, gpu: str | None) -> int:
        """The door of the process that computes on a GPU. Raises as :class:`DeviceProcess`."""
        if gpu not in self._processes:
            self._started += 1
            log = self._paths.logs / f"device-{self._started}.log"
            process = DeviceProcess(self._job, lanes=self._lanes, gpu=gpu, log=log)
            self._processes[gpu] = process
            self._selector.register(process.stdout, selectors.EVENT_READ, process)
        return self._processes[gpu].door

    def note_finished(self) -> None:
        """A shard was finished."""
        self._deaths_in_a_row = 0

    def bury(self, process: DeviceProcess) -> str:
        """One has closed its pipe: as it should, or because it died; says in words how it ended.

        Raises:
            AudioFeatError: too many have died.
        """
        self._selector.unregister(process.stdout)
        del self._processes[process.gpu]
        end = process.wait()
        if process.said_bye:
            return end
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > _DEATHS_IN_A_ROW:
            raise AudioFeatError(
                f"the process that computes died {self._deaths_in_a_row} times in a row, the last by {end}",
                hint=f"see {process.log}; `audiofeat doctor` tries each device",
            )
        return end

    def close(self) -> None:
        """Say that nothing more will come."""
        for process in self._processes.values():
            process.close()

    def kill(self) -> None:
        """End them all at once."""
        for process in self.processes:
            self._selector.unregister(process.stdout)
            process.kill()
        self._processes.clear()
