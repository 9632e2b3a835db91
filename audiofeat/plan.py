"""Which shards stand already, and what is to be done for the others, with the reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from audiofeat.borders import shard_borders
from audiofeat.config import Limits, Select
from audiofeat.decode import Shared
from audiofeat.errors import ClipError
from audiofeat.identity import identify, is_trusted
from audiofeat.known import Known
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint, excerpt_text
from audiofeat.selection import is_wanted
from audiofeat.source import source_name
from audiofeat.tasks import ClipTask, Reuse, ShardEntry, ShardTask


@dataclass(frozen=True, slots=True)
class KeptShard:
    """A shard that stands as it is; ``entry`` is None where all its clips are in quarantine."""

    entry: ShardEntry | None
    rows: tuple[ClipRow, ...]
    failures: tuple[Failure, ...]


class Reason(NamedTuple):
    """Why a clip is decoded."""

    kind: Literal["new", "changed", "stale", "again"]
    """The source has it for the first time; has changed it; its result was made with other settings, decoders or
    limits; or the same is to be tried once more."""
    words: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do."""

    tasks: tuple[ShardTask, ...]
    kept: tuple[KeptShard, ...]
    fingerprints: dict[str, Fingerprint]
    """Of the clips that are not decoded again."""
    decoded: tuple[tuple[Clip, Reason], ...]
    """The clips that are, in key order."""
    deleted: tuple[str, ...]
    """Keys that the last run had and the source has no more."""

    @property
    def reasons(self) -> Counter[str]:
        """Why clips are decoded, in words -> how many."""
        return Counter(reason.words for _, reason in self.decoded)

    @property
    def clips_to_decode(self) -> int:
        return len(self.decoded)

    @property
    def failures_standing(self) -> int:
        """Clips that could not be done before, and whose files are unchanged."""
        kept = [failure for shard in self.kept for failure in shard.failures]
        copied = [failure for reuse in self.copied for failure in reuse.failures]
        return sum(not failure.is_by_choice for failure in kept + copied)

    @property
    def clips_reused(self) -> int:
        """Clips of the source whose results stay, in their place or in another shard; not those that failed whole."""
        kept = ((shard.rows, shard.failures) for shard in self.kept)
        copied = ((reuse.rows, reuse.failures) for reuse in self.copied)
        return sum(len(_parents(rows, failures)) for rows, failures in (*kept, *copied))

    @property
    def copied(self) -> Iterator[Reuse]:
        """What is taken over into shards that are written."""
        clips = (clip for task in self.tasks for clip in task.clips)
        return (clip.reuse for clip in clips if clip.reuse is not None and not clip.is_decoded)


def make_plan(
    clips: Sequence[Clip],
    known: Known,
    *,
    root: str,
    features: Collection[str],
    shard_clips: int,
    packing: str,
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
        features: the names of those that are wanted; a shard that holds others besides is rewritten.
        packing: the word of how shards are to hold their rows; those that do otherwise are rewritten.
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
        standing = _standing_shard(slot, choices, known, features=features, packing=packing)
        if standing is None:
            tasks.append(ShardTask(slot, tuple(choices)))
        else:
            kept.append(standing)
    present = {clip.key for clip in clips}
    deleted = tuple(sorted(known.keys - present))
    return Plan(tuple(tasks), tuple(kept), chooser.fingerprints, tuple(chooser.decoded), deleted)


_NEW = Reason("new", "new")
_CHANGED = Reason("changed", "changed")
_EXCERPT = Reason("changed", "span or channel changed")
_LIMITS = Reason("stale", "limits changed")
_SELECT = Reason("stale", "select or limits changed")
_RETRIED = Reason("again", "failed before, tried again")


def _stale(because: Sequence[str]) -> Reason | None:
    """What is said of a clip whose result was made with other settings."""
    if not because:
        return None
    lines = "; ".join(because)
    is_more = all(line.startswith("feature ") and line.endswith(" added") for line in because)
    return Reason("stale", lines if is_more else f"settings changed ({lines})")


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
        self._stale = _stale(known.stale_because)
        self._shared = Shared()
        self._identified: dict[str, tuple[str, Fingerprint] | None] = {}
        """By key; only what :meth:`identify_rows` has looked at."""
        self.decoded: list[tuple[Clip, Reason]] = []
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
        if known is None or reason is not None:
            self.decoded.append((clip, reason or _NEW))
            return ClipTask(clip.key, clip.path, clip.excerpt, clip.member)
        if known.missing:
            self.decoded.append((clip, self._stale or Reason("stale", f"{', '.join(known.missing)} not made yet")))
        # The name may have changed where the key has not: x.wav is now x.wave.
        source = source_name(clip.path, clip.member)
        reuse = Reuse(
            shard=known.shard,
            rows=tuple(replace(row, source=source) for row in known.rows),
            failures=tuple(replace(failure, source=source) for failure in known.failures),
            fingerprint=self.fingerprints.get(clip.key),
            holds=known.holds,
            missing=known.missing,
        )
        return ClipTask(clip.key, clip.path, clip.excerpt, clip.member, reuse)

    def _reason_to_decode(self, clip: Clip, known: Reuse | None) -> Reason | None:
        """Why a clip must be decoded for all features; None where its known result stands, be it for some of them."""
        if known is None:
            return self._stale if self._stale and clip.key in self._known.keys else _NEW
        if clip.key in self._known.again:
            return Reason("again", self._known.again[clip.key])
        results: tuple[ClipRow | Failure, ...] = (*known.rows, *known.failures)
        excerpt = excerpt_text(clip.excerpt)
        if any(result.excerpt != excerpt for result in results):
            return _EXCERPT
        if any(_may_pass_now(failure) for failure in known.failures):
            return _RETRIED
        if not all(self._is_within_limits(row) for row in known.rows):
            return _LIMITS
        if clip.key in self._known.judged_otherwise or not all(self._is_selected(row) for row in known.rows):
            return _SELECT
        for decoder in sorted({result.decoder for result in results if result.decoder is not None}):
            if decoder not in self._decoders:
                return Reason("stale", f"decoder changed (was {decoder})")
        return None if self._is_unchanged(clip, results[0].source_digest) else _CHANGED

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


def _standing_shard(
    slot: str, choices: Sequence[ClipTask], known: Known, *, features: Collection[str], packing: str
) -> KeptShard | None:
    """The known shard that already holds exactly these clips and features, if there is one."""
    reused = [choice.reuse for choice in choices if choice.reuse is not None and not choice.is_decoded]
    if len(reused) < len(choices):
        return None
    rows = tuple(row for reuse in reused for row in reuse.rows)
    failures = tuple(failure for reuse in reused for failure in reuse.failures)
    shards = {(reuse.shard, reuse.holds) for reuse in reused if reuse.shard is not None}
    if not shards:
        return KeptShard(None, (), failures)
    name, holds = shards.pop()
    entry = known.shards[name or ""]
    is_same = not shards and entry.clips == len(rows) and entry.slot == slot and set(holds) == set(features)
    is_good = entry.packing == packing and entry.name not in known.damaged_shards
    return KeptShard(entry, tuple(sorted(rows, key=lambda row: row.key)), failures) if is_same and is_good else None
