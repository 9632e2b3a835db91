"""One shard in the making: its clips' results as lanes hand them in, then the shard itself, durable and recorded."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from audiofeat.records import ClipRow, Failure, FeatureSpec, Fingerprint, fingerprint_columns
from audiofeat.store.commits import write_commit, write_shard
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import Packing
from audiofeat.store.rows import Rows
from audiofeat.store.shard_format import ShardClip
from audiofeat.tasks import ClipTask, Commit, ShardTask, Stamp


@dataclass(frozen=True, slots=True)
class FinishedClip:
    """A clip whose features are complete. ``row.row_offset`` is set when the shard is written."""

    row: ClipRow
    features: Mapping[str, Rows]


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What became of one clip of the source: clips of the store, failures, or some of both."""

    finished: tuple[FinishedClip, ...]
    failures: tuple[Failure, ...]
    fingerprint: Fingerprint | None
    """Of the source's file, where it may be trusted."""


class ShardWork:
    """Collects the results of a shard's clips, from any thread, in any order."""

    def __init__(self, task: ShardTask) -> None:
        self.task = task
        self._results: list[ClipResult | None] = [None] * len(task.clips)
        self._missing = len(task.clips)
        self._anew: set[int] = set()
        self._lock = threading.Lock()

    def clip(self, index: int) -> ClipTask:
        """What is to be done for clip ``index`` now."""
        task = self.task.clips[index]
        return replace(task, reuse=None) if index in self._anew else task

    def distrust(self, index: int) -> None:
        """What was known of clip ``index`` is not so: it is to be decoded for all features."""
        self._anew.add(index)

    def hand_in(self, index: int, result: ClipResult) -> bool:
        """Take the result of clip ``index``; True for the one that makes the shard complete."""
        with self._lock:
            self._results[index] = result
            self._missing -= 1
            return self._missing == 0

    @property
    def results(self) -> list[ClipResult]:
        """What has been handed in, in the order of the task's clips."""
        return [result for result in self._results if result is not None]

    def write(
        self,
        paths: StorePaths,
        features: Sequence[FeatureSpec],
        *,
        packing: Packing,
        stamp: Stamp,
    ) -> Commit:
        """Write the complete shard and its commit record, and let go of the rows.

        Raises:
            StorageError: the disk refuses.
        """
        results = self.results
        # What one clip was cut into may belong behind what the next one was: keys are sorted once more.
        done = sorted((clip for result in results for clip in result.finished), key=lambda clip: clip.row.key)
        clips = [ShardClip(clip.row.key, clip.features) for clip in done]
        entry = write_shard(paths, self.task.slot, clips, features, packing=packing)
        rows = ClipRow.columns_of([clip.row for clip in done])
        rows["row_offset"] = list(accumulate(rows["frames"], initial=0))[:-1]
        record = Commit(
            slot=self.task.slot,
            stamp=stamp,
            store_format=packing.kind,
            shard=entry,
            rows=rows,
            failures=tuple(failure for result in results for failure in result.failures),
            fingerprints=fingerprint_columns(
                {
                    task.key: result.fingerprint
                    for task, result in zip(self.task.clips, results, strict=True)
                    if result.fingerprint is not None
                }
            ),
        )
        write_commit(paths, record)
        for clip in done:
            for feature_rows in clip.features.values():
                feature_rows.release()
        return record
