"""The local engine: worker processes on this machine, supervised, so that none is lost and none outlives the run.

A worker that dies costs its shards an attempt; the inquest says what is done with them then (see ``inquest``). One
that says nothing for minutes, as if it were frozen, is ended and has died.
"""

from __future__ import annotations

import resource
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from audiofeat.config.wording import counted
from audiofeat.engine.arrangement import Arrangement
from audiofeat.engine.descriptors import check_descriptors
from audiofeat.engine.devices import DeviceProcess, Devices
from audiofeat.engine.inquest import Inquest
from audiofeat.engine.messages import WorkerJob, error_of
from audiofeat.engine.process import WorkerProcess
from audiofeat.engine.standby import Standby
from audiofeat.errors import AudioFeatError, Interrupted, MissingToolError
from audiofeat.lane import MOST_EXAMPLES
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ShardTask

DRAIN_SECONDS = 5.0
"""How long a stopped run waits for the shards that have been begun."""

_LISTEN_SECONDS = 0.2
_SILENCE_SECONDS = 180.0
"""A worker speaks four times a second."""
_LOADING_SECONDS = 1_800.0
"""But not while TensorFlow's library is loaded, which off a slow disk may take long and lets no other thread run."""
_CLIPS_AHEAD = 512
"""For each lane, so that no tape runs dry between two small shards. What a worker holds when it dies is done again."""


@dataclass(slots=True)
class EngineReport:
    """What the engine's processes did, in sum."""

    tally: dict[str, float] = field(default_factory=dict)
    """Clips done and failed, seconds of audio, and seconds by stage over all lanes."""
    start_up_seconds: float = 0.0
    waiting_seconds: float = 0.0
    """Lanes' time until their programs were ready, less what they had done by then."""
    peak_rss_bytes: int = 0
    deaths: int = 0
    examples: list[str] = field(default_factory=list)
    """The first few clips that failed, with their reasons."""
    warnings: set[str] = field(default_factory=set)


