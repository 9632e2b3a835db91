"""Worker processes that die, freeze or cannot be had: what the engine makes of it.

The workers are stand-ins that speak the protocol and take a thirtieth of a second to start; what befalls one is in the
name of the shard that it is given. Faults are numbered by their line in the list of 52.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from running import HOOKS

from audiofeat.engine import child, loop, process
from audiofeat.engine.local import LocalEngine
from audiofeat.engine.loop import EngineReport, Loop
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.process import WorkerProcess
from audiofeat.errors import AudioFeatError, Interrupted, MissingToolError, StorageError
from audiofeat.store.layout import StorePaths
from audiofeat.tasks import ClipTask, ShardTask, Stamp

Run = Callable[..., EngineReport]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run shards of one clip each with stand-ins; the stop signal comes when there is a file of that name."""
    monkeypatch.setattr(child, "_WORKER", (HOOKS / "stand_in.py").read_text() + "\nmain()\n")
    paths = StorePaths(tmp_path / "store")
    job = WorkerJob(
        store=str(paths.root), source=str(tmp_path), config={}, stamp=Stamp("", {}, ""), device="cpu", ffmpeg=None,
        lanes=0, is_careful=False, hands="",
    )  # fmt: skip

    def run_them(*slots: str, workers: int, stop: Callable[[], int | None] = lambda: None) -> EngineReport:
        for slot in slots:
            (tmp_path / f"{slot}.wav").write_bytes(slot.encode())
        tasks = [ShardTask(slot, (ClipTask(slot, f"{slot}.wav"),)) for slot in slots]
        engine = LocalEngine(job, paths, workers=workers)
        with Loop(engine, paths, source=job.source, on_change=lambda report: None, stop=stop) as running:
            return running.run(tasks)

    return run_them


def reason_of(folder: Path, slot: str) -> str:
    (clip,) = json.loads(StorePaths(folder / "store").task(slot).read_text())["values"]["clips"]
    return str(clip["reuse"]["failures"][0]["reason"]) if clip["reuse"] else ""


def good(count: int) -> list[str]:
    return [f"{number:04}" for number in range(count)]


def test_fault_2_a_shard_that_kills_one_worker_is_done_by_another(run: Run, tmp_path: Path) -> None:
    report = run(*good(8), "a-crash-1", workers=2)
    assert (report.deaths, report.tally["clips_done"]) == (1, 9)
    assert reason_of(tmp_path, "a-crash-1") == ""


@pytest.mark.parametrize("before", [0, 3])
def test_what_a_dead_worker_had_done_of_an_unfinished_shard_is_not_counted_twice(run: Run, before: int) -> None:
    """It died five clips into a shard, as the first one that it had or after others; another did all of it."""
    report = run(*good(before), "a-crash-1", workers=1)
    assert report.deaths == 1
    assert report.tally["clips_done"] == report.tally["audio_seconds"] == before + 1
    assert report.tally["ffmpeg_audio_seconds"] == 0.0


def test_fault_2_the_second_death_condemns_the_clip_and_no_other(run: Run, tmp_path: Path) -> None:
    report = run(*good(8), "a-crash-2", workers=2)
    assert (report.deaths, report.tally["clips_failed"]) == (2, 1)
    assert reason_of(tmp_path, "a-crash-2") == "decoder.crashed"
    assert not any(reason_of(tmp_path, slot) for slot in good(8))


