"""What becomes of the clips that a dead worker process held.

Shards of which it had clips in hand are done again at the end, in a process that has one clip in hand at a time: a
clip with which a process dies there, and which was in hand at a death before, is put in quarantine
(``decoder.crashed``), and the rest goes on. Rows that were being copied when it died are not copied again, since HDF5
may crash over a damaged shard: those clips are decoded.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from audiofeat.engine.engine import Speaker
from audiofeat.errors import AudioFeatError, ClipError
from audiofeat.identity import identify
from audiofeat.outcome import failure_of
from audiofeat.records import Failure
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.tasks import Reuse, ShardTask

_DEATHS_IN_A_ROW = 3
"""Beyond so many without a shard finished, all that is left is done with one clip in hand at a time, and beyond so many
there that no clip explains, the run ends."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with the shards of a dead process, as they are to be done now."""

    suspects: tuple[ShardTask, ...]
    others: tuple[ShardTask, ...]
    failure: Failure | None
    """Of the clip that was condemned, if one was."""


class Inquest:
    """Remembers the deaths of a run, and which clips were in hand at them."""

    def __init__(self, paths: StorePaths, *, source: str) -> None:
        """``source`` is the folder that clips' paths go from."""
        self._paths = paths
        self._source = source
        self._in_a_row = 0
        self._unexplained = 0
        self._deaths_with: Counter[tuple[str, int]] = Counter()

    @property
    def trusts_nothing(self) -> bool:
        """Whether so many died in a row that every shard is suspect."""
        return self._in_a_row > _DEATHS_IN_A_ROW

    def note_finished(self) -> None:
        """A shard was finished: what died before did not die of what all have in common."""
        self._in_a_row = self._unexplained = 0

    def hold(self, process: Speaker, end: str) -> Verdict:
        """Judge the death of a process that has been waited for; ``end`` says in words how it ended.

        Raises:
            AudioFeatError: too many have died of no clip.
            StorageError: a shard's changed task cannot be written.
        """
        self._in_a_row += 1
        in_hand = process.clips_in_hand()
        self._deaths_with.update(in_hand)
        self._distrust(process, in_hand)
        culprit = self._culprit(process, in_hand)
        failure = None
        if culprit is not None:
            slot, index = culprit
            process.shards[slot], failure = condemned(
                process.shards[slot], index, source=self._source, end=end, was_killed=process.was_killed
            )
            self._write(process.shards[slot])
            self._in_a_row = self._unexplained = 0
        elif process.is_careful and not any(self._deaths_with[clip] == 1 for clip in in_hand):
            self._unexplained += 1
        if self._unexplained > _DEATHS_IN_A_ROW:
            raise AudioFeatError(
                f"worker processes died {self._in_a_row} times in a row, the last by {end}",
                hint=f"see {process.log}; fewer --workers if memory ran out",
            )
        # The clips in hand are the likeliest cause; where that did not end the deaths, every shard is suspect.
        slots = {slot for slot, _ in in_hand} if self._in_a_row <= 1 else set(process.shards)
        return Verdict(
            suspects=tuple(task for slot, task in process.shards.items() if slot in slots),
            others=tuple(task for slot, task in process.shards.items() if slot not in slots),
            failure=failure,
        )

    def _culprit(self, process: Speaker, in_hand: Sequence[tuple[str, int]]) -> tuple[str, int] | None:
        """The clip to blame for a death: alone in hand, for the second time, and not known to fail anyway."""
        if not process.is_careful or len(in_hand) != 1 or self._deaths_with[in_hand[0]] < 2:
            return None
        slot, index = in_hand[0]
        clip = process.shards[slot].clips[index]
        return in_hand[0] if clip.is_decoded else None

    def _distrust(self, process: Speaker, in_hand: Sequence[tuple[str, int]]) -> None:
        """Have clips decoded that were to come from a shard out of which one was being copied when the process died."""
        reused = [process.shards[slot].clips[index].reuse for slot, index in in_hand]
        suspects = {reuse.shard for reuse in reused if reuse is not None} - {None}
        for slot, task in process.shards.items():
            clips = tuple(
                replace(clip, reuse=None) if clip.reuse and clip.reuse.shard in suspects else clip
                for clip in task.clips
            )
            if clips != task.clips:
                process.shards[slot] = ShardTask(slot, clips)
                self._write(process.shards[slot])

    def _write(self, task: ShardTask) -> None:
        write_checked_json(self._paths.task(task.slot), task.to_json())


def condemned(task: ShardTask, index: int, *, source: str, end: str, was_killed: bool) -> tuple[ShardTask, Failure]:
    """The task with clip ``index`` marked as failed, and what the quarantine will say.

    Args:
        source: the folder that the clip's path goes from.
        end: how the second process ended, in words.
        was_killed: whether it ended by SIGKILL. That comes from outside, and may pass: the next run tries again.
    """
    clip = task.clips[index]
    problem = f"two processes died with this clip in hand, the second with no other ({end})"
    if was_killed:
        found = None  # nothing is said of the file
        error = ClipError("decoder.killed", problem, hint="run again with fewer workers")
    else:
        found = identify(os.path.join(source, clip.path), clip.member)
        hint = "decode the file with another program and look at its samples; it may be hostile"
        error = ClipError("decoder.crashed", problem, hint=hint)
    failure = failure_of(clip, error, source_digest=found[0] if found else None)
    clips = list(task.clips)
    clips[index] = replace(clip, reuse=Reuse(None, (), (failure,), None))
    return ShardTask(task.slot, tuple(clips)), failure
