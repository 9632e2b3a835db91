"""What a run would do, and why: the comparison that every run begins with, told instead of carried out."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from audiofeat.choice import Reason
from audiofeat.config import Config
from audiofeat.contents import contents_of
from audiofeat.decode import declared_seconds
from audiofeat.errors import DamageError, NoStoreError
from audiofeat.finish import is_half_done, is_unchanged, tables_are_whole
from audiofeat.frontend.recipe import feature_specs
from audiofeat.garbage import no_search_for_cycles
from audiofeat.job import Job, Tools, open_job, plan_for, tools_for
from audiofeat.known import read_quarantine
from audiofeat.plan import KeptShard, Plan
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.store import Store
from audiofeat.records import Clip, Failure, FeatureSpec
from audiofeat.report import listing_warnings
from audiofeat.run_options import RunOptions
from audiofeat.store.description import encode_description
from audiofeat.store.layout import StorePaths

_MOST_HEADERS = 500
"""So many files of a line are looked into; from these the others' length is estimated."""


@dataclass(frozen=True, slots=True)
class Line:
    """Clips of the source with which one thing is to be done, for one reason."""

    kind: str
    """``new``, ``changed``, ``stale config``, ``tried again``, ``deleted``, ``unchanged``, ``copied``, ``in
    quarantine`` or ``left out``."""
    reason: str
    clips: int
    seconds: float | None
    """Of audio; None where no header tells."""
    size_bytes: int | None
    """Of their features, before compression."""
    is_estimate: bool
    """Whether the length of some of them was not looked up."""


@dataclass(frozen=True, slots=True)
class Preview:
    """All that a run would do."""

    store: str
    has_work: bool
    """Whether the store would be another one afterwards."""
    clips: int
    """Of the source."""
    clips_to_decode: int
    shards_to_write: int
    lines: tuple[Line, ...]
    decoded: tuple[tuple[str, Reason], ...]
    """The keys of the clips that would be decoded, with the reasons."""
    warnings: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 20 where there is something to do."""
        return 20 if self.has_work else 0

    def to_json(self, *, each: bool) -> dict[str, Any]:
        """JSON-ready values; with ``each``, every clip that would be decoded too."""
        values = asdict(self)
        values["decoded"] = [{"key": key, "kind": reason.kind, "reason": reason.words} for key, reason in self.decoded]
        if not each:
            del values["decoded"]
        return values


@no_search_for_cycles()
def preview(config: Config, options: RunOptions) -> Preview:
    """Find out what :func:`audiofeat.pipeline.run` would do, and write nothing.

    Raises:
        AudioFeatError: whatever a run would end with before its first clip.
    """
    job = open_job(config, options)
    tools = tools_for(job)
    store, clips = config.store.path or str(job.paths.root), len(job.listing.clips)
    warnings = job.warnings
    is_left = is_half_done(job.paths)
    if is_left:
        warnings += (
            "an interrupted run is finished or swept away first, which may leave less to do than is said here",
        )
    if options.trusts_last_run and is_unchanged(job.paths, tools.settings, job.listing, tools.decoders):
        lines = _unchanged_lines(StoreInfo(job.paths.root), clips=clips)
        return Preview(store, False, clips, 0, 0, lines, (), (*listing_warnings(job.listing), *warnings))
    job, plan = plan_for(job, tools)
    return Preview(
        store=store,
        has_work=bool(plan.tasks) or is_left or not _stands(job, tools, plan),
        clips=len(job.listing.clips),
        clips_to_decode=plan.clips_to_decode,
        shards_to_write=len(plan.tasks),
        lines=tuple(_Lines(job).of(plan)),
        decoded=tuple((clip.key, reason) for clip, reason in plan.decoded),
        warnings=(*listing_warnings(job.listing), *warnings),
    )


def _stands(job: Job, tools: Tools, plan: Plan) -> bool:
    """Whether the store's description is the very one that a run would write, and its tables are there."""
    contents = contents_of(plan.kept, tools.settings, listing=job.listing, features=feature_specs(job.config))
    try:
        is_same = job.paths.store_json.read_bytes() == encode_description(contents.store_json)
    except OSError:
        return False
    return is_same and tables_are_whole(StoreInfo(job.paths.root))


def _unchanged_lines(info: StoreInfo, *, clips: int) -> tuple[Line, ...]:
    totals = info.description["totals"]
    failures = read_quarantine(info.paths)
    size_bytes = totals["frames"] * _row_bytes(info.features)
    whole = sum(failure.parent is None for failure in failures)
    unchanged = Line("unchanged", "", clips - whole, totals["audio_seconds"], size_bytes, False)
    return (unchanged, *_not_done(failures))


