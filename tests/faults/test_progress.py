"""Whoever watches a run may be slow, stopped or gone: the run does not wait for him (fault 52)."""

from __future__ import annotations

import threading
import time

import pytest

from audiofeat.cli.progress import Beside
from audiofeat.engine.loop import EngineReport
from audiofeat.plan import Plan

PLAN = Plan((), (), {}, decoded=(), deleted=())


class Reader:
    """Reads when it may, and notes what; ``fails``: it is gone."""

    def __init__(self, *, fails: bool = False) -> None:
        self.may_read = threading.Event()
        self.seen: list[float] = []
        self.has_ended = False
        self._fails = fails

    def planned(self, plan: Plan) -> None:
        """A bar is drawn."""

    def changed(self, report: EngineReport) -> None:
        self.may_read.wait(5)
        self.seen.append(report.tally["clips_done"])
        if self._fails:
            raise BrokenPipeError

    def ended(self) -> None:
        self.has_ended = True


def report(clips: int) -> EngineReport:
    return EngineReport({"clips_done": clips})


def test_fault_52_a_reader_that_has_stopped_does_not_stop_the_run_and_sees_the_newest_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("audiofeat.cli.progress._GOODBYE_SECONDS", 0.05)
    reader = Reader()
    watcher = Beside(reader)
    watcher.planned(PLAN)
    begun = time.monotonic()
    for clips in range(10_000):
        watcher.changed(report(clips))
    watcher.ended()
    assert time.monotonic() - begun < 4
    reader.may_read.set()
    watcher._thread.join(5)
    assert len(reader.seen) <= 2
    assert reader.seen[-1] == 9_999
    assert reader.has_ended


def test_fault_7_52_a_reader_that_is_gone_does_not_end_the_run() -> None:
    reader = Reader(fails=True)
    reader.may_read.set()
    watcher = Beside(reader)
    watcher.planned(PLAN)
    watcher.changed(report(1))
    watcher._thread.join(5)
    watcher.changed(report(2))
    watcher.ended()
    assert reader.seen == [1]


def test_a_run_that_ends_before_it_has_a_plan_waits_for_nobody() -> None:
    Beside(Reader()).ended()
