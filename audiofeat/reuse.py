"""What an earlier run left of a clip, put to use: its rows copied, or joined with features that it did not have yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from audiofeat.errors import DamageError
from audiofeat.records import ClipRow
from audiofeat.shard import ClipResult, FinishedClip
from audiofeat.store.copying import EarlierShards
from audiofeat.store.digests import clip_digest
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget
from audiofeat.tasks import Reuse


class EarlierClips:
    """Clips out of earlier shards, with those of their features that are wanted now; for one thread."""

    def __init__(self, paths: StorePaths, *, features: Collection[str], budget: RowBudget) -> None:
        self._features = features
        self._shards = EarlierShards(paths, budget=budget)

    def copied(self, reuse: Reuse) -> tuple[FinishedClip, ...]:
        """The clips as they are there. Raises DamageError where they are not what was written."""
        finished: list[FinishedClip] = []
        try:
            for row in reuse.rows:
                finished.append(self._copied(reuse, row))
        except DamageError:
            _release(finished)
            raise
        return tuple(finished)

    def joined(self, reuse: Reuse, result: ClipResult) -> ClipResult:
        """``result``, which has the missing features only, together with the others.

        Raises:
            DamageError: these are not what was written, or are not of the same samples; then ``result`` is let go of.
        """
        finished: list[FinishedClip] = []
        try:
            before = {row.key: row for row in reuse.rows}
            if _samples_of(clip.row for clip in result.finished) != _samples_of(before.values()):
                raise DamageError("the clips are not those of the earlier run")
            for clip in result.finished:
                features = {**self._copied(reuse, before[clip.row.key]).features, **clip.features}
                finished.append(FinishedClip(replace(clip.row, feature_digest=clip_digest(features)), features))
        except DamageError:
            _release([*finished, *result.finished[len(finished) :]])
            raise
        return replace(result, finished=tuple(finished))

    def _copied(self, reuse: Reuse, row: ClipRow) -> FinishedClip:
        wanted = [name for name in self._features if name not in reuse.missing]
        features = self._shards.copy(reuse.shard or "", row, holds=reuse.holds, wanted=wanted)
        if features.keys() != set(reuse.holds):
            row = replace(row, feature_digest=clip_digest(features))
        return FinishedClip(row, features)


def _samples_of(rows: Iterable[ClipRow]) -> set[tuple[str, str, int]]:
    """What clips are made of: equal sets, equal samples."""
    return {(row.key, row.source_digest, row.frames) for row in rows}


def _release(clips: Iterable[FinishedClip]) -> None:
    for clip in clips:
        for rows in clip.features.values():
            rows.release()