def _not_done(failures: Sequence[Failure]) -> Iterator[Line]:
    """What is in quarantine and stays there, and what the configuration leaves out."""
    for kind, is_by_choice in (("in quarantine", False), ("left out", True)):
        reasons = Counter(failure.reason for failure in failures if failure.is_by_choice is is_by_choice)
        if reasons:
            words = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
            yield Line(kind, words, reasons.total(), None, None, False)


class _Lines:
    """The lines of a plan."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._features = feature_specs(job.config)

    def of(self, plan: Plan) -> Iterable[Line]:
        by_reason: defaultdict[Reason, list[Clip]] = defaultdict(list)
        for clip, reason in plan.decoded:
            by_reason[reason].append(clip)
        is_known = bool(plan.deleted) or any(reason.kind != "new" for reason in by_reason)
        earlier = _stored_seconds(self._job.paths) if is_known else {}
        for reason, clips in sorted(by_reason.items(), key=lambda item: _KINDS.index(item[0].kind)):
            yield self._decoded(reason, clips, earlier)
        if plan.deleted:
            seconds = sum(earlier.get(key, 0.0) for key in plan.deleted)
            yield Line("deleted", "no longer in the source", len(plan.deleted), seconds, None, False)
        kept = [figures for shard in plan.kept for figures in _figures(shard)]
        if kept or not (plan.tasks or plan.deleted):
            yield self._standing("unchanged", "", kept)
        copied = [(row.clip_key, row.frames, row.duration_seconds) for reuse in plan.copied for row in reuse.rows]
        if copied:
            yield self._standing("copied", "unchanged, into shards that are written anew", copied)
        failures = [failure for shard in plan.kept for failure in shard.failures]
        failures += [failure for reuse in plan.copied for failure in reuse.failures]
        yield from _not_done(failures)

    def _decoded(self, reason: Reason, clips: Sequence[Clip], earlier: Mapping[str, float]) -> Line:
        stride = -(-len(clips) // _MOST_HEADERS)
        looked_up = clips[::stride]
        # A file that has changed has another length, and its header tells; of the others the store knows it.
        known = {} if reason.kind == "changed" else earlier
        lengths = [known.get(clip.key) or self._header_seconds(clip) for clip in looked_up]
        told = [seconds for seconds in lengths if seconds is not None]
        seconds = sum(told) / len(told) * len(clips) if told else None
        is_estimate = len(told) < len(clips)
        return Line(reason.kind, reason.words, len(clips), seconds, self._size_bytes(seconds), is_estimate)

    def _header_seconds(self, clip: Clip) -> float | None:
        path = os.path.join(self._job.listing.root, clip.path)
        return declared_seconds(path, member=clip.member, excerpt=clip.excerpt, limits=self._job.config.limits)

    def _size_bytes(self, seconds: float | None) -> int | None:
        if seconds is None or any(spec.frame_rate_hz is None for spec in self._features):
            return None
        bytes_per_second = sum((spec.frame_rate_hz or 0.0) * _row_bytes([spec]) for spec in self._features)
        return round(seconds * bytes_per_second)

    def _standing(self, kind: str, reason: str, figures: Sequence[_Figures]) -> Line:
        size_bytes = sum(frames for _, frames, _ in figures) * _row_bytes(self._features)
        clips = len({key for key, _, _ in figures})
        return Line(kind, reason, clips, sum(seconds for _, _, seconds in figures), size_bytes, False)


_Figures: TypeAlias = tuple[str, int, float]
"""Of a row: the key of the source's clip, frames, seconds."""


def _figures(shard: KeptShard) -> Iterator[_Figures]:
    rows = shard.rows
    return zip(rows.clip_keys, rows.column("frames"), rows.column("duration_seconds"), strict=True)


_KINDS = ("new", "changed", "stale config", "tried again")


def _row_bytes(features: Iterable[FeatureSpec]) -> int:
    import numpy as np

    return sum(feature.dims * np.dtype(feature.dtype).itemsize for feature in features)


def _stored_seconds(paths: StorePaths) -> dict[str, float]:
    """How long the clips of the source were when the store was made, by key; nothing where no manifest tells."""
    seconds: defaultdict[str, float] = defaultdict(float)
    try:
        for row in Store(paths.root).rows(["key", "parent", "duration_seconds"]):
            seconds[row["parent"] or row["key"]] += row["duration_seconds"]
    except (NoStoreError, DamageError, KeyError):  # KeyError: version 1 had no parents
        return {}
    return dict(seconds)
