"""A seat on a node of a Ray cluster: it is given a shard, which becomes a task, and is dead if the task ends badly."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from audiofeat.engine.messages import decode_hands
from audiofeat.engine.ray_nodes import Node, Place
from audiofeat.tasks import ShardTask


class Desk(Protocol):
    """Where seats turn to."""

    def submit(self, worker: RayWorker, request: str) -> None:
        """Make a task of a request."""

    def deadline_of(self, slot: str) -> float:
        """How many seconds a shard may take."""

    def may_use(self, node: Node) -> bool:
        """Whether a node may be given work."""

    def doubt(self, node: Node) -> None:
        """A node has not been heard of for too long."""


class RayWorker:
    """One of them.

    Args:
        job: the file that says what the run is.
        logs: the folder on the shared file system in which workers note what they have in hand.
    """

    def __init__(self, node: Node, place: Place, *, desk: Desk, job: Path, logs: Path, is_careful: bool) -> None:
        self.node, self.place = node, place
        self.shards: dict[str, ShardTask] = {}
        self.silent_seconds = 0.0
        """Since its shard was given to it."""
        self.is_careful = is_careful
        self.is_frozen = self.said_bye = self.was_killed = self.has_lost_ground = False
        self.is_struck = self.is_closed = False
        self.has_lost_its_turn = False
        """Whether its shard was lost, rather than called back before it was begun."""
        self.end = ""
        self.log = logs
        self._job, self._desk, self._logs = job, desk, logs
        self._given_at = 0.0
        self._waited = 0.0
        self._tally: dict[str, float] = {}
        self._in_hand: list[tuple[str, int]] = []

    @property
    def patience_seconds(self) -> float:
        return max((self._desk.deadline_of(slot) for slot in self.shards), default=float("inf"))

    @property
    def busy_seconds(self) -> float:
        """How long ago its shard was given to it."""
        return time.monotonic() - self._given_at

    def wants_more(self, *, is_scarce: bool) -> bool:
        """One at a time: what has been given has been begun, and is soon done or called back."""
        return not (self.shards or self.is_closed) and self._desk.may_use(self.node)

    def give(self, task: ShardTask) -> None:
        self.shards[task.slot] = task
        self.silent_seconds, self._given_at = 0.0, time.monotonic()
        self._desk.submit(self, self.request_for(task.slot))

    def request_for(self, slot: str) -> str:
        """What :func:`audiofeat.engine.ray_task.do_shard` is asked."""
        place = self.place
        return json.dumps(
            {
                "job": str(self._job),
                "slot": slot,
                "lanes": 1 if self.is_careful else place.lanes,
                "device": place.device,
                "is_careful": self.is_careful,
            }
        )

    def close(self) -> None:
        self.is_closed = True

    def drain(self) -> None:
        self.is_closed = True

    def strike(self) -> None:
        self.is_struck = True
        self._desk.doubt(self.node)

    def hear(self, answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]] | None:
        """The messages of its child that an answer stands for; None: the child is dead."""
        self.log = Path(answer["log"] or self._logs)
        if answer["state"] == "died":
            self.was_killed, self.is_frozen = answer["was_killed"], answer["is_frozen"]
            self.end = f"{answer['end']} on {answer['host']}"
            self._in_hand = [(slot, index) for slot, index in answer["in_hand"]]
            return None
        if answer["state"] == "fault":
            return iter([{"fault": answer["fault"]}])
        messages: list[Mapping[str, Any]] = []
        if "ready" in answer:
            self._waited = answer["waited"]
            messages.append({"ready": answer["ready"], "worked_seconds": 0.0})
        examples, warnings = answer.get("examples", []), answer.get("warnings", [])
        messages.append({"tally": answer["tally"], "examples": examples, "warnings": warnings})
        messages += ({"done": slot, "counts": answer["counts"]} for slot in self.shards)
        return iter(messages)

    def lose(self, why: str, *, is_blameless: bool, was_begun: bool = True) -> None:
        """Nobody will answer: Ray's process is gone, or the node. What was in hand, the shared files tell."""
        self.end = f"{why} on {self.node.name}"
        self.has_lost_ground = is_blameless
        self.was_killed = True
        self._in_hand = hands_on(self._logs, self.shards.keys())
        self.has_lost_its_turn = is_blameless and was_begun and not (self.is_struck and not self._in_hand)

    def note_ready(self, *, worked_seconds: float) -> float:
        return self._waited

    def note_tally(self, tally: Mapping[str, float]) -> None:
        """Of one shard."""
        for name, value in tally.items():
            self._tally[name] = self._tally.get(name, 0) + value

    def note_finished(self, slot: str, counts: Mapping[str, float]) -> None:
        self.shards.pop(slot, None)

    def tally(self) -> Mapping[str, float]:
        return self._tally

    def clips_in_hand(self) -> list[tuple[str, int]]:
        return [(slot, index) for slot, index in self._in_hand if slot in self.shards]


def hands_on(logs: Path, slots: Collection[str]) -> list[tuple[str, int]]:
    """The clips of some shards that workers have noted as in hand, and did not let go of; the notes go."""
    found = []
    for path in logs.glob("ray-*.hands"):
        with suppress(FileNotFoundError):
            notes = [(slot, index) for slot, index in decode_hands(path.read_bytes()) if slot in slots]
            found += notes
            if notes:
                path.unlink()
    return found