class LocalEngine:
    """Runs shards in worker processes. Use as a context manager: on leaving, no process is left.

    Args:
        job: what each worker is told; its lanes and hands are filled in here.
        workers: lanes in all, over all processes.
        gpus: those to compute on, by CUDA's names for them; none: the CPU.
        most_processes: at a time; None: as many as are good for the lanes.
        on_change: called a few times a second with the report so far.
        stop: gives the signal that asks the run to stop, or None.
        standby: a process that has been started already, if there is one.
        meanwhile: called once all workers have been started and given work: they are loading, so there is time.
    """

    def __init__(
        self,
        job: WorkerJob,
        paths: StorePaths,
        *,
        workers: int,
        gpus: Sequence[str] = (),
        on_change: Callable[[EngineReport], None],
        stop: Callable[[], int | None],
        most_processes: int | None = None,
        standby: Standby | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self._job = job
        self._paths = paths
        self._workers = workers
        self._gpus = gpus
        self._on_change = on_change
        self._stop = stop
        self._most_processes = most_processes
        self._standby = standby
        self._meanwhile = meanwhile
        self._selector = selectors.DefaultSelector()
        self._processes: list[WorkerProcess] = []
        self._devices = Devices(job, paths, self._selector, lanes=-(-workers // max(1, len(gpus))))
        self._waiting: deque[ShardTask] = deque()
        self._suspects: deque[ShardTask] = deque()
        self._ended: dict[str, float] = {}
        self._lanes_wanted = workers
        self._has_taken_less = False
        self._inquest = Inquest(paths, source=job.source)
        self._started = 0
        self.report = EngineReport()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        for process in list(self._processes):
            self._selector.unregister(process.stdout)
            process.kill()
        self._devices.kill()
        self._selector.close()

    def run(self, tasks: Sequence[ShardTask]) -> EngineReport:
        """Run all shards to their commit records.

        Raises:
            Interrupted: ``stop`` gave a signal; finished shards stay.
            MissingToolError: the system gives too few file descriptors or no process.
            StorageError, AudioFeatError: a worker could not go on.
        """
        for folder in (self._paths.logs, self._paths.spool, self._paths.tasks):
            make_folder(folder)
        # The largest first, so that the processes end together.
        self._waiting.extend(sorted(tasks, key=lambda task: len(task.clips), reverse=True))
        self._arrangement = Arrangement(
            gpus=self._gpus, workers=self._workers, n_shards=len(tasks), most_processes=self._most_processes
        )
        shares = self._arrangement.shares
        check_descriptors(lanes=max(shares), processes=len(shares))
        for lanes in shares:
            self._add_process(lanes)
        for task in tasks:  # while the processes start
            write_checked_json(self._paths.task(task.slot), task.to_json())
        self._hand_out()
        self._meanwhile()
        while self._waiting or self._suspects or any(process.shards for process in self._processes):
            self._hand_out()
            self._turn()
        for process in self._processes:
            process.close()
        while self._processes:
            self._turn()
        self._devices.close()
        while self._devices.processes:
            self._turn()
        return self.report

    def _start(self, lanes: int, *, is_careful: bool = False) -> WorkerProcess:
        self._started += 1
        log = self._paths.logs / f"worker-{self._started}.log"
        gpu = self._arrangement.gpu_for_next(process.gpu for process in self._processes)
        door = self._devices.door_of(gpu) if self._arrangement.has_device_processes else None
        process = WorkerProcess(
            self._job, lanes=lanes, log=log, is_careful=is_careful, gpu=gpu, door=door, standby=self._standby
        )
        self._processes.append(process)
        self._selector.register(process.stdout, selectors.EVENT_READ, process)
        return process

    def _add_process(self, lanes: int) -> None:
        """One more process, where the system gives it; else the run goes on with those that there are."""
        try:
            self._start(lanes)
        except MissingToolError as error:
            if all(process.is_careful for process in self._processes):
                raise
            self._lanes_wanted = sum(process.lanes for process in self._processes if not process.is_careful)
            self.report.warnings.add(f"{error.problem}: the run went on with {counted(self._lanes_wanted, 'lane')}")

    def _hand_out(self) -> None:
        """Give each process as much as it should hold; what a process has died of before comes last, and apart."""
        usual = [process for process in self._processes if not process.is_careful]
        # In place of those that died, where there is more to do than the others have in hand.
        lanes = self._lanes_wanted - sum(process.lanes for process in usual)
        if lanes > 0 and len(self._waiting) > len(usual):
            self._add_process(min(lanes, self._arrangement.most_lanes))
            usual = [process for process in self._processes if not process.is_careful]
        for process in usual:
            while self._waiting and self._wants_more(process, len(usual)):
                process.give(self._waiting.popleft())
        if self._suspects and not self._waiting and not any(process.shards for process in self._processes):
            for process in usual:  # their memory is wanted
                process.close()
            if not usual:
                alone = next((process for process in self._processes if process.is_careful), None)
                (alone or self._start(1, is_careful=True)).give(self._suspects.popleft())

    def _wants_more(self, process: WorkerProcess, n_processes: int) -> bool:
        """Whether a process should get another shard now: one ahead of its lanes, but none that others could begin."""
        if len(self._waiting) < n_processes:
            return len(process.shards) < process.lanes
        return len(process.shards) <= process.lanes or process.clips_held < _CLIPS_AHEAD * process.lanes

    def _turn(self) -> None:
        """Hear what the workers say, and stop if asked to."""
        begun = time.monotonic()
        self._listen(_LISTEN_SECONDS)
        # No more than it should take: this process, too, may have been stopped, and the workers with it.
        self._end_the_silent(min(time.monotonic() - begun, 2 * _LISTEN_SECONDS))
        total = dict(self._ended)
        for process in [*self._processes, *self._devices.processes]:
            _add(total, process.tally())
        self.report.tally = total
        self._on_change(self.report)
        number = self._stop()
        if number is not None:
            self._drain()
            raise Interrupted(f"stopped by {signal.Signals(number).name}", signal_number=number)

    def _drain(self) -> None:
        """Let the workers finish the shards that they have begun, for a while."""
        deadline = time.monotonic() + DRAIN_SECONDS
        for process in self._processes:
            process.say({"drain": True})
        with suppress(AudioFeatError):  # what a worker cannot do any more is not done: the run stops anyway
            while self._processes and time.monotonic() < deadline:
                self._listen(_LISTEN_SECONDS)

    def _listen(self, timeout_seconds: float) -> None:
        for ready, _ in self._selector.select(timeout_seconds):
            process: WorkerProcess | DeviceProcess = ready.data
            messages = process.hear()
            if messages is not None:
                for message in messages:
                    self._heed(process, message)
            elif isinstance(process, DeviceProcess):
                self._bury_device(process)
            else:
                self._bury(process)

    def _end_the_silent(self, seconds: float) -> None:
        """``seconds`` have been spent listening."""
        for process in [*self._processes, *self._devices.processes]:
            process.silent_seconds += seconds
            if process.silent_seconds > (_SILENCE_SECONDS if process.is_ready else _LOADING_SECONDS):
                process.is_frozen = True
                process.strike()

    def _heed(self, process: WorkerProcess | DeviceProcess, message: Mapping[str, Any]) -> None:
        if "tally" in message:
            process.note_tally(message["tally"])
            new = [example for example in message["examples"] if example not in self.report.examples]
            self.report.examples = [*self.report.examples, *new][:MOST_EXAMPLES]
            self.report.warnings.update(message["warnings"])
        elif "done" in message and isinstance(process, WorkerProcess):
            process.note_finished(message["done"], message["counts"])
            self._inquest.note_finished()
            self._devices.note_finished()
        elif "ready" in message:
            self.report.waiting_seconds += process.note_ready(worked_seconds=message["worked_seconds"])
            self.report.start_up_seconds = max(self.report.start_up_seconds, message["ready"])
        elif "bye" in message:
            process.said_bye = True
            self.report.peak_rss_bytes += message["bye"]["peak_rss_bytes"]
        elif "fault" in message:
            raise error_of(message["fault"], log=process.log)

    def _bury(self, process: WorkerProcess) -> None:
        """A process has closed its pipe: as it should, or because it died."""
        self._selector.unregister(process.stdout)
        self._processes.remove(process)
        end = process.wait()
        _add(self._ended, process.tally())
        if process.said_bye:
            return
        if process.has_lost_device:
            (self._suspects if process.is_careful else self._waiting).extend(process.shards.values())
            return
        self.report.deaths += 1
        if process.was_killed and not process.is_frozen and not self._has_taken_less:
            self._take_less()
        verdict = self._inquest.hold(process, end)
        if verdict.failure is not None:
            _add(self._ended, {"clips_failed": 1})  # no lane will count it
            example = f"{verdict.failure.source}: {verdict.failure.reason}"
            self.report.examples = [*self.report.examples, example][:MOST_EXAMPLES]
        self._suspects.extend(verdict.suspects)
        self._waiting.extend(verdict.others)
        if self._inquest.trusts_nothing:
            self._suspects.extend(self._waiting)
            self._waiting.clear()

    def _bury_device(self, process: DeviceProcess) -> None:
        """One that computes for workers has closed its pipe; what they wait for comes no more."""
        _add(self._ended, process.tally())
        self._devices.bury(process)
        if process.said_bye:
            return
        self.report.deaths += 1
        for worker in self._processes:
            if worker.gpu == process.gpu:
                worker.has_lost_device = True
                worker.strike()

    def _take_less(self) -> None:
        """Memory may have run out: go on with half the lanes."""
        self._has_taken_less = True
        fewer = max(1, self._workers // 2)
        self._lanes_wanted = min(self._lanes_wanted, fewer)
        peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        self.report.warnings.add(
            f"a worker process was killed (out of memory? the largest had {peak_bytes / 1e6:,.0f} MB): "
            f"the run went on with {counted(fewer, 'lane')}; see --workers"
        )


def _add(total: dict[str, float], tally: Mapping[str, float]) -> None:
    for name, value in tally.items():
        total[name] = total.get(name, 0) + value
