"""The feed as one lane sees it: what it has in hand is noted, and it may look ahead at what it will be given next."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from audiofeat.engine.feed import ShardFeed
from audiofeat.engine.messages import HAND_BYTES, encode_hand
from audiofeat.shard import ShardWork
from audiofeat.store.staging import storage_errors

_NOTHING = b" " * HAND_BYTES


class Hand:
    """A lane's place in the file that tells, after a death of its process, which clips were in hand."""

    def __init__(self, fd: int, number: int, *, place: Path) -> None:
        """``fd`` is the file at ``place``; ``number`` is the lane's."""
        self._fd, self._offset, self._place = fd, number * HAND_BYTES, place

    def note(self, hand: bytes) -> None:
        """Raises StorageError where nothing can be noted."""
        try:
            os.pwrite(self._fd, hand, self._offset)
        except OSError as error:
            with storage_errors(self._place):
                raise error


class LaneFeed:
    """A lane's own way to the clips; each is noted as in hand before it is touched."""

    def __init__(
        self, feed: ShardFeed, *, note: Callable[[bytes], None] = lambda _: None, may_look_ahead: bool = True
    ) -> None:
        """Without ``may_look_ahead`` only the clip in hand is touched, so that a death tells which one it was."""
        self._feed, self._note, self._may_look_ahead = feed, note, may_look_ahead
        self._reserved: deque[tuple[ShardWork, int]] = deque()

    def again(self, shard: ShardWork, index: int) -> None:
        """As :class:`ShardFeed`."""
        self._feed.again(shard, index)

    def put_off(self, shard: ShardWork, index: int, *, reason: str) -> bool:
        """As :class:`ShardFeed`."""
        return self._feed.put_off(shard, index, reason=reason)

    def ahead(self, shard: ShardWork, *, most: int) -> Sequence[int]:
        """Further clips of a shard, which ``next`` will give to this lane; none while there are such clips already."""
        if self._reserved or not self._may_look_ahead:
            return ()
        indexes = self._feed.reserve(shard, most=most)
        self._reserved.extend((shard, index) for index in indexes)
        return indexes

    def next(self, *, wait: bool) -> tuple[ShardWork, int] | None:
        """As :class:`ShardFeed`. Raises StorageError where nothing can be noted."""
        if wait:
            self._note(_NOTHING)
        item = self._reserved.popleft() if self._reserved else self._feed.next(wait=wait)
        if item is not None:
            self._note(encode_hand(item[0].task.slot, item[1]))
        return item
