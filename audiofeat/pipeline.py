"""One run, from a folder of audio to a finished store: scan, plan, run the shards, publish.

Whatever ends a run, the shards that it finished stay, and the same command goes on from there.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from audiofeat.config import Config
from audiofeat.decode import decoder_versions, find_ffmpeg
from audiofeat.device import choose_device, usable_cores
from audiofeat.engine.local import EngineReport, LocalEngine
from audiofeat.engine.messages import WorkerJob
from audiofeat.errors import ConfigError, DamageError, Interrupted, NothingMatchedError
from audiofeat.finish import finish_store, is_unchanged
from audiofeat.frontend.constants import check_norms
from audiofeat.frontend.recipe import empty_band_warnings, feature_specs, recipe_at_any_rate
from audiofeat.known import known_results, read_quarantine
from audiofeat.max_failures import NO_LIMIT, MaxFailures
from audiofeat.plan import Plan, make_plan
from audiofeat.report import RunReport
from audiofeat.settings import Settings, settings_of
from audiofeat.source import Cuts, Listing, check_unique, list_files, list_source
from audiofeat.store.description import find_description
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import FORMAT_VERSION, StorePaths, is_ours
from audiofeat.store.lock import store_lock
from audiofeat.store.publish import roll_forward
from audiofeat.store.reader import StoreInfo
from audiofeat.store.staging import make_folder, remove


class Watcher(Protocol):
    """Hears how a run goes on."""

    def planned(self, plan: Plan) -> None: ...

    def changed(self, report: EngineReport) -> None: ...

    def ended(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, as opposed to what to compute: nothing here changes a byte of the store, but ``device``."""

    workers: int | None = None
    """Lanes; None: one for each processor core that this process may use."""
    device: str = "auto"
    max_failures: MaxFailures = NO_LIMIT
    follow_links: bool = True
    files: bytes | None = None
    """Names of files, one a line or NUL-separated, to take instead of all that the source holds."""
    recompute: bool = True
    """Whether clips whose settings changed are computed again, rather than refused."""


def run(
    config: Config,
    options: RunOptions,
    *,
    watcher: Watcher | None = None,
    stop: Callable[[], int | None] = lambda: None,
) -> RunReport:
    """Bring the store that ``config`` names up to date with its source.

    Raises:
        AudioFeatError: one of :mod:`audiofeat.errors`, by what happened. Finished shards stay.
    """
    begun = time.perf_counter()
    source, paths = _places(config, options)
    report = RunReport(store=str(paths.root))
    report.warnings += empty_band_warnings(config)
    check_norms(recipe_at_any_rate(config))  # whose complaints should come before a long scan
    before_scan_ns = time.time_ns()
    listing = _list(source, config, options)
    report.note_listing(listing)
    if not listing.clips:
        raise _nothing_matched(source, listing)
    cuts = Cuts(by_time=config.audio.chunk_seconds is not None, by_channel=config.audio.channels == "each")
    check_unique(listing.clips, store_format=config.store.format, cuts=cuts)
    _refuse_foreign_folder(paths)
    with store_lock(paths):
        roll_forward(paths)
        stored = find_description(paths.store_json)
        _refuse_newer_store(paths, stored)
        device = choose_device(options.device, stored=(stored or {}).get("numbers", {}).get("device"))
        settings = settings_of(config, device=device)
        ffmpeg = find_ffmpeg()
        decoders = decoder_versions(ffmpeg)
        if not is_unchanged(paths, settings, listing, decoders):
            _bring_up_to_date(
                report,
                options,
                paths,
                settings,
                listing,
                decoders=decoders,
                ffmpeg=ffmpeg,
                before_scan_ns=before_scan_ns,
                watcher=watcher,
                stop=stop,
            )
        else:
            report.reused = len(listing.clips) - sum(failure.parent is None for failure in read_quarantine(paths))
        report.note_store(StoreInfo(paths.root))
    options.max_failures.check(failed=report.failed, seen=len(listing.clips), is_over=True)
    report.wall_seconds = time.perf_counter() - begun
    report.busy_seconds = max(0.0, report.wall_seconds - report.start_up_seconds)
    report.peak_rss_bytes += resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return report


