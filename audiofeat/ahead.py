"""Clips decoded before their turn: where one ffmpeg process decodes several files, most of its start is saved.

A lane meets clips one by one. When ffmpeg decoded the last one, the next few are probably for it, too: they are
decoded together, and each finds its samples ready when its turn comes. Samples that were got this way only ever save
work: whatever is wrong with a clip, or a neighbour of it, is found out as ever, by an ffmpeg for that clip alone.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from typing import Protocol

from audiofeat.config import Config
from audiofeat.decode import MOST_FILES, MOST_GROUP_BYTES, EarlyClip, Shared, decode_together
from audiofeat.errors import ClipError
from audiofeat.shard import ShardWork
from audiofeat.tasks import ClipTask

_DESCRIPTORS_A_CLIP = 64
"""An early clip holds two descriptors, and there may be a few lanes; most are left to everything else."""
# Where every eighth file is bad, a group of two still pays.
_LOST_SHARE = 0.75
_GAIN_PER_CLIP = 0.25


class Upcoming(Protocol):
    """Where a lane learns what it will be given next."""

    def ahead(self, shard: ShardWork, *, most: int) -> Sequence[int]:
        """The next clips of a shard, that go to nobody else; possibly none."""


class Ahead:
    """One lane's look ahead."""

    def __init__(
        self,
        upcoming: Upcoming,
        *,
        root: str,
        config: Config,
        ffmpeg: str | None,
        shared: Shared,
        most_bytes: int = MOST_GROUP_BYTES,
    ) -> None:
        """
        Args:
            root: the folder that clips' paths go from.
            most_bytes: that clips may take in memory until their turn comes.
        """
        self._upcoming = upcoming
        self._root, self._limits, self._ffmpeg, self._shared = root, config.limits, ffmpeg, shared
        self._most_bytes = most_bytes
        self._early: dict[tuple[str, int], EarlyClip] = {}
        self._is_for_ffmpeg = False
        self._most = min(MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _DESCRIPTORS_A_CLIP)
        self._size = float(self._most)
        """How many clips to decode together: fewer after a group that failed, more with every clip that did not."""

    def take(self, shard: ShardWork, index: int) -> EarlyClip | None:
        """A clip that is to be decoded now, if it has been before; possibly together with others, just now."""
        place = shard.task.slot, index
        if self._is_for_ffmpeg and place not in self._early and self._size >= 2.0:
            self._decode([index, *self._upcoming.ahead(shard, most=int(self._size) - 1)], shard)
        return self._early.pop(place, None)

    def note(self, decoder: str) -> None:
        """A clip was decoded without fault; ``decoder`` is what did that."""
        self._is_for_ffmpeg = decoder.startswith("ffmpeg ")
        if self._is_for_ffmpeg:
            self._size = min(self._most, self._size + _GAIN_PER_CLIP)

    def close(self) -> None:
        """Let go of what nobody has taken."""
        while self._early:
            self._early.popitem()[1].close()

    def _decode(self, indexes: Sequence[int], shard: ShardWork) -> None:
        tasks = {index: shard.clip(index) for index in indexes}
        wanted = [index for index in indexes if _is_whole(tasks[index])]
        if len(wanted) < 2:
            return
        clips = [(os.path.join(self._root, tasks[index].path), tasks[index].member) for index in wanted]
        try:
            found = decode_together(
                clips, limits=self._limits, ffmpeg=self._ffmpeg, shared=self._shared, most_bytes=self._most_bytes
            )
        except ClipError:  # which of them it was shows when each is decoded by itself
            self._size *= 1.0 - _LOST_SHARE
            return
        self._early.update({(shard.task.slot, wanted[place]): clip for place, clip in found.items()})


def _is_whole(task: ClipTask) -> bool:
    """Whether a clip is to be decoded, and is all of its file."""
    return task.excerpt is None and (task.reuse is None or bool(task.reuse.missing))
