"""What a run starts from: the configuration, the places that it names, what the source holds, and what computes.

Nothing here writes to the store, so that ``plan`` can do all of it beside a run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from audiofeat.borders import shard_borders
from audiofeat.config import Config
from audiofeat.config.wording import counted
from audiofeat.decode import decoder_versions, find_ffmpeg
from audiofeat.device import choose_device, parse_device
from audiofeat.errors import ConfigError, NothingMatchedError
from audiofeat.frontend.constants import check_norms
from audiofeat.frontend.recipe import empty_band_warnings, recipe_at_any_rate
from audiofeat.garbage import no_search_for_cycles
from audiofeat.known import Known, known_results
from audiofeat.plan import Plan, make_plan
from audiofeat.records import Failure
from audiofeat.run_options import RunOptions
from audiofeat.settings import Settings, settings_of
from audiofeat.source import Cuts, Listing, check_unique, list_files, list_source
from audiofeat.source.listing import sort_clips
from audiofeat.source.peek import holds_audio
from audiofeat.store.checked_json import read_checked_json
from audiofeat.store.claim import refuse_foreign_folder, refuse_newer_store
from audiofeat.store.description import find_description
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import packing_of
from audiofeat.unlisted import clips_not_listed


@dataclass(frozen=True, slots=True)
class Job:
    """A configuration, and what its source holds."""

    config: Config
    options: RunOptions
    source: str
    paths: StorePaths
    listing: Listing
    listed_at_ns: int
    """The time before the source was listed."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run computes and decodes with."""

    settings: Settings
    ffmpeg: str | None
    decoders: Mapping[str, str]


@no_search_for_cycles()
def open_job(config: Config, options: RunOptions, *, on_work: Callable[[], None] = lambda: None) -> Job:
    """List the source and check all that can be checked before the store is touched.

    Args:
        on_work: called before all is listed where it is certain already that clips will be computed.
    Raises:
        ConfigError: the settings do not go together, or a place is missing or taken.
        SourceError: the source cannot be listed, two of its clips want one key, or it holds nothing.
    """
    source, paths = _places(config, options)
    parse_device(options.device)
    # Their complaints should come before a long scan.
    warnings = tuple(empty_band_warnings(config))
    check_norms(recipe_at_any_rate(config))
    listed_at_ns = time.time_ns()
    if not paths.root.exists() and options.files is None and holds_audio(source):
        on_work()
    listing = listing_of(source, config, options)
    if not listing.clips:
        raise _nothing_matched(source, listing)
    refuse_foreign_folder(paths)
    return Job(config, options, source, paths, listing, listed_at_ns, warnings)


def listing_of(source: str, config: Config, options: RunOptions) -> Listing:
    """What a source holds of what is asked for, be it nothing.

    Raises:
        ConfigError, SourceError: it cannot be listed, two of its clips want one key, or it asks for what cannot be.
    """
    listing = _list(source, config, options)
    if options.only is not None:
        listing = replace(listing, clips=[clip for clip in listing.clips if clip.key in options.only])
    _check_keys(config, listing)
    return listing


class ChooseDevice(Protocol):
    """As :func:`audiofeat.device.choose_device`."""

    def __call__(self, wanted: str, *, stored: str | None) -> str: ...


def tools_for(job: Job, *, choose: ChooseDevice = choose_device) -> Tools:
    """What the job is to be done with, on this machine and for its store; ``choose`` says on what kind of device.

    Raises:
        DamageError: a newer version has written the store; MissingToolError, ConfigError: see the callees.
    """
    stored = find_description(job.paths.store_json)
    refuse_newer_store(job.paths, stored)
    # Of a damaged store, what the last run remembers of it (audiofeat.remembered).
    made_on = (stored or {}).get("numbers") or read_checked_json(job.paths.source) or {}
    device = choose(job.options.device, stored=made_on.get("device"))
    ffmpeg = find_ffmpeg()
    return Tools(settings_of(job.config, device=device), ffmpeg, decoder_versions(ffmpeg))


@no_search_for_cycles()
def plan_for(job: Job, tools: Tools, *, checkpoint: Callable[[], None] = lambda: None) -> tuple[Job, Plan]:
    """Compare the source with what earlier runs have left.

    Returns:
        the job, with the known clips of folders that could not be listed, and of a repair without the clips that the
        store does not have; and what is to be done.
    Raises:
        ConfigError: the options forbid what would have to be done.
    """
    config, options = job.config, job.options
    _refuse_to_throw_away(job)
    known = known_results(job.paths, tools.settings, slots=_slots_that_count(job))
    _refuse_to_guess(job, known)
    job = _with_unlisted(job, known)
    if options.repair and known.is_complete:
        clips = [clip for clip in job.listing.clips if clip.key in known.keys]
        job = replace(job, listing=replace(job.listing, clips=clips))
    if options.fingerprint == "content":
        known.fingerprints.clear()
    if options.retry:
        in_quarantine = (key for key, result in known.clips.items() if not all(map(_is_by_choice, result.failures)))
        known.again.update(dict.fromkeys(in_quarantine, "in quarantine, tried again"))
    known.again.update(dict.fromkeys(filter(known.clips.__contains__, options.damaged_clips), "damaged"))
    known.damaged_shards = options.damaged_shards
    if options.of_parts:
        known.settled = known.tried
    plan = make_plan(
        job.listing.clips,
        known,
        root=job.listing.root,
        features=config.features.keys(),
        shard_clips=config.store.shard_clips,
        packing=packing_of(config.store).word,
        decoders=tools.decoders.values(),
        limits=config.limits,
        select=config.select,
        checkpoint=checkpoint,
        now_ns=job.listed_at_ns,
        is_repair=options.repair,
        part=options.part,
    )
    _refuse_what_is_forbidden(job, plan)
    return job, plan


