"""A run as all commands that extract features show it: progress, signals, summary."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from audiofeat.errors import Interrupted

if TYPE_CHECKING:
    from audiofeat.config import Config
    from audiofeat.job import RunOptions
    from audiofeat.report import RunReport

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_job(config: Config, options: RunOptions, *, quiet: bool) -> RunReport:
    """Run with progress on standard error; a first signal ends the run in order. Raises AudioFeatError."""
    from audiofeat.cli.progress import progress_on_stderr
    from audiofeat.pipeline import run

    with _signals() as asked:
        return run(config, options, watcher=progress_on_stderr(quiet=quiet), stop=lambda: asked[0] if asked else None)


def tell(report: RunReport, *, quiet: bool) -> None:
    """Print the summary, or the warnings alone."""
    if quiet:
        for warning in report.warnings:
            click.echo(f"audiofeat: warning: {warning}", err=True)
    else:
        click.echo(report.summary())


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the first SIGINT, SIGTERM or SIGHUP, so that the run ends in order; the second ends it at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise Interrupted("stopped at once", signal_number=number)
        asked.append(number)

    # One that is ignored stays so: nohup, and jobs in the background.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
