"""The local engine: worker processes on this machine, supervised, so that none is lost and none outlives the run.

A worker that dies costs its shards an attempt. They are done again at the end, in a process that has one clip in
hand at a time: should it die too, that clip is put in quarantine (``decoder.crashed``) and the rest goes on.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO, Any

from audiofeat.engine.messages import WorkerJob, decode_hands, encode
from audiofeat.errors import AudioFeatError, Interrupted, MissingToolError, StorageError
from audiofeat.plan import source_digest_of
from audiofeat.records import ClipTask, Failure, ShardTask
from audiofeat.source import source_text
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import make_folder, write_json

LANES_A_PROCESS = 4
"""Threads meet the interpreter's lock on short clips: beyond about four, another process does more."""

DRAIN_SECONDS = 5.0

# The run's own import path, so that a worker is the same audiofeat, whatever lies in the current folder.
_WORKER = "import sys; sys.path[:] = sys.argv[1:]; from audiofeat.engine.worker import main; main()"
_DEATHS_WITHOUT_CULPRIT = 3
# A worker holds as much as keeps its lanes busy while finished shards are reported, and no more: what it holds
# when it dies is done again.
_CLIPS_AHEAD = 4096
_SHARDS_AHEAD = 64


@dataclass(eq=False, slots=True)
class _Process:
    """A worker process as its supervisor sees it."""

    process: subprocess.Popen[bytes]
    hands: str
    lanes: int
    log: str
    is_careful: bool
    """Whether it has one clip in hand at a time, so that its death names a culprit."""
    shards: dict[str, ShardTask] = field(default_factory=dict)
    tally: Mapping[str, float] = field(default_factory=dict)
    unread: bytes = b""
    is_closed: bool = False
    said_bye: bool = False

    @property
    def stdin(self) -> IO[bytes]:
        if self.process.stdin is None:
            raise ValueError("a worker without a pipe")
        return self.process.stdin

    @property
    def clips_held(self) -> int:
        return sum(len(shard.clips) for shard in self.shards.values())


@dataclass(slots=True)
class EngineReport:
    """What the engine's processes did, in sum."""

    tally: dict[str, float] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    start_up_seconds: float = 0.0
    peak_rss_bytes: int = 0
    deaths: int = 0


