"""The Ray engine: each shard is a task on a node of a cluster, for whose bytes it makes no difference where that is.

Ray starts tasks and says what became of them; its own retries are off. A node that is gone costs its shards an attempt.
A shard that is not heard of for too long is called back and given to another, and the first to finish it is as good as
the last: both write the same bytes under the same name.
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from audiofeat.config.wording import counted
from audiofeat.engine.engine import Messages
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.ray_facts import differences, facts_here
from audiofeat.engine.ray_nodes import Census, Node, Place, Use
from audiofeat.engine.ray_task import do_shard
from audiofeat.engine.ray_worker import RayWorker
from audiofeat.errors import AudioFeatError, MissingToolError, StorageError
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.layout import StorePaths

LEAST_DEADLINE_SECONDS = 600.0
_DEADLINE_MEDIANS = 10.0
_RECENT_SHARDS = 101
_MOST_LOSSES = 3
"""Of one shard, to nodes that vanish or freeze."""
_NO_NODE_SECONDS = 120.0
"""How long a run waits for a node when none is left."""
_UNSEEN_SECONDS = 60.0
"""How long a network file system may take to show here what a node has renamed."""


class RayEngine:
    """Its workers are seats on the nodes, each for one task at a time."""

    def __init__(
        self,
        ray: Any,
        job: WorkerJob,
        paths: StorePaths,
        *,
        use: Use,
        most_tasks: int | None = None,
        least_deadline_seconds: float | None = None,
    ) -> None:
        self._ray, self._job, self._paths, self._use = ray, job, paths, use
        self._most_tasks = most_tasks or 1 << 20
        self._least_deadline_seconds = least_deadline_seconds or LEAST_DEADLINE_SECONDS
        self._job_file = paths.tasks / f"ray-{uuid.uuid4().hex}.json"
        """Written by this run, so that a node that has it has the very store."""
        self._in_flight: dict[Any, RayWorker] = {}
        self._seconds: deque[float] = deque(maxlen=_RECENT_SHARDS)
        """That shards took."""
        self._losses: Counter[str] = Counter()
        self._had_node_at = time.monotonic()
        self._unseen: set[str] = set()
        """Shards that a node has finished, and whose commit records have not come in sight."""
        self._closed_at: float | None = None
        self.workers: list[RayWorker] = []
        self.warnings: set[str] = set()

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *error: object) -> None:
        for task in self._in_flight:
            self._cancel(task)
        self._in_flight.clear()
        self.workers.clear()

    @property
    def speakers(self) -> list[RayWorker]:
        return self.workers

    def prepare(self, *, n_shards: int) -> None:
        """Raises MissingToolError: nodes differ from this one, or there is none."""
        write_checked_json(self._job_file, self._job.to_json())
        request = {"source": self._job.source, "job": str(self._job_file)}
        here = facts_here(**request)
        store, source = str(self._paths.root), self._job.source
        self._census = Census(
            self._ray,
            self._use,
            request=request,
            check=lambda there: differences(here, there, store=store, source=source),
        )
        self._do_shard = self._ray.remote(max_retries=0, max_calls=0)(do_shard)
        self._census.settle()
        if self._use.is_mixed and len({place.device for _, place in self._census.places}) > 1:
            self.warnings.add("computed on processors and GPUs: another run may give other bits")

    def add_workers(self, *, n_waiting: int) -> None:
        """Raises MissingToolError: for minutes there has been no node."""
        usual = [worker for worker in self.workers if not worker.is_careful]
        idle = sum(worker.wants_more(is_scarce=False) for worker in usual)
        taken = Counter(worker.node.id for worker in usual)
        free = {node.id: (node, place) for node, place in self._places()}
        while idle < n_waiting and len(usual) < self._most_tasks:
            # Where most is left, so that all nodes have something to do.
            left = {name: place.tasks - taken[name] for name, (_, place) in free.items()}
            best = max(left, key=lambda name: left[name], default=None)
            if best is None or left[best] <= 0:
                break
            usual.append(self._seat(*free[best]))
            taken[best] += 1
            idle += 1

    def add_careful(self) -> RayWorker | None:
        places = self._places()
        if not places:
            return None
        # Another one than last time, as far as there are several: it may be the node's fault.
        return self._seat(*places[sum(self._losses.values()) % len(places)], is_careful=True)

    def listen(self, timeout_seconds: float) -> Iterator[tuple[RayWorker, Messages | None]]:
        self._census.refresh()
        self.warnings |= self._census.warnings
        yield from self._ended()
        if not self._in_flight:
            time.sleep(0.0 if any(worker.wants_more(is_scarce=False) for worker in self.workers) else timeout_seconds)
            return
        tasks = list(self._in_flight)
        ready, _ = self._ray.wait(tasks, num_returns=1, timeout=timeout_seconds)
        if ready and len(tasks) > 1:
            ready, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        for task in ready:
            yield from self._answered(task, self._in_flight.pop(task))
        yield from self._ended()

    def bury(self, worker: Any) -> str:
        """Raises AudioFeatError: a shard has been lost too often."""
        self.workers.remove(worker)
        for slot in worker.shards if worker.has_lost_its_turn else ():
            self._losses[slot] += 1
            if self._losses[slot] > _MOST_LOSSES:
                raise AudioFeatError(
                    f"shard {slot} was lost {self._losses[slot]} times, the last by {worker.end}",
                    hint="see the log of that node, in Ray's folder there; what is finished stays",
                )
        return str(worker.end)

    def note_finished(self) -> None:
        """The deadline follows from what tasks answer."""

    def note_killed(self) -> None:
        """One of many processes on one of many machines: it is not for all the others to do less."""

    def close(self) -> bool:
        """Raises StorageError: what nodes have written does not come in sight."""
        for worker in self.workers:
            worker.close()
        return bool(self.workers) or self._awaits_records()

    def deadline_of(self, slot: str) -> float:
        """How many seconds a shard may take: more, each time that it was lost."""
        median = statistics.median(self._seconds) if self._seconds else 0.0
        patience = max(self._least_deadline_seconds, _DEADLINE_MEDIANS * median)
        return patience * float(2 ** self._losses[slot])

    def _awaits_records(self) -> bool:
        """Whether something that is finished cannot be seen yet."""
        self._closed_at = self._closed_at or time.monotonic()
        self._unseen = {slot for slot in self._unseen if not self._paths.commit(slot).exists()}
        if self._unseen and time.monotonic() - self._closed_at > _UNSEEN_SECONDS:
            raise StorageError(
                f"{counted(len(self._unseen), 'shard')} that nodes have finished cannot be seen here after "
                f"{_UNSEEN_SECONDS:.0f} s ({self._paths.commit(min(self._unseen))})",
                hint="is the store on a file system that all nodes share? Then the same command goes on",
            )
        return bool(self._unseen)

    def _places(self) -> list[tuple[Node, Place]]:
        places = list(self._census.places)
        if places:
            self._had_node_at = time.monotonic()
        elif time.monotonic() - self._had_node_at > _NO_NODE_SECONDS:
            raise MissingToolError(
                f"for {_NO_NODE_SECONDS:.0f} s the Ray cluster has had no node that can be used",
                hint="`ray status` says what has become of them; what is finished stays",
            )
        return places

    def _seat(self, node: Node, place: Place, *, is_careful: bool = False) -> RayWorker:
        worker = RayWorker(
            node,
            place,
            desk=self,
            job=self._job_file,
            logs=self._paths.logs,
            is_careful=is_careful,
        )
        self.workers.append(worker)
        return worker

    def may_use(self, node: Node) -> bool:
        return self._census.is_good(node)

    def doubt(self, node: Node) -> None:
        self._census.doubt(node)

    def submit(self, worker: RayWorker, request: str) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        place = worker.place
        task = self._do_shard.options(
            num_cpus=place.lanes,
            num_gpus=int(place.device == "gpu"),
            scheduling_strategy=NodeAffinitySchedulingStrategy(worker.node.id, soft=False),
        ).remote(request)
        self._in_flight[task] = worker

    def _answered(self, task: Any, worker: RayWorker) -> Iterator[tuple[RayWorker, Messages | None]]:
        exceptions = self._ray.exceptions
        try:
            messages = worker.hear(json.loads(self._ray.get(task)))
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
            # Of the process alone, where the node lives: it may have been the clip.
            worker.lose(type(error).__name__, is_blameless=not self._census.has(worker.node))
            messages = None
        except exceptions.RayError as error:
            was_begun = not isinstance(error, exceptions.TaskUnschedulableError)
            worker.lose(type(error).__name__, is_blameless=True, was_begun=was_begun)
            self._census.doubt(worker.node)
            self._note_lost(worker)
            messages = None
        else:
            if messages is not None:
                self._seconds.append(worker.busy_seconds)
                self._unseen.update(slot for slot in worker.shards if not self._paths.commit(slot).exists())
        yield worker, messages

    def _ended(self) -> Iterator[tuple[RayWorker, None]]:
        """Workers of whom nothing more will be heard, or that nothing more will be given to."""
        for worker in list(self.workers):
            if worker.shards:
                if not worker.is_struck and self._census.has(worker.node):
                    continue
                self._call_back(worker)
            elif worker.is_closed or not self.may_use(worker.node):
                worker.said_bye = True
            else:
                continue
            yield worker, None

    def _call_back(self, worker: RayWorker) -> None:
        """Whatever it has is another's now."""
        for task in [task for task, holder in self._in_flight.items() if holder is worker]:
            del self._in_flight[task]
            self._cancel(task)
        silence = f"silence for {worker.silent_seconds:.0f} s"
        worker.lose(silence if worker.is_struck else "the loss of the node", is_blameless=True)
        self._note_lost(worker)

    def _note_lost(self, worker: RayWorker) -> None:
        if worker.has_lost_its_turn:
            self.warnings.add(f"a shard was lost by {worker.end}, and was done again")

    def _cancel(self, task: Any) -> None:
        # It may have ended, or the connection may have.
        with suppress(self._ray.exceptions.RayError, ValueError, RuntimeError):
            self._ray.cancel(task, force=True)
