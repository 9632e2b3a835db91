"""What a worker process has been given to do, handed out to its lanes clip by clip."""

from __future__ import annotations

import threading
from collections import deque

from audiofeat.shard import ShardWork


class ShardFeed:
    """A queue of shards that lanes take clips from, in order, from any thread."""

    def __init__(self) -> None:
        self._clips: deque[tuple[ShardWork, int]] = deque()
        self._ready = threading.Condition()
        self._is_closed = False

    def add(self, shard: ShardWork) -> None:
        """Put a shard at the end of the queue."""
        with self._ready:
            self._clips.extend((shard, index) for index in range(len(shard.task.clips)))
            self._ready.notify_all()

    def close(self) -> None:
        """No more shards will come: lanes end when the queue is empty."""
        with self._ready:
            self._is_closed = True
            self._ready.notify_all()

    def drain(self) -> None:
        """Forget the shards of which no clip has been handed out, and close."""
        with self._ready:
            begun = self._clips[0][0] if self._clips and self._clips[0][1] > 0 else None
            self._clips = deque(item for item in self._clips if item[0] is begun)
        self.close()

    def next(self, *, wait: bool) -> tuple[ShardWork, int] | None:
        """The next clip, as a shard and the clip's index in it; None when there is none (with ``wait``: ever)."""
        with self._ready:
            while wait and not self._clips and not self._is_closed:
                self._ready.wait()
            return self._clips.popleft() if self._clips else None
