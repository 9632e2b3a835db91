"""The local engine: worker processes on this machine, none of which is lost or outlives the run."""

from __future__ import annotations

import resource
import selectors
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from audiofeat.config.wording import counted
from audiofeat.engine.arrangement import Arrangement
from audiofeat.engine.descriptors import check_descriptors
from audiofeat.engine.devices import DeviceProcess, Devices
from audiofeat.engine.engine import Messages
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.process import ChildProcess, WorkerProcess
from audiofeat.engine.standby import Standby
from audiofeat.errors import MissingToolError
from audiofeat.store.layout import StorePaths


class LocalEngine:
    """Its workers are processes, each with one lane or several; on a GPU others may compute for them.

    Args:
        job: what each worker is told; its lanes and hands are filled in here.
        workers: lanes in all, over all processes.
        gpus: those to compute on, by CUDA's names for them; none: the CPU.
        most_processes: at a time; None: as many as are good for the lanes.
        standby: a process that has been started already, if there is one.
    """

    def __init__(
        self,
        job: WorkerJob,
        paths: StorePaths,
        *,
        workers: int,
        gpus: Sequence[str] = (),
        most_processes: int | None = None,
        standby: Standby | None = None,
    ) -> None:
        self._job = job
        self._paths = paths
        self._most_lanes = workers
        self._gpus = gpus
        self._most_processes = most_processes
        self._standby = standby
        self._selector = selectors.DefaultSelector()
        self._devices = Devices(job, paths, self._selector, lanes=-(-workers // max(1, len(gpus))))
        self._shares: deque[int] = deque()
        """Lanes of the processes to start with, as far as they have not been started."""
        self._lanes_wanted = workers
        self._has_taken_less = False
        self._started = 0
        self.workers: list[WorkerProcess] = []
        self.warnings: set[str] = set()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.workers:
            self._selector.unregister(process.stdout)
            process.kill()
        self.workers.clear()
        self._devices.kill()
        self._selector.close()

    @property
    def speakers(self) -> Sequence[ChildProcess]:
        return [*self.workers, *self._devices.processes]

    def prepare(self, *, n_shards: int) -> None:
        """Raises MissingToolError: the system gives too few file descriptors."""
        self._arrangement = Arrangement(
            gpus=self._gpus, workers=self._most_lanes, n_shards=n_shards, most_processes=self._most_processes
        )
        self._shares.extend(self._arrangement.shares)
        check_descriptors(lanes=max(self._shares), processes=len(self._shares))

    def add_workers(self, *, n_waiting: int) -> None:
        """Raises MissingToolError: the system gives no process, and there is none."""
        while lanes := self._lanes_for_another(n_waiting=n_waiting):
            try:
                self._start(lanes)
            except MissingToolError as error:
                self._shares.clear()
                self._lanes_wanted = sum(process.lanes for process in self._usual)
                if not self._lanes_wanted:
                    raise
                lanes_left = counted(self._lanes_wanted, "lane")
                self.warnings.add(f"{error.problem}: the run went on with {lanes_left}")

    def add_careful(self) -> WorkerProcess | None:
        """Once the usual ones have gone, since their memory is wanted."""
        for process in self._usual:
            process.close()
        return None if self._usual else self._start(1, is_careful=True)

    def listen(self, timeout_seconds: float) -> Iterator[tuple[ChildProcess, Messages | None]]:
        for ready, _ in self._selector.select(timeout_seconds):
            process: ChildProcess = ready.data
            yield process, process.hear()

    def bury(self, process: Any) -> str:
        if isinstance(process, DeviceProcess):
            return self._bury_device(process)
        self._selector.unregister(process.stdout)
        self.workers.remove(process)
        end: str = process.wait()
        return end

    def note_finished(self) -> None:
        self._devices.note_finished()

    def note_killed(self) -> None:
        """Go on with half the lanes, once."""
        if self._has_taken_less:
            return
        self._has_taken_less = True
        fewer = max(1, self._most_lanes // 2)
        self._lanes_wanted = min(self._lanes_wanted, fewer)
        peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        self.warnings.add(
            f"a worker process was killed (out of memory? the largest had {peak_bytes / 1e6:,.0f} MB): "
            f"the run went on with {counted(fewer, 'lane')}; see --workers"
        )

    def close(self) -> bool:
        for process in self.workers:
            process.close()
        if not self.workers:
            self._devices.close()
        return bool(self.speakers)

    @property
    def _usual(self) -> list[WorkerProcess]:
        return [process for process in self.workers if not process.is_careful]

    def _lanes_for_another(self, *, n_waiting: int) -> int:
        """How many lanes another process should have now; 0: there are enough of them."""
        if self._shares:
            return self._shares[0]
        usual = self._usual
        # In place of those that died, where there is more to do than the others have in hand.
        lanes = self._lanes_wanted - sum(process.lanes for process in usual)
        return min(lanes, self._arrangement.most_lanes) if lanes > 0 and n_waiting > len(usual) else 0

    def _start(self, lanes: int, *, is_careful: bool = False) -> WorkerProcess:
        self._started += 1
        log = self._paths.logs / f"worker-{self._started}.log"
        gpu = self._arrangement.gpu_for_next(process.gpu for process in self.workers)
        door = self._devices.door_of(gpu) if self._arrangement.has_device_processes else None
        process = WorkerProcess(
            self._job, lanes=lanes, log=log, is_careful=is_careful, gpu=gpu, door=door, standby=self._standby
        )
        if self._shares and not is_careful:
            self._shares.popleft()
        self.workers.append(process)
        self._selector.register(process.stdout, selectors.EVENT_READ, process)
        return process

    def _bury_device(self, process: DeviceProcess) -> str:
        """One that computes for workers has closed its pipe; what they wait for comes no more."""
        end = self._devices.bury(process)
        if not process.said_bye:
            for worker in self.workers:
                if worker.gpu == process.gpu:
                    worker.has_lost_ground = True
                    worker.strike()
        return end
