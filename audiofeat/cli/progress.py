"""Progress of a run on standard error: a bar on a terminal, a plain line every half minute elsewhere.

It is shown from a thread of its own, the newest only: a terminal that is stopped, or a reader that is slow or gone,
does not hold up the work.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

import click
from tqdm import tqdm

from audiofeat.engine.loop import EngineReport
from audiofeat.pipeline import Watcher
from audiofeat.plan import Plan

_PLAIN_SECONDS = 30.0
_GOODBYE_SECONDS = 1.0


def progress_on_stderr(*, quiet: bool) -> Watcher | None:
    """What suits where standard error goes; None where nothing is to be shown."""
    if quiet:
        return None
    return Beside(_Bar() if sys.stderr.isatty() else _PlainLines())


class Beside:
    """A watcher that tells another one from a thread, and never waits for it long."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._news = threading.Condition()
        self._plan: Plan | None = None
        self._report: EngineReport | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._tell)

    def planned(self, plan: Plan) -> None:
        self._plan = plan
        self._thread.start()

    def changed(self, report: EngineReport) -> None:
        with self._news:
            self._report = report
            self._news.notify()

    def ended(self) -> None:
        with self._news:
            self._is_over = True
            self._news.notify()
        if self._plan is not None:
            self._thread.join(_GOODBYE_SECONDS)

    def _tell(self) -> None:
        with suppress(OSError):  # nobody reads any more
            if self._plan is not None:
                self._watcher.planned(self._plan)
            while (report := self._next()) is not None:
                self._watcher.changed(report)
            self._watcher.ended()

    def _next(self) -> EngineReport | None:
        """The newest report, once there is one that has not been told; None at the end."""
        with self._news:
            self._news.wait_for(lambda: self._report is not None or self._is_over)
            report, self._report = self._report, None
            return report


class _Progress:
    """Clips to do, clips done, and the words beside them."""

    def __init__(self) -> None:
        self.total = 0
        self.begun = time.monotonic()

    def planned(self, plan: Plan) -> None:
        self.total = plan.clips_to_decode
        self.begun = time.monotonic()

    def done(self, report: EngineReport) -> int:
        return int(report.tally.get("clips_done", 0) + report.tally.get("clips_failed", 0))

    def words(self, report: EngineReport) -> str:
        seconds = report.tally.get("audio_seconds", 0.0)
        speed = seconds / max(1e-9, time.monotonic() - self.begun)
        failed = int(report.tally.get("clips_failed", 0))
        return f"{seconds / 3600:.2f} h, {speed:,.0f} x real time, {failed:,} failed"


class _Bar(_Progress):
    """tqdm, which knows terminals."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[NoReturn] | None = None

    def planned(self, plan: Plan) -> None:
        super().planned(plan)
        self._bar = tqdm(total=self.total, unit=" clips", dynamic_ncols=True, smoothing=0.1, leave=False)

    def changed(self, report: EngineReport) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self.words(report), refresh=False)
            self._bar.update(self.done(report) - self._bar.n)

    def ended(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _PlainLines(_Progress):
    """One line now and then, for logs."""

    def __init__(self) -> None:
        super().__init__()
        self._next = _PLAIN_SECONDS

    def changed(self, report: EngineReport) -> None:
        elapsed = time.monotonic() - self.begun
        if elapsed < self._next:
            return
        self._next = elapsed + _PLAIN_SECONDS
        done = self.done(report)
        left = f", {elapsed / done * (self.total - done):,.0f} s left" if done else ""
        click.echo(f"audiofeat: {done:,} of {self.total:,} clips, {self.words(report)}{left}", err=True)

    def ended(self) -> None:
        """Nothing to clear away."""
