"""What a worker process has been given to do, handed out to its lanes clip by clip.

A clip that failed for a reason that may pass is put off: others go first, and once its pause is over it comes again.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter, deque

from audiofeat.shard import ShardWork
from audiofeat.tasks import ClipTask

PAUSES_SECONDS = {
    "io.read": (0.25, 1.0),
    "io.changed": (0.25, 1.0),
    "io.space": (0.25, 1.0),
    "io.process": (0.25, 1.0),
    "io.not-found": (0.25,),
    "decoder.killed": (0.25,),
    "limit.memory": (1.0,),
}
"""How long a clip rests before each further attempt within a run, by reason. What is not here does not pass so soon: a
file's own fault, permissions, a missing decoder. Nor does ``limit.time``: it has taken half a minute already, and a
process that is stopped for a while is not charged for that."""


class ShardFeed:
    """A queue of shards that lanes take clips from, in order, from any thread."""

    def __init__(self, *, lanes: int = 1) -> None:
        """``lanes`` take from it."""
        self._lanes = lanes
        self._clips: deque[tuple[ShardWork, int]] = deque()
        self._ready = threading.Condition()
        self._is_closed = False
        self._is_draining = False
        self._resting: list[tuple[float, int, ShardWork, int]] = []
        """A heap: when the pause of a clip is over; a number that tells equal moments apart; the clip."""
        self._numbers = itertools.count()
        self._attempts: Counter[tuple[str, int]] = Counter()
        """By slot and index, of clips that have been put off."""
        self._begun: ShardWork | None = None
        """The shard of which a clip was handed out last."""

    def add(self, shard: ShardWork) -> None:
        """Put a shard at the end of the queue, its clips by file, so that what lies together is read together."""
        order = sorted(range(len(shard.task.clips)), key=lambda index: _place(shard.task.clips[index]))
        with self._ready:
            self._clips.extend((shard, index) for index in order)
            self._ready.notify_all()

    def again(self, shard: ShardWork, index: int) -> None:
        """Put a clip that has been handed out at the head of the queue."""
        with self._ready:
            self._clips.appendleft((shard, index))
            self._ready.notify()

    def put_off(self, shard: ShardWork, index: int, *, reason: str) -> bool:
        """Take back a clip that failed for ``reason``; False where that does not pass, or has had its chances.

        A run that is being stopped takes it back and forgets it: what died then says nothing of the clip.
        """
        pauses = PAUSES_SECONDS.get(reason, ())
        with self._ready:
            if self._is_draining and pauses:
                return True
            attempt = self._attempts.pop((shard.task.slot, index), 0)
            if attempt >= len(pauses):
                return False
            self._attempts[shard.task.slot, index] = attempt + 1
            item = time.monotonic() + pauses[attempt], next(self._numbers), shard, index
            heapq.heappush(self._resting, item)
            self._ready.notify()
            return True

    def close(self) -> None:
        """No more shards will come: lanes end when the queue is empty."""
        with self._ready:
            self._is_closed = True
            self._ready.notify_all()

    def drain(self) -> None:
        """Forget the shards of which no clip has been handed out, and close."""
        with self._ready:
            self._clips = deque(item for item in self._clips if item[0] is self._begun)
            self._resting.clear()
            self._is_draining = True
        self.close()

    def next(self, *, wait: bool) -> tuple[ShardWork, int] | None:
        """The next clip, as a shard and the clip's index in it; None when there is none (with ``wait``: ever)."""
        with self._ready:
            item = self._take()
            while item is None and wait and not (self._is_closed and not self._resting):
                self._ready.wait(self._resting[0][0] - time.monotonic() if self._resting else None)
                item = self._take()
            if item is not None:
                self._begun = item[0]
            return item

    def reserve(self, shard: ShardWork, *, most: int) -> list[int]:
        """Hand out the clips of a shard that come next, fewer where other lanes would be left without any."""
        with self._ready:
            most = min(most, len(self._clips) // self._lanes)
            taken: list[int] = []
            while len(taken) < most and self._clips[0][0] is shard:
                taken.append(self._clips.popleft()[1])
            return taken

    def _take(self) -> tuple[ShardWork, int] | None:
        if self._resting and self._resting[0][0] <= time.monotonic():
            return heapq.heappop(self._resting)[2:]
        return self._clips.popleft() if self._clips else None


def _place(clip: ClipTask) -> tuple[str, int, float]:
    """Where a clip's bytes lie: file, place in the container, place in time."""
    start_seconds = clip.excerpt.start_seconds if clip.excerpt else None
    return clip.path, clip.member.offset if clip.member else 0, start_seconds or 0.0
