"""The end of a run in parts: what all of them have finished becomes the store, or it is said what is missing.

The source is listed and compared once more, as every run does, so that what is published is what one run would have
made of it now; nothing is computed. Over a network a shard may be seen late on another machine: one that its part
calls finished is waited for.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Collection
from pathlib import Path

from audiofeat.config.wording import counted
from audiofeat.errors import NoStoreError, UnfinishedError
from audiofeat.finish import finish_store, is_half_done
from audiofeat.frontend.recipe import feature_specs
from audiofeat.job import open_job, plan_for
from audiofeat.known import shard_is_there
from audiofeat.part import WAIT_SECONDS, missing_text, parts_of
from audiofeat.part_notes import CHANGED_SOURCE, Agreement, agreement_in_sight, finished_slots, layout_of
from audiofeat.peak_memory import peak_rss_bytes
from audiofeat.plan import Plan
from audiofeat.reading.info import StoreInfo
from audiofeat.remembered import remember_source
from audiofeat.report import RunReport
from audiofeat.run_options import RunOptions
from audiofeat.store.commits import read_commit
from audiofeat.store.layout import StorePaths
from audiofeat.store.lock import store_lock
from audiofeat.store.publish import roll_forward

_LOOK_SECONDS = 0.5


def commit_parts(
    store: str,
    *,
    source: str | None = None,
    wait_seconds: float = WAIT_SECONDS,
    on_wait: Callable[[str], None] = lambda text: None,
) -> RunReport:
    """Publish what the parts of a run have finished in the folder ``store``.

    Args:
        source: where the source is now; None: where it was.
        wait_seconds: how long to look for shards that their parts call finished.
        on_wait: told what is waited for.
    Raises:
        NoStoreError: there are neither parts nor a finished store.
        UnfinishedError: shards are missing; nothing was published.
        LockedError: some part still runs, or another run does.
        AudioFeatError: whatever else a run would end with before its first clip, or at its end.
    """
    begun = time.perf_counter()
    paths = StorePaths(Path(os.path.abspath(store)))
    report = RunReport(store=store)
    if paths.parts.exists():
        with store_lock(paths):
            roll_forward(paths)
            agreement = agreement_in_sight(paths)
            _publish(report, paths, agreement, source=source, wait_seconds=wait_seconds, on_wait=on_wait)
            report.note_store(StoreInfo(paths.root))
    else:
        _refuse_what_no_part_has_left(paths, store)
        report.note_store(StoreInfo(paths.root))
        report.reused = report.clips
    report.wall_seconds = time.perf_counter() - begun
    report.peak_rss_bytes = peak_rss_bytes()
    return report


def _refuse_what_no_part_has_left(paths: StorePaths, store: str) -> None:
    """Without parts all is well only where all is published."""
    if is_half_done(paths):
        raise UnfinishedError(
            f"nothing was published: a run was interrupted in {store}, and no part of a run says what it was to make",
            hint="`audiofeat extract` finishes it, with the arguments that it had",
        )
    if not paths.store_json.exists():
        raise NoStoreError(
            f"{store} has no part of a run to commit, nor is it a finished store",
            hint="audiofeat extract SOURCE STORE --config ... --part 1/3, and so on to 3/3, makes what is committed",
        )


def _publish(
    report: RunReport,
    paths: StorePaths,
    agreement: Agreement,
    *,
    source: str | None,
    wait_seconds: float,
    on_wait: Callable[[str], None],
) -> None:
    config, options = agreement.job(paths, RunOptions(of_parts=True), source=source)
    tools = agreement.tools(config)
    job = open_job(config, options)
    planned, plan = plan_for(job, tools)
    late = _late(paths, plan, agreement)
    if late and wait_seconds > 0:
        on_wait(f"up to {wait_seconds:g} s for what is finished and not seen here yet: {counted(len(late), 'shard')}")
        _wait(paths, late, deadline=time.monotonic() + wait_seconds)
        planned, plan = plan_for(job, tools)
    if plan.tasks:
        raise _unfinished(paths, plan, agreement)
    report.note_listing(planned.listing)
    report.warnings += job.warnings
    report.reused, report.deleted = plan.clips_reused, len(plan.deleted)
    report.device, report.store_format = tools.settings.device, config.store.format
    report.shards, report.parts = len(plan.places), agreement.count
    features = feature_specs(config)
    finish_store(paths, tools.settings, plan, listing=planned.listing, features=features, decoders=tools.decoders)
    remember_source(job, tools.settings)


def _late(paths: StorePaths, plan: Plan, agreement: Agreement) -> set[str]:
    """The shards that a part has finished and that are not there."""
    finished = finished_slots(paths, agreement.count)
    return {task.slot for task in plan.tasks if task.slot in finished and not _is_there(paths, task.slot)}


def _is_there(paths: StorePaths, slot: str) -> bool:
    commit = read_commit(paths.commit(slot))
    if commit is None:
        return False
    return commit.shard is None or shard_is_there(paths, commit.shard, store_format=commit.store_format)


def _wait(paths: StorePaths, slots: Collection[str], *, deadline: float) -> None:
    while not all(_is_there(paths, slot) for slot in slots) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def _unfinished(paths: StorePaths, plan: Plan, agreement: Agreement) -> UnfinishedError:
    wanted = {task.slot for task in plan.tasks}
    missing = [place for place, slot in enumerate(plan.places) if slot in wanted]
    text = missing_text(missing, n_shards=len(plan.places), count=agreement.count)
    why = "; ".join(f"{counted(count, 'clip')} {reason}" for reason, count in plan.reasons.most_common())
    changed = f"\n  {CHANGED_SOURCE}" if agreement.layout != layout_of(plan.places) else ""
    first, *others = parts_of(missing, count=agreement.count)
    places = shlex.join([agreement.source, str(paths.root)])
    likewise = f", likewise {', '.join(f'--part {part}' for part in others[:3])}" if others else ""
    return UnfinishedError(
        f"nothing was published: {paths.root} lacks {text}{f' ({why})' if why else ''}{changed}",
        hint=f"audiofeat extract {places} --config ... --part {first}{likewise}{', ...' if len(others) > 3 else ''}; "
        f"then audiofeat commit {shlex.quote(str(paths.root))}",
    )
