"""What a worker process has been given to do, handed out to its lanes clip by clip."""

from __future__ import annotations

import threading
from collections import deque

from audiofeat.shard import ShardWork
from audiofeat.tasks import ClipTask


class ShardFeed:
    """A queue of shards that lanes take clips from, in order, from any thread."""

    def __init__(self) -> None:
        self._clips: deque[tuple[ShardWork, int]] = deque()
        self._ready = threading.Condition()
        self._is_closed = False
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

    def close(self) -> None:
        """No more shards will come: lanes end when the queue is empty."""
        with self._ready:
            self._is_closed = True
            self._ready.notify_all()

    def drain(self) -> None:
        """Forget the shards of which no clip has been handed out, and close."""
        with self._ready:
            self._clips = deque(item for item in self._clips if item[0] is self._begun)
        self.close()

    def next(self, *, wait: bool) -> tuple[ShardWork, int] | None:
        """The next clip, as a shard and the clip's index in it; None when there is none (with ``wait``: ever)."""
        with self._ready:
            while wait and not self._clips and not self._is_closed:
                self._ready.wait()
            item = self._clips.popleft() if self._clips else None
            if item is not None:
                self._begun = item[0]
            return item


def _place(clip: ClipTask) -> tuple[str, int, float]:
    """Where a clip's bytes lie: file, place in the container, place in time."""
    start_seconds = clip.excerpt.start_seconds if clip.excerpt else None
    return clip.path, clip.member.offset if clip.member else 0, start_seconds or 0.0
