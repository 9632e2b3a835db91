"""Processes as their supervisor sees them: started, spoken to, listened to, killed."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from audiofeat.engine.child import start_child, worker_environment
from audiofeat.engine.messages import WorkerJob, decode_hands, encode
from audiofeat.engine.standby import Standby
from audiofeat.store.staging import storage_errors
from audiofeat.tasks import ShardTask

_SILENCE_SECONDS = 180.0
"""A worker speaks four times a second."""
_LOADING_SECONDS = 1_800.0
"""But not while TensorFlow's library is loaded, which off a slow disk may take long and lets no other thread run."""
_CLIPS_AHEAD = 512
"""For each lane, so that no tape runs dry between two small shards. What a worker holds when it dies is done again."""

COUNTS = ("clips_done", "clips_failed", "audio_seconds", "ffmpeg_audio_seconds")
"""The parts of a worker's tally that count clips, as opposed to seconds of a stage."""


class ChildProcess:
    """A process with pipes to it, which ends when they do."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        """``log``: what it writes to its standard error."""
        self.log = log
        self.shards: dict[str, ShardTask] = {}
        self.is_careful = False
        self.is_ready = False
        """Whether it has loaded what it computes with."""
        self.has_lost_ground = False
        """Whether it was ended because nobody computes for it any more."""
        self.said_bye = False
        self.was_killed = False
        """Whether it died of SIGKILL, which nobody sends but the system when memory runs out, or a person."""
        self.silent_seconds = 0.0
        """How long the supervisor has listened in vain."""
        self.is_frozen = False
        """Whether it was ended for that."""
        self._unread = b""
        self._is_closed = False
        self._child = child
        if child.stdin is None or child.stdout is None:
            raise ValueError("a process without pipes")
        self._stdin: IO[bytes] = child.stdin
        self.stdout: IO[bytes] = child.stdout
        self._tally: Mapping[str, float] = {}

    @property
    def patience_seconds(self) -> float:
        """How long it may be silent."""
        return _SILENCE_SECONDS if self.is_ready else _LOADING_SECONDS

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a message; one that is dead does not hear it, and will be buried when its own pipe ends."""
        with suppress(BrokenPipeError):
            self._stdin.write(encode(message))
            self._stdin.flush()

    def close(self) -> None:
        """Say, once, that no more will come."""
        if not self._is_closed:
            self._is_closed = True
            self.say({"close": True})

    def hear(self) -> Iterator[Mapping[str, Any]] | None:
        """The messages that have come; None when the worker has closed its pipe."""
        content = os.read(self.stdout.fileno(), 1 << 16)
        if not content:
            return None
        self.silent_seconds = 0.0
        *lines, self._unread = (self._unread + content).split(b"\n")
        return map(json.loads, lines)

    def note_ready(self, *, worked_seconds: float) -> float:
        """It has loaded what it computes with; gives how long lanes of its own have waited for that."""
        self.is_ready = True
        return 0.0

    def note_finished(self, slot: str, counts: Mapping[str, float]) -> None:
        """It has finished a shard."""
        self.shards.pop(slot, None)

    def clips_in_hand(self) -> list[tuple[str, int]]:
        """The clips that it is busy with."""
        return []

    def note_tally(self, tally: Mapping[str, float]) -> None:
        self._tally = tally

    def tally(self) -> Mapping[str, float]:
        """What it has done."""
        return self._tally

    def wait(self) -> str:
        """Wait for its end, end what decoders it left, close the pipes, and say in words how it ended."""
        # Its number stays its group's until it is reaped: nobody else can be hit.
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, the system reaps
            os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)
            self.strike()
        status = self._child.wait()
        self.stdout.close()
        with suppress(BrokenPipeError):
            self._stdin.close()
        self.was_killed = status == -signal.SIGKILL
        if self.is_frozen:
            return "SIGKILL, since it had not moved for minutes"
        if self.was_killed:
            return "signal SIGKILL (out of memory?)"
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

    def kill(self) -> None:
        """End it and its decoders at once."""
        self.strike()
        self.wait()

    def strike(self) -> None:
        """SIGKILL to it and its decoders; its pipe ends soon."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: of a group that has only the dead
            os.killpg(self._child.pid, signal.SIGKILL)


class WorkerProcess(ChildProcess):
    """One worker and what it holds."""

    def __init__(
        self,
        job: WorkerJob,
        *,
        lanes: int,
        log: Path,
        is_careful: bool,
        gpu: str | None = None,
        door: int | None = None,
        standby: Standby | None = None,
    ) -> None:
        """Start a worker with ``lanes``, or take the one that stands by.

        Args:
            is_careful: it is given suspects, one clip in hand at a time.
            gpu: the only one that it computes on, by CUDA's name for it; None: on what this process would.
            door: of the process that computes for it; None: it computes itself.

        Raises:
            StorageError: its log cannot be written.
            MissingToolError: the system gives no process.
        """
        self.lanes = lanes
        self.gpu = gpu
        self._given_at: float | None = None
        """When its first shard was handed to it."""
        self._of_finished_shards = dict.fromkeys(COUNTS, 0.0)
        self._hands = log.with_suffix(".hands")
        with storage_errors(log):
            self._hands.unlink(missing_ok=True)
            self._hands.touch()  # here, where a disk that refuses it is heard of
        with new_log(log) as stderr:
            # One that has been started already inherits no door.
            taken = standby.take(device=job.device) if standby is not None and door is None else None
            environment = worker_environment(os.environ, device=job.device, gpu=gpu)
            super().__init__(taken or start_child(environment, stderr=stderr, door=door), log)
        self.is_careful = is_careful
        own = replace(job, lanes=lanes, is_careful=is_careful, hands=str(self._hands), door=door)
        self.say(replace(own, log=str(log) if taken else "").to_json())

    @property
    def clips_held(self) -> int:
        return sum(len(shard.clips) for shard in self.shards.values())

    def wants_more(self, *, is_scarce: bool) -> bool:
        """One ahead of its lanes, but none that others could begin."""
        if is_scarce:
            return len(self.shards) < self.lanes
        return len(self.shards) <= self.lanes or self.clips_held < _CLIPS_AHEAD * self.lanes

    def give(self, task: ShardTask) -> None:
        self._given_at = self._given_at or time.perf_counter()
        self.shards[task.slot] = task
        self.say({"shard": task.slot})

    def drain(self) -> None:
        """Have it finish what it has begun, and leave."""
        self.say({"drain": True})

    def note_ready(self, *, worked_seconds: float) -> float:
        """Its programs are compiled; gives how long its lanes have waited for them, since they had work."""
        super().note_ready(worked_seconds=worked_seconds)
        seconds = time.perf_counter() - (self._given_at or math.inf)
        return max(0.0, self.lanes * seconds - worked_seconds)

    def note_finished(self, slot: str, counts: Mapping[str, float]) -> None:
        super().note_finished(slot, counts)
        for name, count in counts.items():
            self._of_finished_shards[name] += count

    def tally(self) -> Mapping[str, float]:
        """What it has done; of a dead one only what is not done again."""
        is_dead = self._child.returncode is not None and not self.said_bye
        return {**self._tally, **self._of_finished_shards} if is_dead else self._tally

    def forget_hands(self) -> None:
        """Remove its notes of what it has in hand."""
        self._hands.unlink(missing_ok=True)

    def clips_in_hand(self) -> list[tuple[str, int]]:
        """The clips that its lanes were busy with: (slot, index), of the shards that it holds."""
        with suppress(FileNotFoundError):
            return [(slot, index) for slot, index in decode_hands(self._hands.read_bytes()) if slot in self.shards]
        return []


def new_log(log: Path) -> IO[bytes]:
    """An empty file for what a process writes to its standard error. Raises StorageError."""
    with storage_errors(log):
        return open(log, "wb")
