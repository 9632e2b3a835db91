"""Which shards stand already, and what is to be done for the others, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from audiofeat.borders import shard_borders
from audiofeat.choice import Chooser, Reason
from audiofeat.config import Limits, Select
from audiofeat.known import Known
from audiofeat.part import Part
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint
from audiofeat.results import ShardResults
from audiofeat.tasks import ClipTask, Reuse, ShardEntry, ShardTask

if TYPE_CHECKING:
    from audiofeat.store.row_columns import RowColumns


@dataclass(frozen=True, slots=True)
class KeptShard:
    """A shard that stands as it is; ``entry`` is None where all its clips are in quarantine."""

    entry: ShardEntry | None
    rows: RowColumns
    failures: tuple[Failure, ...]


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
    clips: int = 0
    """Of the source: all, or a part's."""
    places: tuple[str, ...] = ()
    """The slots of all shards that the listing is cut into, in order, whoever makes them."""
    lost: tuple[str, ...] = ()
    """Keys of clips that the store has and that cannot be made again as they were: their files cannot be read now; or,
    in a repair, are others."""

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
        kept = sum(len(_parents(shard.rows.clip_keys, shard.failures)) for shard in self.kept)
        copied = ((map(attrgetter("clip_key"), reuse.rows), reuse.failures) for reuse in self.copied)
        return kept + sum(len(_parents(keys, failures)) for keys, failures in copied)

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
    is_repair: bool = False,
    part: Part | None = None,
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
        is_repair: what is known stands, whatever has become of its file, unless it is damaged.
        part: only its shards are looked at; None: all.
        checkpoint: called now and then, since hashing may take long; what it raises ends the planning.
    """
    chooser = Chooser(
        known,
        root=root,
        decoders=set(decoders),
        limits=limits,
        select=select,
        now_ns=now_ns,
        is_repair=is_repair,
    )
    borders = list(shard_borders(clips, shard_clips=shard_clips))
    own = borders if part is None else part.share(borders)
    chooser.identify_rows((clip for _, group in own for clip in group), checkpoint=checkpoint)
    tasks: list[ShardTask] = []
    kept: list[KeptShard] = []
    for slot, group in own:
        choices = []
        for clip in group:
            checkpoint()
            choices.append(chooser.choose(clip))
        standing = _standing_shard(slot, choices, known, features=features, packing=packing)
        if standing is None:
            tasks.append(ShardTask(slot, tuple(choices)))
        else:
            kept.append(standing)
    deleted = tuple(sorted(known.keys - {clip.key for clip in clips})) if known.keys else ()
    return Plan(
        tuple(tasks),
        tuple(kept),
        chooser.fingerprints,
        tuple(chooser.decoded),
        deleted,
        clips=sum(len(group) for _, group in own),
        places=tuple(slot for slot, _ in borders),
        lost=tuple(chooser.lost),
    )


def _parents(clip_keys: Iterable[str], failures: Sequence[Failure]) -> set[str]:
    """The keys of the source's clips that came so far as to be cut, or to be whole.

    Args:
        clip_keys: of rows.
    """
    cut = (failure.parent for failure in failures if failure.parent is not None)
    return {*clip_keys, *cut}


def _standing_shard(
    slot: str, choices: Sequence[ClipTask], known: Known, *, features: Collection[str], packing: str
) -> KeptShard | None:
    """The known shard that already holds exactly these clips and features, if there is one."""
    from audiofeat.store.row_columns import RowColumns

    reused = [choice.reuse for choice in choices if choice.reuse is not None and not choice.is_decoded]
    if len(reused) < len(choices):
        return None
    rows = tuple(row for reuse in reused for row in reuse.rows)
    failures = tuple(failure for reuse in reused for failure in reuse.failures)
    shards = {(reuse.shard, reuse.holds) for reuse in reused if reuse.shard is not None}
    if not shards:
        return KeptShard(None, RowColumns.of(()), failures)
    name, holds = shards.pop()
    entry = known.shards[name or ""]
    is_same = not shards and entry.clips == len(rows) and entry.slot == slot and set(holds) == set(features)
    is_good = entry.packing == packing and entry.name not in known.damaged_shards
    return KeptShard(entry, _columns_of(rows, _stored(choices, known)), failures) if is_same and is_good else None


def _stored(choices: Sequence[ClipTask], known: Known) -> RowColumns | None:
    """The rows that the clips have where all of them are in one place."""
    places = {
        id(place): place for choice in choices if isinstance(place := known.clips.place_of(choice.key), ShardResults)
    }
    shards = [place.rows for place in places.values() if place.rows is not None]
    return shards[0] if len(shards) == 1 else None


def _columns_of(rows: Sequence[ClipRow], stored: RowColumns | None) -> RowColumns:
    """The rows of a shard as columns: those that are in memory already, unless the rows were changed."""
    from audiofeat.store.row_columns import RowColumns

    rows = sorted(rows, key=lambda row: row.key)
    if stored is not None and list(stored.column("source")) == [row.source for row in rows]:
        return stored
    return RowColumns.of(rows)