class LocalEngine:
    """Runs shards in worker processes. Use as a context manager: on leaving, no process is left.

    Args:
        job: what each worker is told; its lanes and hands are filled in here.
        workers: lanes in all, over all processes.
        on_change: called a few times a second with the report so far.
        stop: gives the signal that asks the run to stop, or None.
    """

    def __init__(
        self,
        job: WorkerJob,
        paths: StorePaths,
        *,
        workers: int,
        on_change: Callable[[EngineReport], None],
        stop: Callable[[], int | None],
    ) -> None:
        self._job = job
        self._paths = paths
        self._workers = workers
        self._on_change = on_change
        self._stop = stop
        self._selector = selectors.DefaultSelector()
        self._processes: list[_Process] = []
        self._waiting: deque[ShardTask] = deque()
        self._careful: deque[ShardTask] = deque()
        self._finished: dict[str, float] = {}
        self._deaths_in_a_row = 0
        self._number = 0
        self.report = EngineReport()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            self._kill(process)
        self._selector.close()

    def start(self, processes: int) -> None:
        """Start worker processes ahead of :meth:`run`, so that they load TensorFlow while the run is planned."""
        make_folder(self._paths.logs)
        make_folder(self._paths.spool)
        for share in _shares(self._workers, processes):
            self._spawn(share)

    def processes_for(self, n_shards: int) -> int:
        """How many processes are worth starting for so many shards."""
        if self._job.device == "gpu":
            return 1
        return max(1, min(-(-self._workers // LANES_A_PROCESS), n_shards))

    def run(self, tasks: Sequence[ShardTask]) -> EngineReport:
        """Run all shards to their commit records.

        Raises:
            Interrupted: ``stop`` gave a signal; finished shards stay.
            StorageError, MissingToolError, AudioFeatError: a worker could not go on.
        """
        make_folder(self._paths.tasks)
        for task in tasks:
            write_json(self._paths.task(task.slot), task.to_json())
        self._waiting.extend(tasks)
        if not self._processes:
            self.start(self.processes_for(len(tasks)))
        while self._waiting or self._careful or any(process.shards for process in self._processes):
            self._interrupt_if_asked()
            self._hand_out()
            self._listen(0.2)
            self._on_change(self._summed())
        for process in self._processes:
            self._close(process)
        while self._processes:
            self._interrupt_if_asked()
            self._listen(0.2)
        self._on_change(self._summed())
        return self.report

    def _hand_out(self) -> None:
        """Give each process as much as it should hold; what a process has died of before comes last, and apart."""
        usual = [process for process in self._processes if not process.is_careful]
        if self._waiting and not usual:
            usual.append(self._spawn(min(self._workers, LANES_A_PROCESS)))
        for process in usual:
            while self._waiting and (
                len(process.shards) <= process.lanes
                or (process.clips_held < _CLIPS_AHEAD and len(process.shards) < _SHARDS_AHEAD)
            ):
                self._give(process, self._waiting.popleft())
        if self._careful and not self._waiting and not any(process.shards for process in self._processes):
            alone = next((process for process in self._processes if process.is_careful), None)
            self._give(alone or self._spawn(1, is_careful=True), self._careful.popleft())

    def _give(self, process: _Process, task: ShardTask) -> None:
        process.shards[task.slot] = task
        self._say(process, {"shard": task.slot})

    def _listen(self, timeout_seconds: float) -> None:
        for ready, _ in self._selector.select(timeout_seconds):
            process: _Process = ready.data
            content = os.read(ready.fd, 1 << 16)
            if not content:
                self._bury(process)
                continue
            *lines, process.unread = (process.unread + content).split(b"\n")
            for line in lines:
                self._hear(process, json.loads(line))

    def _hear(self, process: _Process, message: Mapping[str, Any]) -> None:
        if "tally" in message:
            process.tally = message["tally"]
        elif "done" in message:
            process.shards.pop(message["done"], None)
            self._deaths_in_a_row = 0
            for reason, count in message["failures"].items():
                self.report.failures[reason] = self.report.failures.get(reason, 0) + count
        elif "ready" in message:
            self.report.start_up_seconds = max(self.report.start_up_seconds, message["ready"])
        elif "bye" in message:
            process.said_bye = True
            self.report.peak_rss_bytes += message["bye"]["peak_rss_bytes"]
        elif "fault" in message:
            raise _fault(message["fault"], process.log)

    def _bury(self, process: _Process) -> None:
        """A process has closed its pipe: as it should, or because it died."""
        self._forget(process)
        status = process.process.wait()
        if process.said_bye:
            return
        self.report.deaths += 1
        self._deaths_in_a_row += 1
        with open(process.hands, "rb") as file:
            in_hand = [(slot, index) for slot, index in decode_hands(file.read()) if slot in process.shards]
        if process.is_careful and len(in_hand) == 1:
            slot, index = in_hand[0]
            process.shards[slot] = self._condemn(process.shards[slot], index, status)
            self._deaths_in_a_row = 0
        elif self._deaths_in_a_row > _DEATHS_WITHOUT_CULPRIT:
            raise AudioFeatError(
                f"worker processes died {self._deaths_in_a_row} times in a row, the last by {_death(status)}",
                hint=f"see {process.log}; fewer --workers if memory ran out",
            )
        self._careful.extend(process.shards.values())

    def _condemn(self, task: ShardTask, index: int, status: int) -> ShardTask:
        """Mark the clip that was alone in hand when its process died as failed."""
        clip = task.clips[index]
        failure = Failure(
            key=clip.key,
            source=source_text(clip.path),
            reason="decoder.crashed",
            message=f"the process that had this clip in hand, and nothing else, died ({_death(status)})",
            hint="decode the file with another program and look at its samples; it may be hostile",
            source_digest=source_digest_of(os.path.join(self._job.source, clip.path)),
            decoder=None,
        )
        clips: list[ClipTask] = list(task.clips)
        clips[index] = replace(clip, reuse=None, failure=failure.to_json(), fingerprint=None)
        condemned = ShardTask(task.slot, tuple(clips))
        write_json(self._paths.task(task.slot), condemned.to_json())
        return condemned

    def _interrupt_if_asked(self) -> None:
        number = self._stop()
        if number is None:
            return
        deadline = time.monotonic() + DRAIN_SECONDS
        for process in list(self._processes):
            self._say(process, {"drain": True})
        with suppress(AudioFeatError):  # what a worker cannot do any more is not done: the run stops anyway
            while self._processes and time.monotonic() < deadline:
                self._listen(0.1)
        raise Interrupted(f"stopped by {signal.Signals(number).name}", signal_number=number)

    def _spawn(self, lanes: int, *, is_careful: bool = False) -> _Process:
        self._number += 1
        log = self._paths.logs / f"worker-{self._number}.log"
        hands = str(self._paths.logs / f"worker-{self._number}.hands")
        with suppress(FileNotFoundError):
            os.unlink(hands)
        with open(log, "wb") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-c", _WORKER, *map(os.path.abspath, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=worker_environment(os.environ, device=self._job.device),
                start_new_session=True,  # Ctrl-C is the run's to handle
            )
        process = _Process(child, hands=hands, lanes=lanes, log=str(log), is_careful=is_careful)
        self._processes.append(process)
        if child.stdout is None:
            raise ValueError("a worker without a pipe")
        self._selector.register(child.stdout, selectors.EVENT_READ, process)
        self._say(process, replace(self._job, lanes=lanes, hands=hands).to_json())
        return process

    def _say(self, process: _Process, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # it is dead, and will be buried when its own pipe ends
            process.stdin.write(encode(message))
            process.stdin.flush()

    def _close(self, process: _Process) -> None:
        if not process.is_closed:
            process.is_closed = True
            self._say(process, {"close": True})

    def _forget(self, process: _Process) -> None:
        if process in self._processes:
            self._processes.remove(process)
            for name, value in process.tally.items():
                self._finished[name] = self._finished.get(name, 0) + value
            if process.process.stdout is not None:
                self._selector.unregister(process.process.stdout)
                process.process.stdout.close()
            with suppress(BrokenPipeError):
                process.stdin.close()

    def _kill(self, process: _Process) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.process.pid, signal.SIGKILL)
        process.process.wait()
        self._forget(process)

    def _summed(self) -> EngineReport:
        total = dict(self._finished)
        for process in self._processes:
            for name, value in process.tally.items():
                total[name] = total.get(name, 0) + value
        self.report.tally = total
        return self.report


def worker_environment(environment: Mapping[str, str], *, device: str) -> dict[str, str]:
    """The environment of a worker: nothing in it may change a number, and TensorFlow starts light and quiet."""
    kept = {name: value for name, value in environment.items() if name not in _DROPPED}
    kept.update(
        # Without tf_keras, this spares the 2-3 seconds in which Keras is imported; nothing here uses it.
        TF_USE_LEGACY_KERAS="1",
        TF_CPP_MIN_LOG_LEVEL="3",
        OMP_NUM_THREADS="1",
        # Autotuning picks kernels by their speed on the day, and with them the bits.
        XLA_FLAGS="--xla_gpu_autotune_level=0" if device == "gpu" else "",
        PYTHONUNBUFFERED="1",
    )
    if device == "cpu":
        kept["CUDA_VISIBLE_DEVICES"] = "-1"
    return kept


_DROPPED = {
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "HDF5_PLUGIN_PATH",
    "FFREPORT",
    "NVIDIA_TF32_OVERRIDE",
    "TF_ENABLE_ONEDNN_OPTS",
}


def _shares(workers: int, processes: int) -> list[int]:
    """Lanes for each process: as even as can be."""
    few, more = divmod(workers, processes)
    return [few + (number < more) for number in range(processes)]


def _fault(fault: Mapping[str, Any], log: str) -> AudioFeatError:
    kinds: dict[int, type[AudioFeatError]] = {13: MissingToolError, 14: StorageError}
    kind = kinds.get(fault["exit_code"], AudioFeatError)
    hint = fault["hint"] or f"this is a defect of audiofeat; the worker's log is {log}"
    return kind(fault["problem"], hint=hint)


def _death(status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"
