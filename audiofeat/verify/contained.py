"""Damaged HDF5 shards, read in processes of their own: HDF5 may crash or hang over one wrong bit.

A process reads clip after clip and says how each was; when it dies or falls silent, the clip in hand cannot be read,
and another process goes on behind it. To the process: one :class:`_Job` a line. From it, for each job, one a line:
``{"opened": true}``, ``{"clip": fault}`` for each clip, ``{"index": [key, what]}`` for each difference, and
``{"end": why}`` when it can do no more, with no reason where all is done.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audiofeat.records import FeatureSpec, JsonRecord
from audiofeat.verify.clips import ClipRecord, Fault, Findings, clip_fault

SILENCE_SECONDS = 120.0
"""The file has just been hashed, so it is read from memory: what takes so long for one clip never ends."""

_DEATHS_IN_A_ROW = 8
_MOST_MEMORY_BYTES = 8 << 30
"""A damaged header may ask for any amount."""

_READER = "import sys; sys.path[:] = sys.argv[1:]; from audiofeat.verify.contained import main; main()"


@dataclass(frozen=True, slots=True)
class _Job(JsonRecord):
    path: str
    clips: list[dict[str, Any]]
    features: list[dict[str, Any]]
    start: int
    """The first clip that is still to be read."""


class ContainedReading:
    """Reads damaged shards; for any number of threads. As a context manager, it leaves no process behind."""

    def __init__(self) -> None:
        self._idle: list[_Process] = []
        self._lock = threading.Lock()

    def __enter__(self) -> ContainedReading:
        return self

    def __exit__(self, *error: object) -> None:
        while self._idle:
            self._idle.pop().end()

    def read(self, path: Path, clips: Sequence[ClipRecord], features: Sequence[FeatureSpec]) -> Findings:
        """Read what can be read of the HDF5 shard at ``path``."""
        job = _Job(str(path), [clip.to_json() for clip in clips], [feature.to_json() for feature in features], 0)
        findings = Findings([], [])
        deaths = 0
        wants_new = False
        while True:
            n_before = len(findings.faults)
            findings.index.clear()
            with self._lock:
                process = _Process() if wants_new or not self._idle else self._idle.pop()
            answer = process.do(replace(job, start=n_before), findings)
            if not answer.is_dead:
                with self._lock:
                    self._idle.append(process)
            elif process.n_jobs > 1:
                wants_new = True  # it may have died of a shard before this one
                continue
            if not answer.end:
                return findings
            deaths = 1 if len(findings.faults) > n_before else deaths + 1
            fault = Fault("clip.unreadable", f"{'reading it' if answer.is_open else 'opening its shard'}: {answer.end}")
            n_missing = len(clips) - len(findings.faults)
            if n_missing == 0 or not answer.is_open or deaths >= _DEATHS_IN_A_ROW:
                findings.faults.extend([fault] * n_missing)
                findings.index.append(("", f"the shard's index cannot be read: {answer.end}"))
                return findings
            findings.faults.append(fault)


@dataclass(frozen=True, slots=True)
class _Answer:
    """How a process got on with a job."""

    is_open: bool
    """Whether it could open the shard."""
    end: str
    """Why it could not do all of it; empty where it did."""
    is_dead: bool


class _Process:
    """One process."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}
        self.n_jobs = 0
        self._child = subprocess.Popen(
            [sys.executable, "-c", _READER, *map(os.path.abspath, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def do(self, job: _Job, findings: Findings) -> _Answer:
        """Have a job done; what was found goes into ``findings``, clip by clip."""
        self.n_jobs += 1
        is_open = is_done = False
        try:
            for message in self._messages((json.dumps(job.to_json()) + "\n").encode("ascii")):
                if "opened" in message:
                    is_open = True
                elif "clip" in message:
                    findings.faults.append(Fault.from_json(message["clip"]) if message["clip"] else None)
                elif "index" in message:
                    findings.index.append((message["index"][0], message["index"][1]))
                else:
                    is_done = True
                    return _Answer(is_open, str(message["end"]), is_dead=False)
            status = self._child.wait(SILENCE_SECONDS)
        except (TimeoutError, subprocess.TimeoutExpired):
            return _Answer(is_open, f"HDF5 gave no answer for {SILENCE_SECONDS:g} s", is_dead=True)
        finally:
            if not is_done:
                self.end()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return _Answer(is_open, f"the process that read it died ({how})", is_dead=True)

    def end(self) -> None:
        self._child.kill()
        self._child.communicate()  # closes the pipes and waits

    def _messages(self, job: bytes) -> Iterator[Mapping[str, Any]]:
        """What the process says of a job, until it closes its pipe. Raises TimeoutError where it falls silent."""
        if self._child.stdin is None or self._child.stdout is None:
            raise ValueError("a process without pipes")
        with suppress(BrokenPipeError):
            self._child.stdin.write(job)
            self._child.stdin.flush()
        unread = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(SILENCE_SECONDS):
                    raise TimeoutError
                content = os.read(self._child.stdout.fileno(), 1 << 16)
                if not content:
                    return
                *lines, unread = (unread + content).split(b"\n")
                yield from map(json.loads, lines)


def main() -> None:
    """The process: jobs from standard input, answers on standard output."""
    for limit, soft in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, _MOST_MEMORY_BYTES)):
        with suppress(ValueError, OSError):  # the hard limit is lower: then that one holds
            resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # libraries print what they like

    def say(**message: Any) -> None:
        out.write((json.dumps(message) + "\n").encode("ascii"))

    for line in sys.stdin.buffer:
        try:
            _do(_Job.from_json(json.loads(line)), say)
            say(end="")
        except Exception as error:  # noqa: BLE001  # of a damaged file, anything
            say(end=str(error) or type(error).__name__)


def _do(job: _Job, say: Callable[..., None]) -> None:
    from audiofeat.store.formats import shard_format

    clips = [ClipRecord.from_json(clip) for clip in job.clips]
    features = [FeatureSpec.from_json(feature) for feature in job.features]
    reader = shard_format("hdf5").open(Path(job.path))
    try:
        say(opened=True)
        for clip in clips[job.start :]:
            fault = clip_fault(reader, clip, features)
            say(clip=fault.to_json() if fault else None)
        for key, what in reader.differences([clip.location for clip in clips], [feature.name for feature in features]):
            say(index=(key, what))
    finally:
        reader.close()
