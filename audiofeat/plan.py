"""Which shards there will be, which of them stand already, and what is to be done for the others, with the reason.

Borders between shards follow from the keys, so that adding a folder touches its own shards only: a shard begins at
a key whose hash says so (one in ``store.shard_clips`` does), or where a shard would grow beyond
``SHARD_SOURCE_BYTES`` of source or four times the mean number of clips.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from blake3 import blake3

from audiofeat.config import Limits, Select
from audiofeat.decode import Shared
from audiofeat.errors import ClipError
from audiofeat.identity import identify, is_trusted
from audiofeat.known import Known
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint, excerpt_text
from audiofeat.selection import is_wanted
from audiofeat.source import source_name
from audiofeat.tasks import ClipTask, Reuse, ShardEntry, ShardTask

SHARD_SOURCE_BYTES = 128 << 20
_LARGEST_SHARE = 4


@dataclass(frozen=True, slots=True)
class KeptShard:
    """A shard that stands as it is; ``entry`` is None where all its clips are in quarantine."""

    entry: ShardEntry | None
    rows: tuple[ClipRow, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do."""

    tasks: tuple[ShardTask, ...]
    kept: tuple[KeptShard, ...]
    fingerprints: dict[str, Fingerprint]
    """Of the clips that are not decoded again."""
    reasons: Counter[str]
    """Why clips are decoded: new, changed, ... -> how many."""
    deleted: tuple[str, ...]
    """Keys that the last run had and the source has no more."""

    @property
    def clips_to_decode(self) -> int:
        return self.reasons.total()

    @property
    def failures_standing(self) -> int:
        """Clips that could not be done before, and whose files are unchanged."""
        kept = [failure for shard in self.kept for failure in shard.failures]
        copied = [failure for reuse in self._copied() for failure in reuse.failures]
        return sum(not failure.is_by_choice for failure in kept + copied)

    @property
    def clips_reused(self) -> int:
        """Clips of the source whose results stay, in their place or in another shard; not those that failed whole."""
        kept = ((shard.rows, shard.failures) for shard in self.kept)
        copied = ((reuse.rows, reuse.failures) for reuse in self._copied())
        return sum(len(_parents(rows, failures)) for rows, failures in (*kept, *copied))

    def _copied(self) -> Iterator[Reuse]:
        return (clip.reuse for task in self.tasks for clip in task.clips if clip.reuse is not None)


def shard_borders(clips: Iterable[Clip], *, shard_clips: int) -> Iterator[tuple[str, list[Clip]]]:
    """Cut clips in key order into shards: (slot, clips). A slot is named by the hash of its first key."""
    group: list[Clip] = []
    group_bytes = 0
    slot = ""
    for clip in clips:
        digest = blake3(clip.key.encode()).digest()
        is_border = int.from_bytes(digest[:8], "little") % shard_clips == 0
        is_full = group_bytes + clip.weight_bytes > SHARD_SOURCE_BYTES or len(group) >= _LARGEST_SHARE * shard_clips
        if group and (is_border or is_full):
            yield slot, group
            group, group_bytes = [], 0
        if not group:
            slot = digest[:6].hex()
        group.append(clip)
        group_bytes += clip.weight_bytes
    if group:
        yield slot, group


def make_plan(
    clips: Sequence[Clip],
    known: Known,
    *,
    root: str,
    shard_clips: int,
    shard_suffix: str,
    decoders: Iterable[str],
    limits: Limits,
    select: Select,
    now_ns: int,
    checkpoint: Callable[[], None] = lambda: None,
) -> Plan:
    """Compare the listing with what is known.

    Args:
        clips: the listing, in key order.
        root: the source folder, to hash files whose fingerprint says nothing.
        shard_suffix: of the kind of shard wanted; shards of another kind are rewritten.
        decoders: name-and-version words of the decoders at hand; results of others are stale.
        limits: results beyond them are stale, and so is every failure for a limit.
        select: results of which it thinks otherwise now are stale.
        now_ns: the time before the scan, to tell which fingerprints may be trusted later.
        checkpoint: called now and then, since hashing may take long; what it raises ends the planning.
    """
    chooser = _Chooser(known, root=root, decoders=set(decoders), limits=limits, select=select, now_ns=now_ns)
    chooser.identify_rows(clips, checkpoint=checkpoint)
    tasks: list[ShardTask] = []
    kept: list[KeptShard] = []
    for slot, group in shard_borders(clips, shard_clips=shard_clips):
        choices = []
        for clip in group:
            checkpoint()
            choices.append(chooser.choose(clip))
        standing = _standing_shard(slot, choices, known, shard_suffix=shard_suffix)
        if standing is None:
            tasks.append(ShardTask(slot, tuple(choices)))
        else:
            kept.append(standing)
    present = {clip.key for clip in clips}
    deleted = tuple(sorted(known.keys - present))
    return Plan(tuple(tasks), tuple(kept), chooser.fingerprints, chooser.reasons, deleted)


