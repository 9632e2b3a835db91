"""One run, from a folder of audio to a finished store: scan, plan, run the shards, publish.

Or a part of one, which publishes nothing: others make the rest at the same time, and ``commit_parts`` publishes it.
Whatever ends a run, the shards that it finished stay, and the same command goes on from there.
"""

from __future__ import annotations

import os
import resource
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeAlias

from audiofeat.config import Config
from audiofeat.config.wording import counted
from audiofeat.device import has_driver, usable_cores
from audiofeat.engine.allowance import Allowance, allot
from audiofeat.engine.descriptors import check_descriptors
from audiofeat.engine.loop import EngineReport, Loop
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.standby import Standby
from audiofeat.engine.workplace import ThisMachine, Workplace
from audiofeat.errors import ConfigError, Interrupted
from audiofeat.finish import finish_store, is_unchanged, load_libraries
from audiofeat.frontend.recipe import feature_specs
from audiofeat.job import Job, Tools, open_job, plan_for, tools_for
from audiofeat.known import read_quarantine
from audiofeat.part import Part
from audiofeat.part_notes import CHANGED_SOURCE, agree, failures_of, layout_of, note_end
from audiofeat.peak_memory import peak_rss_bytes
from audiofeat.plan import Plan
from audiofeat.reading.info import StoreInfo
from audiofeat.remembered import remember_source
from audiofeat.report import RunReport
from audiofeat.run_options import RunOptions
from audiofeat.store.lock import store_lock
from audiofeat.store.publish import publication_was_cut_off, roll_forward
from audiofeat.store.staging import make_folder, remove

_Make: TypeAlias = Callable[[Job, Tools, Plan], None]
"""Brings the shards of a plan to their commit records."""


class Watcher(Protocol):
    """Hears how a run goes on."""

    def planned(self, plan: Plan) -> None: ...

    def changed(self, report: EngineReport) -> None: ...

    def ended(self) -> None: ...


def run(
    config: Config,
    options: RunOptions,
    *,
    watcher: Watcher | None = None,
    stop: Callable[[], int | None] = lambda: None,
    standby: Standby | None = None,
) -> RunReport:
    """Bring the store that ``config`` names up to date with its source, or make a part of what that takes.

    Args:
        standby: a worker process that has been started already, perhaps.
    Raises:
        AudioFeatError: one of :mod:`audiofeat.errors`, by what happened. Finished shards stay.
    """
    begun = time.perf_counter()
    check_descriptors(lanes=1, processes=1)
    place = _workplace(options, standby)
    is_cpu = options.device == "cpu" or not has_driver(os.environ)
    job = open_job(config, options, on_work=standby.load if standby is not None and is_cpu else lambda: None)
    report = RunReport(store=config.store.path or str(job.paths.root))
    report.warnings += job.warnings
    report.cores = usable_cores()
    report.store_format, report.compression = job.config.store.format, job.config.store.compression
    make = partial(_make_shards, report, place=place, begun=begun, watcher=watcher, stop=stop)
    if options.part is None:
        _make_store(report, job, place, make, stop=stop)
    else:
        _make_part(report, job, options.part, place, make, stop=stop)
    report.wall_seconds = time.perf_counter() - begun
    report.busy_seconds = max(0.0, report.wall_seconds - report.start_up_seconds)
    report.peak_rss_bytes += peak_rss_bytes()
    return report


def _make_store(report: RunReport, job: Job, place: Workplace, make: _Make, *, stop: Callable[[], int | None]) -> None:
    paths, listing, options = job.paths, job.listing, job.options
    with store_lock(paths), place:
        roll_forward(paths)
        tools = tools_for(job, choose=place.choose_device)
        if options.trusts_last_run and is_unchanged(paths, tools.settings, listing, tools.decoders):
            report.note_listing(listing)
            report.reused = len(listing.clips) - sum(failure.parent is None for failure in read_quarantine(paths))
        else:
            remove(paths.unchanged)  # until this run has left a state of its own
            planned, plan = plan_for(job, tools, checkpoint=lambda: _stop_if_asked(stop))
            make(planned, tools, plan)
            finish_store(
                paths,
                tools.settings,
                plan,
                listing=planned.listing,
                features=feature_specs(job.config),
                decoders=tools.decoders,
            )
        remember_source(job, tools.settings)
        report.note_store(StoreInfo(paths.root))
    options.max_failures.check(failed=report.failed, seen=len(listing.clips), is_over=True)


def _make_part(
    report: RunReport, job: Job, part: Part, place: Workplace, make: _Make, *, stop: Callable[[], int | None]
) -> None:
    """Finish the part's shards and publish nothing; other parts may run meanwhile, and the same one."""
    if publication_was_cut_off(job.paths):
        with store_lock(job.paths):
            roll_forward(job.paths)
    with store_lock(job.paths, part=str(part)), place:
        tools = tools_for(job, choose=place.choose_device)
        job, plan = plan_for(job, tools, checkpoint=lambda: _stop_if_asked(stop))
        first = agree(job, tools, part, plan.places)
        if first.layout != layout_of(plan.places):
            report.warnings.append(CHANGED_SOURCE)
        paths = replace(job.paths, run=f"{part.number}.{uuid.uuid4().hex[:12]}")
        make(replace(job, paths=paths), tools, plan)
        report.note_part(part, plan, failures_of(paths, plan))
        note_end(paths, part, [slot for slot in part.share(plan.places) if paths.commit(slot).exists()])
        remove(paths.parts / paths.run)  # of a run that failed, the logs stay
    job.options.max_failures.check(failed=report.failed, seen=plan.clips, is_over=True)