def _slots_that_count(job: Job) -> set[str] | None:
    """The shards whose commit records say something to the run; None: all, as when nobody knows the whole listing.

    Of a part, its own: what the others do meanwhile is not its business. Where parts are published, those that the
    source is cut into now: if it was cut otherwise when some parts ran, there are records of one clip in two shards.
    """
    part, listing = job.options.part, job.listing
    if (part is None and not job.options.of_parts) or listing.away:
        return None
    slots = [slot for slot, _ in shard_borders(listing.clips, shard_clips=job.config.store.shard_clips)]
    return set(slots if part is None else part.share(slots))


def _is_by_choice(failure: Failure) -> bool:
    return failure.is_by_choice


def _with_unlisted(job: Job, known: Known) -> Job:
    """The job with the clips of folders that could not be listed; ``known`` is told which they are."""
    found = clips_not_listed(job.listing, known, job.paths, keep_suffix=job.config.select.keys == "name")
    only = job.options.only
    if only is not None:
        found = [clip for clip in found if clip.key in only]
    if not found:
        return job
    known.unlisted = frozenset(clip.key for clip in found)
    away = [link for link in job.listing.dangling if any(clip.key.startswith(f"{link}/") for clip in found)]
    listing = replace(
        job.listing,
        clips=sort_clips([*job.listing.clips, *found]),
        unreadable=sorted([*job.listing.unreadable, *away]),
    )
    _check_keys(job.config, listing)
    return replace(job, listing=listing)


def _check_keys(config: Config, listing: Listing) -> None:
    cuts = Cuts(by_time=config.audio.chunk_seconds is not None, by_channel=config.audio.channels == "each")
    check_unique(listing.clips, store_format=config.store.format, cuts=cuts)


def _refuse_to_throw_away(job: Job) -> None:
    """A repair keeps what the store had, and nothing else: not what parts of a run have made since."""
    if job.options.repair and job.paths.parts.exists():
        raise ConfigError(
            f"parts of a run have made shards of {job.paths.root} that are not published yet",
            hint=f"audiofeat commit {job.paths.root}, or `audiofeat extract` without --part, and then repair",
        )


def _refuse_to_guess(job: Job, known: Known) -> None:
    if known.has_lost_keys and not job.options.may_drop:
        raise ConfigError(
            f"the manifest of {job.paths.root} cannot be read, so nobody can say which clips it had",
            hint="`audiofeat extract` makes the store of what the source has",
        )


def _refuse_what_is_forbidden(job: Job, plan: Plan) -> None:
    gone = [*plan.deleted, *plan.lost]
    if gone and not job.options.may_drop:
        raise ConfigError(
            f"{counted(len(gone), 'clip')} of {job.paths.root} cannot be made again: {job.source} has not the same any "
            f"more ({', '.join(map(repr, gone[:3]))}{', ...' if len(gone) > 3 else ''})",
            hint="--source with the place where it is; or `audiofeat extract`, which makes the store of what is there",
        )
    stale = {reason.words: None for _, reason in plan.decoded if reason.kind == "stale config"}
    if stale and (job.options.repair or not job.options.recompute):
        again = sum(reason.kind == "stale config" for _, reason in plan.decoded)
        raise ConfigError(
            f"{counted(again, 'clip')} of {job.paths.root} would be computed again: {'; '.join(stale)}",
            hint="`audiofeat extract`, without --no-recompute, computes them again; or name another store",
        )


def _places(config: Config, options: RunOptions) -> tuple[str, StorePaths]:
    source = os.curdir if config.source is None and options.files is not None else config.source
    places = {
        "SOURCE (source in the configuration)": source,
        "STORE (store.path in the configuration)": config.store.path,
    }
    missing = [what for what, place in places.items() if place is None]
    if source is None or config.store.path is None:
        raise ConfigError(
            f"{' and '.join(missing)} is named neither on the command line nor in the configuration",
            hint="audiofeat extract SOURCE STORE --config ...",
        )
    return source, StorePaths(Path(os.path.abspath(config.store.path)))


def _list(source: str, config: Config, options: RunOptions) -> Listing:
    keep_suffix = config.select.keys == "name"
    if options.files is not None:
        listing = list_files(
            options.files,
            root=source,
            manifest=config.manifest,
            keep_suffix=keep_suffix,
            follow_links=options.follow_links,
        )
    else:
        listing = list_source(
            source, manifest=config.manifest, keep_suffix=keep_suffix, follow_links=options.follow_links
        )
    if config.audio.channels == "each":
        named = next((clip for clip in listing.clips if clip.excerpt and clip.excerpt.channel is not None), None)
        if named is not None:
            raise ConfigError(
                f"audio.channels is each, but {source} asks for channel {named.excerpt and named.excerpt.channel} "
                f"of {named.key!r}",
                hint="leave the channels out of the manifest, or set audio.channels to mix or first",
            )
    return listing


def _nothing_matched(source: str, listing: Listing) -> NothingMatchedError:
    if listing.unreadable:
        return NothingMatchedError(
            f"no audio file in {source}, of which {counted(len(listing.unreadable), 'folder')} could not be listed "
            f"({source}/{listing.unreadable[0]}{', ...' if len(listing.unreadable) > 1 else ''})",
            hint="check their permissions and their mount",
        )
    if listing.kind in ("folder", "tar"):
        return NothingMatchedError(
            f"no audio file in {source} ({listing.not_audio:,} others, {listing.hidden:,} hidden)",
            hint="files that end in .wav, .flac, .mp3, .m4a, ... are audio; a manifest may name others",
        )
    name = source if listing.kind == "manifest" else "the list of files"
    return NothingMatchedError(f"{name} names no file", hint="a line for each clip")
