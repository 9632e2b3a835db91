"""What is said of a clip with which two processes died."""

from __future__ import annotations

import os
from dataclasses import replace

from audiofeat.errors import ClipError
from audiofeat.identity import identify
from audiofeat.outcome import failure_of
from audiofeat.records import Failure
from audiofeat.tasks import Reuse, ShardTask


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
        failure = failure_of(
            clip, ClipError("decoder.killed", problem, hint="run again with fewer workers"), source_digest=None
        )
    else:
        found = identify(os.path.join(source, clip.path), clip.member)
        hint = "decode the file with another program and look at its samples; it may be hostile"
        failure = failure_of(
            clip, ClipError("decoder.crashed", problem, hint=hint), source_digest=found[0] if found else None
        )
    clips = list(task.clips)
    clips[index] = replace(clip, reuse=Reuse(None, (), (failure,), None))
    return ShardTask(task.slot, tuple(clips)), failure
