"""A damaged HDF5 shard, read in a process of its own: HDF5 may crash or hang over one wrong bit.

The process reads clip after clip and says how each was; when it dies or falls silent, the clip in hand cannot be read,
and another process goes on behind it. To the process: one JSON object, its :class:`_Job`. From it, one a line:
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
"""Beside the file's size: a damaged header may ask for any amount."""

_READER = "import sys; sys.path[:] = sys.argv[1:]; from audiofeat.verify.contained import main; main()"


@dataclass(frozen=True, slots=True)
class _Job(JsonRecord):
    path: str
    clips: list[dict[str, Any]]
    features: list[dict[str, Any]]
    start: int
    """The first clip that is still to be read."""


def read_contained(path: Path, clips: Sequence[ClipRecord], features: Sequence[FeatureSpec]) -> Findings:
    """Read what can be read of the HDF5 shard at ``path``."""
    job = _Job(str(path), [clip.to_json() for clip in clips], [feature.to_json() for feature in features], 0)
    findings = Findings([], [])
    deaths = 0
    while True:
        n_before = len(findings.faults)
        is_open, end = _read_on(replace(job, start=n_before), findings)
        if not end:
            return findings
        n_read = len(findings.faults) - n_before
        deaths = 1 if n_read else deaths + 1
        fault = Fault("clip.unreadable", f"{'reading it' if is_open else 'opening its shard'}: {end}")
        n_missing = len(clips) - len(findings.faults)
        if n_missing == 0 or not is_open or deaths >= _DEATHS_IN_A_ROW:
            findings.faults.extend([fault] * n_missing)
            findings.index.append(("", f"the shard's index cannot be read: {end}"))
            return findings
        findings.faults.append(fault)


def _read_on(job: _Job, findings: Findings) -> tuple[bool, str]:
    """Start a process and listen to it; whether it could open the shard, and how it ended: nothing if all went well."""
    environment = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}
    child = subprocess.Popen(
        [sys.executable, "-c", _READER, *map(os.path.abspath, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    is_open = False
    try:
        for message in _messages(child, json.dumps(job.to_json()).encode("ascii")):
            if "opened" in message:
                is_open = True
            elif "clip" in message:
                findings.faults.append(Fault.from_json(message["clip"]) if message["clip"] else None)
            elif "index" in message:
                findings.index.append((message["index"][0], message["index"][1]))
            else:
                return is_open, str(message["end"])
        status = child.wait(SILENCE_SECONDS)
    except (TimeoutError, subprocess.TimeoutExpired):
        return is_open, f"HDF5 gave no answer for {SILENCE_SECONDS:g} s"
    finally:
        child.kill()
        child.communicate()  # closes the pipes and waits
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return is_open, f"the process that read it died ({how})"


def _messages(child: subprocess.Popen[bytes], job: bytes) -> Iterator[Mapping[str, Any]]:
    """What the process says, until it closes its pipe. Raises TimeoutError where it falls silent."""
    if child.stdin is None or child.stdout is None:
        raise ValueError("a process without pipes")
    with suppress(BrokenPipeError):
        child.stdin.write(job)
        child.stdin.close()
    unread = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(SILENCE_SECONDS):
                raise TimeoutError
            content = os.read(child.stdout.fileno(), 1 << 16)
            if not content:
                return
            *lines, unread = (unread + content).split(b"\n")
            yield from map(json.loads, lines)


def main() -> None:
    """The process: read the job from standard input, answer on standard output."""
    job = _Job.from_json(json.load(sys.stdin.buffer))
    size_bytes = os.stat(job.path).st_size
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(ValueError, OSError):  # beyond the hard limit: then that one holds
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES + size_bytes, hard))
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # libraries print what they like

    def say(**message: Any) -> None:
        out.write((json.dumps(message) + "\n").encode("ascii"))

    try:
        _read(job, say)
        say(end="")
    except Exception as error:  # noqa: BLE001  # of a damaged file, anything
        say(end=str(error) or type(error).__name__)


def _read(job: _Job, say: Callable[..., None]) -> None:
    from audiofeat.store.formats import shard_format

    clips = [ClipRecord.from_json(clip) for clip in job.clips]
    features = [FeatureSpec.from_json(feature) for feature in job.features]
    reader = shard_format("hdf5").open(Path(job.path))
    say(opened=True)
    for clip in clips[job.start :]:
        fault = clip_fault(reader, clip, features)
        say(clip=fault.to_json() if fault else None)
    for key, what in reader.differences([clip.location for clip in clips], [feature.name for feature in features]):
        say(index=(key, what))