def _bring_up_to_date(
    report: RunReport,
    options: RunOptions,
    paths: StorePaths,
    settings: Settings,
    listing: Listing,
    *,
    decoders: Mapping[str, str],
    ffmpeg: str | None,
    before_scan_ns: int,
    watcher: Watcher | None,
    stop: Callable[[], int | None],
) -> None:
    config = settings.config
    features = feature_specs(config)
    remove(paths.unchanged)  # until this run has left a state of its own
    known = known_results(paths, settings)
    plan = make_plan(
        listing.clips,
        known,
        root=listing.root,
        shard_clips=config.store.shard_clips,
        shard_suffix=shard_format(config.store.format).suffix,
        decoders=decoders.values(),
        limits=config.limits,
        select=config.select,
        checkpoint=lambda: _stop_if_asked(stop),
        now_ns=before_scan_ns,
    )
    if known.stale_because and not options.recompute:
        raise ConfigError(
            f"the settings differ from those of {paths.root}: {'; '.join(known.stale_because)}",
            hint="without --no-recompute all clips are computed again; or name another store",
        )
    report.reasons = dict(plan.reasons)
    report.deleted = len(plan.deleted)
    report.reused = plan.clips_reused
    if watcher is not None:
        watcher.planned(plan)
    clips = len(listing.clips)
    failures_before = plan.failures_standing
    if plan.tasks:
        make_folder(paths.shards)
        make_folder(paths.commits)

        def on_change(engine_report: EngineReport) -> None:
            failed = failures_before + int(engine_report.tally.get("clips_failed", 0))
            options.max_failures.check(failed=failed, seen=clips, examples=engine_report.examples)
            if watcher is not None:
                watcher.changed(engine_report)

        job = _worker_job(settings, paths, listing, ffmpeg=ffmpeg)
        workers = options.workers or usable_cores()
        try:
            with LocalEngine(job, paths, workers=workers, on_change=on_change, stop=stop) as engine:
                _note_engine(report, engine.run(plan.tasks))
        finally:
            if watcher is not None:
                watcher.ended()
        report.workers = workers
    failed = failures_before + report.failed_now
    options.max_failures.check(failed=failed, seen=clips, examples=report.failure_examples, is_over=True)
    _stop_if_asked(stop)
    make_folder(paths.shards)
    finish_store(paths, settings, plan, listing=listing, features=features, decoders=decoders)


def _stop_if_asked(stop: Callable[[], int | None]) -> None:
    """Raises Interrupted where a signal has come."""
    number = stop()
    if number is not None:
        raise Interrupted(f"stopped by {signal.Signals(number).name}", signal_number=number)


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
    if listing.kind in ("folder", "tar"):
        return NothingMatchedError(
            f"no audio file in {source} ({listing.not_audio:,} others, {listing.hidden:,} hidden)",
            hint="files that end in .wav, .flac, .mp3, .m4a, ... are audio; a manifest may name others",
        )
    name = source if listing.kind == "manifest" else "the list of files"
    return NothingMatchedError(f"{name} names no file", hint="a line for each clip")


def _refuse_foreign_folder(paths: StorePaths) -> None:
    """A folder that holds something else is never written to."""
    if paths.root.exists() and not paths.root.is_dir():
        raise ConfigError(f"{paths.root} is a file, not a folder", hint="name a new folder for the store")
    if paths.root.exists() and not is_ours(paths) and any(paths.root.iterdir()):
        raise ConfigError(
            f"{paths.root} is not empty and not a feature store; nothing in it was touched",
            hint="name a new or empty folder for the store",
        )


def _refuse_newer_store(paths: StorePaths, stored: Mapping[str, Any] | None) -> None:
    """A store that this version does not understand is never overwritten."""
    version = stored.get("format_version", FORMAT_VERSION) if stored else FORMAT_VERSION
    if version > FORMAT_VERSION:
        raise DamageError(
            f"{paths.root} has format version {version}, this audiofeat writes {FORMAT_VERSION}; nothing was touched",
            hint="a newer audiofeat, or another store",
        )


def _worker_job(settings: Settings, paths: StorePaths, listing: Listing, *, ffmpeg: str | None) -> WorkerJob:
    values: dict[str, Any] = settings.stored
    values["compute"] = {**values["compute"], "tape_slots": settings.config.compute.tape_slots}
    return WorkerJob(
        store=str(paths.root),
        source=os.path.abspath(listing.root),
        config=values,
        numbers_digest=settings.numbers_digest,
        device=settings.device,
        ffmpeg=ffmpeg,
        lanes=0,
        is_careful=False,
        hands="",
    )


def _note_engine(report: RunReport, engine: EngineReport) -> None:
    tally = engine.tally
    report.decoded = int(tally.get("clips_done", 0))
    report.audio_seconds = tally.get("audio_seconds", 0.0)
    report.decode_seconds = tally.get("decode_seconds", 0.0)
    report.compute_seconds = tally.get("compute_seconds", 0.0)
    report.write_seconds = tally.get("write_seconds", 0.0)
    report.start_up_seconds = engine.start_up_seconds
    report.worker_deaths = engine.deaths
    report.peak_rss_bytes = engine.peak_rss_bytes
    report.failure_examples = list(engine.examples)
    report.warnings += sorted(engine.warnings)
    report.failed_now = int(tally.get("clips_failed", 0))