def _make_shards(
    report: RunReport,
    job: Job,
    tools: Tools,
    plan: Plan,
    *,
    place: Workplace,
    begun: float,
    watcher: Watcher | None,
    stop: Callable[[], int | None],
) -> None:
    paths, options = job.paths, job.options
    report.device = tools.settings.device
    report.note_listing(job.listing)
    report.reasons = dict(plan.reasons)
    report.deleted = len(plan.deleted)
    report.reused = plan.clips_reused
    clips = plan.clips
    failures_before = plan.failures_standing
    if plan.tasks:
        make_folder(paths.shards)
        make_folder(paths.commits)

        def on_change(engine_report: EngineReport) -> None:
            failed = failures_before + int(engine_report.tally.get("clips_failed", 0))
            options.max_failures.check(failed=failed, seen=clips, examples=engine_report.examples)
            if watcher is not None:
                watcher.changed(engine_report)

        report.plan_seconds = time.perf_counter() - begun - place.opening_seconds
        allowance = _allowance(report, job, tools, wanted=place.lanes)
        worker_job = replace(_worker_job(job, tools), row_bytes=allowance.row_bytes, early_bytes=allowance.early_bytes)
        try:
            if watcher is not None:
                watcher.planned(plan)
            engine = place.engine(worker_job, paths, allowance)
            cpu_before = _children_cpu_seconds()
            with Loop(
                engine,
                paths,
                source=worker_job.source,
                on_change=on_change,
                stop=stop,
                meanwhile=lambda: load_libraries(tools.settings),
            ) as loop:
                _note_engine(report, loop.run(plan.tasks))
            report.engine_seconds = time.perf_counter() - begun - report.plan_seconds
            if options.engine == "local":
                report.cpu_seconds = _children_cpu_seconds() - cpu_before
        finally:
            if watcher is not None:
                watcher.ended()
        report.workers, report.cores = allowance.lanes, place.cores
        report.waiting_seconds += place.opening_seconds * allowance.lanes
    failed = failures_before + report.failed_now
    options.max_failures.check(failed=failed, seen=clips, examples=report.failure_examples, is_over=True)
    _stop_if_asked(stop)
    make_folder(paths.shards)


def _workplace(options: RunOptions, standby: Standby | None) -> Workplace:
    """Where a run is to compute. Raises ConfigError: the options do not go together."""
    if options.engine == "local":
        if options.address is not None or options.allow_mixed_devices:
            name = "--address" if options.address is not None else "--allow-mixed-devices"
            raise ConfigError(f"{name} says how a cluster is used, and the engine is local", hint="--engine ray")
        return ThisMachine(workers=options.workers, device=options.device, standby=standby)
    if options.memory_bytes is not None:
        raise ConfigError(
            "--memory bounds the processes of this machine, not those of a Ray cluster",
            hint="--workers bounds the tasks at a time; each takes about 1 GB",
        )
    from audiofeat.engine.ray_cluster import RayCluster

    return RayCluster(options.address, workers=options.workers, allow_mixed=options.allow_mixed_devices)


def _allowance(report: RunReport, job: Job, tools: Tools, *, wanted: int) -> Allowance:
    allowance = allot(
        job.options.memory_bytes,
        job.config,
        workers=wanted,
        device=tools.settings.device,
        own_bytes=peak_rss_bytes(),
        n_clips=len(job.listing.clips),
    )
    report.is_short_of_memory = allowance.lanes < wanted
    if report.is_short_of_memory:
        report.warnings.append(f"--memory leaves room for {counted(allowance.lanes, 'lane')} of {wanted}")
    return allowance


def _stop_if_asked(stop: Callable[[], int | None]) -> None:
    """Raises Interrupted where a signal has come."""
    number = stop()
    if number is not None:
        raise Interrupted(f"stopped by {signal.Signals(number).name}", signal_number=number)


def _worker_job(job: Job, tools: Tools) -> WorkerJob:
    values: dict[str, Any] = tools.settings.stored
    values["compute"] = {**values["compute"], "tape_slots": tools.settings.tape_slots}
    return WorkerJob(
        store=str(job.paths.root),
        run=job.paths.run,
        source=os.path.abspath(job.listing.root),
        config=values,
        stamp=tools.settings.stamp,
        device=tools.settings.device,
        ffmpeg=tools.ffmpeg,
        lanes=0,
        is_careful=False,
        hands="",
    )


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _note_engine(report: RunReport, engine: EngineReport) -> None:
    tally = engine.tally
    report.decoded = int(tally.get("clips_done", 0))
    report.audio_seconds = tally.get("audio_seconds", 0.0)
    report.decode_seconds = tally.get("decode_seconds", 0.0)
    report.compute_seconds = tally.get("compute_seconds", 0.0)
    report.write_seconds = tally.get("write_seconds", 0.0)
    report.copy_seconds = tally.get("copy_seconds", 0.0)
    report.ffmpeg_audio_seconds = tally.get("ffmpeg_audio_seconds", 0.0)
    report.device_seconds = tally.get("device_seconds", 0.0)
    report.device_busy_seconds = tally.get("device_busy_seconds", 0.0)
    report.cpu_seconds = tally.get("cpu_seconds", 0.0)
    report.start_up_seconds = engine.start_up_seconds
    report.waiting_seconds = max(engine.waiting_seconds, tally.get("start_up_seconds", 0.0))
    report.worker_deaths = engine.deaths
    report.peak_rss_bytes = engine.peak_rss_bytes
    report.failure_examples = list(engine.examples)
    report.warnings += sorted(engine.warnings)
    report.retries = int(tally.get("retries", 0))
    report.failed_now = int(tally.get("clips_failed", 0))
