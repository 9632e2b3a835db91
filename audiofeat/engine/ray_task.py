"""What runs on the nodes of a Ray cluster: a look at the node, and a shard.

Ray's own worker process computes nothing. It keeps a child: the very worker that a run on one machine has, started
with the same environment and spoken to in the same words, so that its bytes are the same. A clip that kills the child
costs Ray nothing; the answer says so. The child ends with Ray's process, since its standard input does.

Both functions take and give JSON, and never raise. Nothing is imported up here but the standard library: a node that
lacks a package is to say so.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiofeat.engine.process import WorkerProcess

_LISTEN_SECONDS = 0.5
_MOST_TEXTS = 5
_MOST_LETTERS = 300


def look(request: str) -> str:
    """What a node has: versions, its source and its store. ``request``: the paths of source and job."""
    try:
        from audiofeat.engine.ray_facts import facts_here

        wanted = json.loads(request)
        return json.dumps(facts_here(source=wanted["source"], job=wanted["job"]))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what this node differs in
        return json.dumps({"host": socket.gethostname(), "broken": f"{type(error).__name__}: {error}"[:_MOST_LETTERS]})


def do_shard(request: str) -> str:
    """Have a shard done; ``request`` is what :meth:`audiofeat.engine.ray_worker.RayWorker.give` makes."""
    spec = json.loads(request)
    answer: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "log": ""}
    try:
        return json.dumps({**answer, **_RESIDENCE.do(spec)})
    except Exception as error:  # noqa: BLE001  # Ray would pickle it
        from audiofeat.engine.messages import fault_of

        return json.dumps({**answer, "state": "fault", **fault_of(error)})


class Residence:
    """The child of this process, kept from shard to shard."""

    def __init__(self) -> None:
        self._process: WorkerProcess | None = None
        self._kind: tuple[Any, ...] = ()
        """What a child is started for; another shard may want another."""
        self._started = 0
        self._told: dict[str, float] = {}
        """Of its tally, what earlier answers have said."""

    def do(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        process = self._child_for(spec)
        answer = _Answer(process, told=self._told)
        from audiofeat.tasks import ShardTask

        process.give(ShardTask(spec["slot"], ()))
        state = answer.await_end(spec["slot"])
        if state != "done":
            self._process = None
        self._told = dict(process.tally())
        return {"state": state, "log": str(process.log), **answer.values}

    def _child_for(self, spec: dict[str, Any]) -> WorkerProcess:
        kind = (spec["job"], spec["lanes"], spec["is_careful"], spec["device"], os.environ.get("CUDA_VISIBLE_DEVICES"))
        if self._process is not None and self._kind != kind:
            self._process.kill()
            self._process = None
        if self._process is None:
            self._process, self._kind, self._told = self._start(spec), kind, {}
        return self._process

    def _start(self, spec: dict[str, Any]) -> WorkerProcess:
        from audiofeat.decode import find_ffmpeg
        from audiofeat.engine.messages import WorkerJob
        from audiofeat.engine.process import WorkerProcess
        from audiofeat.errors import MissingToolError
        from audiofeat.store.checked_json import read_checked_json
        from audiofeat.store.layout import StorePaths

        values = read_checked_json(Path(spec["job"]))
        if values is None:
            raise MissingToolError(f"{spec['job']} cannot be read on {socket.gethostname()}", hint="run it again")
        job = replace(WorkerJob.from_json(values), device=spec["device"], ffmpeg=find_ffmpeg())
        self._started += 1
        name = f"ray-{socket.gethostname()}-{os.getpid()}-{self._started}.log"
        log = StorePaths(Path(job.store), run=job.run).logs / name
        return WorkerProcess(job, lanes=spec["lanes"], log=log, is_careful=spec["is_careful"])


class _Answer:
    """What is heard of a child until a shard is done, or the child is dead."""

    def __init__(self, process: WorkerProcess, *, told: dict[str, float]) -> None:
        self._process, self._told = process, told
        self.values: dict[str, Any] = {}

    def await_end(self, slot: str) -> str:
        """Listen until then; gives the state."""
        process = self._process
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                begun = time.monotonic()
                messages = process.hear() if selector.select(_LISTEN_SECONDS) else ()
                if messages is None:
                    return self._note_death(slot)
                for message in messages:
                    if state := self._heed(message, slot):
                        return state
                # No more than it should take: all of this node may have been stopped.
                process.silent_seconds += min(time.monotonic() - begun, 2 * _LISTEN_SECONDS)
                if process.silent_seconds > process.patience_seconds:
                    process.is_frozen = True
                    process.strike()

    def _heed(self, message: Any, slot: str) -> str:
        if "tally" in message:
            self._process.note_tally(message["tally"])
            self.values.update(examples=_short(message["examples"]), warnings=_short(message["warnings"]))
        elif "ready" in message:
            waited = self._process.note_ready(worked_seconds=message["worked_seconds"])
            self.values.update(ready=message["ready"], waited=waited)
        elif message.get("done") == slot:
            self._process.note_finished(slot, message["counts"])
            gained = {name: value - self._told.get(name, 0) for name, value in self._process.tally().items()}
            self.values.update(counts=message["counts"], tally={**gained, **message["counts"]})
            return "done"
        elif "fault" in message:
            self.values.update(message)
            self._process.kill()
            return "fault"
        return ""

    def _note_death(self, slot: str) -> str:
        process = self._process
        end = process.wait()
        in_hand = process.clips_in_hand()
        process.forget_hands()  # else whoever looks for what was in hand at a later death would find it
        self.values.update(end=end, was_killed=process.was_killed, is_frozen=process.is_frozen, in_hand=in_hand)
        return "died"


def _short(texts: list[str]) -> list[str]:
    return [text[:_MOST_LETTERS] for text in texts[:_MOST_TEXTS]]


_RESIDENCE = Residence()