def test_a_process_for_suspects_has_the_memory_of_those_with_nothing_left_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow once more beside them would be more than ``--memory`` allows, or than there is."""
    before = len(psutil.Process().children())
    others: list[int] = []
    start = process.start_child

    def counted(*arguments: Any, **options: Any) -> Any:
        others.append(len(psutil.Process().children()) - before)
        return start(*arguments, **options)

    monkeypatch.setattr(process, "start_child", counted)
    report = run("a-crash-2", *good(6), workers=1)
    assert (report.deaths, others) == (2, [0, 0, 0, 0])


def test_fault_2_many_clips_that_kill_do_not_end_the_run(run: Run, tmp_path: Path) -> None:
    """All workers meet one at once, again and again, before any shard is finished."""
    fatal = [f"a{number}-crash-2" for number in range(12)]
    report = run(*fatal, *good(4), workers=4)
    assert (report.deaths, report.tally["clips_failed"]) == (24, 12)
    assert {reason_of(tmp_path, slot) for slot in fatal} == {"decoder.crashed"}


def test_fault_2_workers_that_die_of_no_clip_end_the_run(run: Run) -> None:
    with pytest.raises(AudioFeatError, match="times in a row, the last by signal SIGKILL"):
        run("a-start-99", "b-start-99", workers=2)


def test_fault_19_a_worker_killed_for_want_of_memory_halves_the_lanes_once(run: Run, tmp_path: Path) -> None:
    report = run(*good(40), "a-kill-1", "b-kill-2", workers=4)
    assert report.deaths == 3
    assert len(report.warnings) == 1
    warning = report.warnings.pop()
    assert "out of memory?" in warning
    assert "with 2 lanes" in warning
    assert reason_of(tmp_path, "b-kill-2") == "decoder.killed"  # from outside: the next run tries again
    assert not reason_of(tmp_path, "a-kill-1")


@pytest.mark.parametrize("times", [1, 2])
def test_fault_8_a_frozen_worker_is_ended_and_its_work_done(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(process, "_SILENCE_SECONDS", 0.8)
    report = run(*good(4), f"a-frozen-{times}", workers=2)
    assert report.deaths == times
    assert report.warnings == set()
    assert reason_of(tmp_path, f"a-frozen-{times}") == ("decoder.killed" if times == 2 else "")


def test_fault_29_fewer_processes_than_wanted_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([True, False])
    monkeypatch.setattr(subprocess, "Popen", _scarce(subprocess.Popen, given))
    report = run(*good(20), workers=2)
    assert report.tally["clips_done"] == 20
    assert report.warnings == {"no process for a worker: Resource temporarily unavailable: the run went on with 1 lane"}


def test_fault_29_no_process_at_all_is_one_clear_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", _scarce(subprocess.Popen, iter([])))
    with pytest.raises(MissingToolError, match="no process for a worker") as caught:
        run(*good(20), workers=2)
    assert "ulimit -u" in caught.value.hint


def _scarce(popen: Any, given: Any) -> Any:
    """``Popen``, as far as ``given`` says so."""

    def start(*arguments: Any, **options: Any) -> Any:
        if next(given, False):
            return popen(*arguments, **options)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    return start


def test_fault_27_thirty_deaths_leave_no_zombie_and_no_descriptor(run: Run) -> None:
    this = psutil.Process()
    children, descriptors = this.children(recursive=True), this.num_fds()
    slots = [f"a{number}-crash-1" for number in range(30)]
    report = run(*slots, *good(30), workers=2)
    assert (report.deaths, report.tally["clips_done"]) == (30, 60)
    assert (this.children(recursive=True), this.num_fds()) == (children, descriptors)


def test_fault_4_18_a_worker_that_hangs_does_not_hold_up_the_end(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "DRAIN_SECONDS", 0.5)
    before = psutil.Process().children()
    with pytest.raises(Interrupted, match="SIGTERM"):
        run("a-hang-1", workers=1, stop=lambda: 15 if (tmp_path / "a-hang-1").exists() else None)
    assert psutil.Process().children() == before


def test_fault_10_a_worker_whose_clips_cannot_be_noted_is_the_disks_fault(tmp_path: Path) -> None:
    (tmp_path / "worker.hands").mkdir()
    job = WorkerJob(
        store="", source="", config={}, stamp=Stamp("", {}, ""), device="cpu", ffmpeg=None, lanes=0, is_careful=False,
        hands="",
    )  # fmt: skip
    with pytest.raises(StorageError, match="worker"):
        WorkerProcess(job, lanes=1, log=tmp_path / "worker.log", is_careful=False)
