"""One shard in the making: its clips' results as lanes hand them in, then the shard itself, durable and recorded."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from audiofeat.dsp.levels import Levels
from audiofeat.records import ClipRow, Commit, Failure, FeatureSpec, Fingerprint, ShardEntry, ShardTask
from audiofeat.store.commits import write_commit, write_shard
from audiofeat.store.digests import clip_digest
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import Rows
from audiofeat.store.shard_format import ShardClip


@dataclass(frozen=True, slots=True)
class ClipDone:
    """A clip whose features are complete. ``row.row_offset`` is set when the shard is written."""

    row: ClipRow
    features: Mapping[str, Rows]
    fingerprint: Fingerprint | None


@dataclass(frozen=True, slots=True)
class ClipFailed:
    """A clip that goes to the quarantine."""

    failure: Failure
    fingerprint: Fingerprint | None


class ShardWork:
    """Collects the results of a shard's clips, from any thread, in any order."""

    def __init__(self, task: ShardTask) -> None:
        self.task = task
        self._results: list[ClipDone | ClipFailed | None] = [None] * len(task.clips)
        self._missing = len(task.clips)
        self._lock = threading.Lock()

    def hand_in(self, index: int, result: ClipDone | ClipFailed) -> bool:
        """Take the result of clip ``index``; True for the one that makes the shard complete."""
        with self._lock:
            self._results[index] = result
            self._missing -= 1
            return self._missing == 0

    def write(
        self, paths: StorePaths, features: Sequence[FeatureSpec], *, store_format: str, numbers_digest: str
    ) -> Commit:
        """Write the complete shard and its commit record, and let go of the rows.

        Raises:
            StorageError: the disk refuses.
        """
        done = [result for result in self._results if isinstance(result, ClipDone)]
        failed = [result for result in self._results if isinstance(result, ClipFailed)]
        clips = [ShardClip(result.row.key, result.features) for result in done]
        entry: ShardEntry | None = write_shard(paths, self.task.slot, clips, features, store_format=store_format)
        rows = []
        row_offset = 0
        for result in done:
            rows.append(replace(result.row, row_offset=row_offset))
            row_offset += result.row.frames
        record = Commit(
            slot=self.task.slot,
            numbers_digest=numbers_digest,
            store_format=store_format,
            shard=entry,
            rows=tuple(rows),
            failures=tuple(result.failure for result in failed),
            fingerprints={
                key: result.fingerprint
                for key, result in zip((clip.key for clip in self.task.clips), self._results, strict=True)
                if result is not None and result.fingerprint is not None
            },
        )
        write_commit(paths, record)
        for result in done:
            for feature_rows in result.features.values():
                feature_rows.release()
        return record


def manifest_row(
    *,
    key: str,
    source: str,
    sample_rate: int,
    channels: int,
    duration_seconds: float,
    source_digest: str,
    decoder: str,
    levels: Levels,
    features: Mapping[str, Rows],
) -> ClipRow:
    """The manifest's row of a clip whose features are complete."""
    return ClipRow(
        key=key,
        source=source,
        start_seconds=None,
        end_seconds=None,
        channel=None,
        sample_rate=sample_rate,
        channels=channels,
        duration_seconds=duration_seconds,
        frames=next(iter(features.values())).n_rows,
        row_offset=0,
        source_digest=source_digest,
        decoder=decoder,
        peak=levels.peak,
        rms=levels.rms,
        clipped_share=levels.clipped_share,
        silent_share=levels.silent_share,
        feature_digest=clip_digest(features),
    )