class _Chooser:
    """Decides for each clip: use its known result, or decode it, and why."""

    def __init__(
        self, known: Known, *, root: str, decoders: set[str], limits: Limits, select: Select, now_ns: int
    ) -> None:
        self._known = known
        self._root = root
        self._decoders = decoders
        self._limits = limits
        self._select = select
        self._now_ns = now_ns
        self._stale = f"settings changed ({'; '.join(known.stale_because)})" if known.stale_because else ""
        self._shared = Shared()
        self._identified: dict[str, tuple[str, Fingerprint] | None] = {}
        """By key; only what :meth:`identify_rows` has looked at."""
        self.reasons: Counter[str] = Counter()
        self.fingerprints: dict[str, Fingerprint] = {}

    def identify_rows(self, clips: Iterable[Clip], *, checkpoint: Callable[[], None]) -> None:
        """Hash what must be hashed of Parquet files, in the order of their rows: going back in one is slow."""
        rows = [
            (clip.path, clip.member.offset, clip.member, clip.key)
            for clip in clips
            if clip.member is not None
            and clip.member.column is not None
            and clip.key in self._known.clips
            and self._known.fingerprints.get(clip.key) != clip.fingerprint
        ]
        for path, _, member, key in sorted(rows, key=lambda row: row[:2]):
            checkpoint()
            self._identified[key] = identify(os.path.join(self._root, path), member, shared=self._shared)

    def choose(self, clip: Clip) -> ClipTask:
        known = self._known.clips.get(clip.key)
        reason = self._reason_to_decode(clip, known)
        if reason or known is None:
            self.reasons[reason] += 1
            return ClipTask(clip.key, clip.path, clip.excerpt, clip.member)
        # The name may have changed where the key has not: x.wav is now x.wave.
        source = source_name(clip.path, clip.member)
        reuse = Reuse(
            shard=known.shard,
            rows=tuple(replace(row, source=source) for row in known.rows),
            failures=tuple(replace(failure, source=source) for failure in known.failures),
            fingerprint=self.fingerprints.get(clip.key),
        )
        return ClipTask(clip.key, clip.path, clip.excerpt, clip.member, reuse)

    def _reason_to_decode(self, clip: Clip, known: Reuse | None) -> str:
        """Why a clip must be decoded; empty where its known result stands."""
        if known is None:
            return self._stale if self._stale and clip.key in self._known.keys else "new"
        results: tuple[ClipRow | Failure, ...] = (*known.rows, *known.failures)
        excerpt = excerpt_text(clip.excerpt)
        if any(result.excerpt != excerpt for result in results):
            return "span or channel changed"
        if any(_may_pass_now(failure) for failure in known.failures):
            return "failed before, tried again"
        if not all(self._is_within_limits(row) for row in known.rows):
            return "limits changed"
        if clip.key in self._known.judged_otherwise or not all(self._is_selected(row) for row in known.rows):
            return "select or limits changed"
        for decoder in sorted({result.decoder for result in results if result.decoder is not None}):
            if decoder not in self._decoders:
                return f"decoder changed (was {decoder})"
        return "" if self._is_unchanged(clip, results[0].source_digest) else "changed"

    def _is_within_limits(self, row: ClipRow) -> bool:
        limits = self._limits
        return (
            (row.source_seconds or row.duration_seconds) <= limits.max_seconds
            and row.channels <= limits.max_channels
            and limits.min_sample_rate <= row.sample_rate <= limits.max_sample_rate
        )

    def _is_selected(self, row: ClipRow) -> bool:
        return is_wanted(row.duration_seconds, self._select)

    def _is_unchanged(self, clip: Clip, source_digest: str | None) -> bool:
        now = clip.fingerprint
        if self._known.fingerprints.get(clip.key) != now:
            found = self._identify(clip) if source_digest else None
            if found is None or found[0] != source_digest:
                return False
            now = found[1]
        if is_trusted(now, read_at_ns=self._now_ns):
            self.fingerprints[clip.key] = now
        return True

    def _identify(self, clip: Clip) -> tuple[str, Fingerprint] | None:
        if clip.key in self._identified:
            return self._identified[clip.key]
        return identify(os.path.join(self._root, clip.path), clip.member, shared=self._shared)


def _parents(rows: Sequence[ClipRow], failures: Sequence[Failure]) -> set[str]:
    """The keys of the source's clips that came so far as to be cut, or to be whole."""
    cut = (failure.parent for failure in failures if failure.parent is not None)
    return {*(row.clip_key for row in rows), *cut}


def _may_pass_now(failure: Failure) -> bool:
    """Whether a failure may be none this time, though the file is the same: the machine's fault, or a limit's."""
    return failure.reason.startswith("limit.") or ClipError(failure.reason, failure.message).is_transient


def _standing_shard(slot: str, choices: Sequence[ClipTask], known: Known, *, shard_suffix: str) -> KeptShard | None:
    """The known shard that already holds exactly these clips, if there is one."""
    reused = [choice.reuse for choice in choices if choice.reuse is not None]
    if len(reused) < len(choices):
        return None
    rows = tuple(row for reuse in reused for row in reuse.rows)
    failures = tuple(failure for reuse in reused for failure in reuse.failures)
    names = {reuse.shard for reuse in reused if reuse.shard is not None}
    if not names:
        return KeptShard(None, (), failures)
    entry = known.shards[names.pop()]
    is_same = not names and entry.clips == len(rows) and entry.slot == slot
    if not is_same or os.path.splitext(entry.name)[1] != shard_suffix:
        return None
    return KeptShard(entry, tuple(sorted(rows, key=lambda row: row.key)), failures)
