"""The nodes of a Ray cluster: which there are now, which of them may be used, and for what.

Each is looked at before it is given work, by a task of its own. At the start of a run those that differ end it; one
that joins later and differs is left alone, since it takes nothing from the run that it could not do without.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audiofeat.engine.arrangement import MOST_LANES
from audiofeat.engine.ray_task import look
from audiofeat.errors import MissingToolError

_LOOK_SECONDS = 60.0
"""Ray may have to start a process there, and to unpack an environment for it."""
_REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """As Ray has it."""

    id: str
    name: str
    cpus: int
    gpus: int

    @property
    def can_work(self) -> bool:
        return self.cpus > 0


@dataclass(frozen=True, slots=True)
class Place:
    """What tasks have on a node."""

    device: str
    lanes: int
    tasks: int
    """At a time."""


@dataclass(frozen=True, slots=True)
class Use:
    """Which devices of a cluster a run computes on."""

    device: str
    """``cpu`` or ``gpu``."""
    is_mixed: bool
    """Whether nodes without a GPU compute on their processors in a run on GPUs."""

    def place_on(self, node: Node) -> Place | None:
        """What tasks have there; None: the node is not for this run."""
        if node.gpus and self.device == "gpu":
            lanes = max(1, min(MOST_LANES, node.cpus // node.gpus))
            return Place("gpu", lanes, min(node.gpus, node.cpus // lanes))
        return Place("cpu", 1, node.cpus) if self.device == "cpu" or self.is_mixed else None


def nodes_of(ray: Any) -> list[Node]:
    """Those that live and have processors for tasks."""
    nodes = [
        Node(
            entry["NodeID"],
            entry["NodeManagerAddress"],
            int(entry["Resources"].get("CPU", 0)),
            int(entry["Resources"].get("GPU", 0)),
        )
        for entry in ray.nodes()
        if entry["Alive"]
    ]
    return [node for node in nodes if node.can_work]


class Census:
    """What is known of the nodes, while they come and go."""

    def __init__(
        self, ray: Any, use: Use, *, request: Mapping[str, str], check: Callable[[Mapping[str, Any]], Iterable[str]]
    ) -> None:
        """``request`` is what :func:`look` is asked; ``check`` says what is wrong with what it answers."""
        self._ray, self._use, self._check = ray, use, check
        self._request = json.dumps(dict(request))
        self._look = ray.remote(num_cpus=0, max_retries=0)(look)
        self._known: dict[str, Node] = {}
        self._looks: dict[Any, Node] = {}
        """Tasks that are under way."""
        self._good: dict[str, Place] = {}
        self._refused: set[str] = set()
        self._refreshed_at = 0.0
        self.warnings: set[str] = set()

    @property
    def places(self) -> Sequence[tuple[Node, Place]]:
        """Those that may be given work."""
        return [(self._known[identity], place) for identity, place in self._good.items()]

    def has(self, node: Node) -> bool:
        """Whether it is alive."""
        return node.id in self._known

    def is_good(self, node: Node) -> bool:
        """Whether it may be given work."""
        return node.id in self._good

    def settle(self) -> None:
        """Look at all that there are. Raises MissingToolError: some are not as this one is, or there is none."""
        deadline = time.monotonic() + _LOOK_SECONDS
        problems: dict[str, list[str]] = {}
        self._refresh()
        while (self._unknown or not self._known) and time.monotonic() < deadline:
            for node, found in self._heard(timeout_seconds=0.2):
                if found:
                    problems[node.name] = found
            self._refresh()
        for node in self._unknown:
            problems[node.name] = [f"it has not answered for {_LOOK_SECONDS:.0f} s"]
        if not self._known:
            raise MissingToolError("the Ray cluster has no node with a processor for work", hint="ray start --address")
        if problems:
            told = "".join(f"\n  {name}: {'; '.join(found)}" for name, found in sorted(problems.items()))
            raise MissingToolError(
                f"{len(problems)} of {len(self._known)} nodes of the Ray cluster differ from this one:{told}",
                hint="install the very same on all of them, and mount store and source in the same place",
            )

    def refresh(self) -> None:
        """Note who has come and gone, now and then."""
        if time.monotonic() - self._refreshed_at < _REFRESH_SECONDS:
            return
        self._refresh()
        for node, problems in self._heard(timeout_seconds=0.0):
            if problems:
                self.warnings.add(f"node {node.name} of the Ray cluster is not used: {'; '.join(problems)}")

    def doubt(self, node: Node) -> None:
        """Give a node no more work until it has answered."""
        self._good.pop(node.id, None)

    @property
    def _unknown(self) -> list[Node]:
        """Those of whom nobody knows whether they may be used."""
        return [node for name, node in self._known.items() if name not in self._good and name not in self._refused]

    def _refresh(self) -> None:
        self._refreshed_at = time.monotonic()
        now = {node.id: node for node in nodes_of(self._ray) if self._use.place_on(node) is not None}
        for identity in self._known.keys() - now.keys():
            del self._known[identity]
            self._good.pop(identity, None)
        self._known.update(now)
        asked = {node.id for node in self._looks.values()}
        for node in self._unknown:
            if node.id not in asked:
                self._ask(node)

    def _ask(self, node: Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node.id, soft=False)
        self._looks[self._look.options(scheduling_strategy=there).remote(self._request)] = node

    def _heard(self, *, timeout_seconds: float) -> list[tuple[Node, list[str]]]:
        """Nodes that have answered, and what is wrong with them; the others are good from now on."""
        for task in [task for task, node in self._looks.items() if not self.has(node)]:
            del self._looks[task]
        if not self._looks:
            time.sleep(timeout_seconds)
            return []
        tasks = list(self._looks)
        ready, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=timeout_seconds)
        answers = []
        for task in ready:
            node = self._looks.pop(task)
            try:
                problems = list(self._check(json.loads(self._ray.get(task))))
            except self._ray.exceptions.RayTaskError as error:
                problems = [f"audiofeat does not run there ({_first_line(error)})"]
            except self._ray.exceptions.RayError:
                continue  # of the node, not of what is installed there: it is gone, or will be asked again
            place = self._use.place_on(node)
            if problems:
                self._refused.add(node.id)
            elif place is not None and self.has(node):
                self._good[node.id] = place
            answers.append((node, problems))
        return answers


def _first_line(error: BaseException) -> str:
    """What it says in the end: Ray puts a traceback before that."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
