"""The shards that a store has open: found without a lock, safe in threads and after a fork.

A process may have a thousand files open, and a store more shards. So those that were opened first are put to rest:
they let go of their files, but still know where in them the rows lie. A process that was forked starts anew: a handle
of HDF5's, or a lock that some thread of the parent held in that moment, is nothing to work with.
"""

from __future__ import annotations

import os
import resource
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from audiofeat.store.shard_format import ShardFormat, ShardReader

_FEWEST, _MOST = 32, 1024
_ALL: weakref.WeakSet[OpenShards] = weakref.WeakSet()


class OpenShards:
    """Readers of the shards in ``folder``, by their number in ``names``."""

    def __init__(self, folder: Path, names: Sequence[str], kind: ShardFormat) -> None:
        self._folder, self._names, self._kind = folder, names, kind
        self._most = _most_at_once()
        self.start_anew()
        _ALL.add(self)

    def __getitem__(self, number: int) -> ShardReader:
        """The reader of a shard. Raises as its kind's ``open`` does."""
        reader = self._awake.get(number)
        return self._opened(number) if reader is None else reader

    def path(self, number: int) -> Path:
        return self._folder / self._names[number]

    def start_anew(self) -> None:
        """Let go of all readers."""
        self._awake: dict[int, ShardReader] = {}
        self._resting: dict[int, ShardReader] = {}
        self._lock = threading.Lock()

    def _opened(self, number: int) -> ShardReader:
        with self._lock:
            reader = self._awake.get(number) or self._resting.pop(number, None) or self._kind.open(self.path(number))
            self._awake[number] = reader
            if len(self._awake) > self._most:
                # Another thread may be about to read from it: that wakes it, until it is put to rest once more.
                first = next(iter(self._awake))
                self._resting[first] = self._awake.pop(first)
                self._resting[first].rest()
        return reader


def _most_at_once() -> int:
    """A shard holds one descriptor, and most of those that a process may have are for others to use."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if limit == resource.RLIM_INFINITY else max(_FEWEST, min(_MOST, limit // 4))


def _start_anew_after_fork() -> None:
    for shards in _ALL:
        shards.start_anew()


os.register_at_fork(after_in_child=_start_anew_after_fork)
