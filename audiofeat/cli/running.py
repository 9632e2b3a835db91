"""A run as all commands that extract features show it: progress, signals, summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from audiofeat.cli.output import drop_output
from audiofeat.cli.screen import show
from audiofeat.cli.signals import heeded_signals

if TYPE_CHECKING:
    from audiofeat.config import Config
    from audiofeat.engine.standby import Standby
    from audiofeat.report import RunReport
    from audiofeat.run_options import RunOptions


_Command = TypeVar("_Command", bound=Callable[..., Any])


def again_options(command: _Command) -> _Command:
    """The argument and the options of commands that work on a store as it remembers itself."""
    options = (
        click.argument("store", type=click.Path()),
        click.option(
            "--source", type=click.Path(), metavar="SOURCE", help="Where the source is now.  [default: where it was]"
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            help="Clips worked on at a time.  [default: the number of processor cores]",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings and errors only."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def run_job(config: Config, options: RunOptions, *, quiet: bool, standby: Standby | None = None) -> RunReport:
    """Run with progress on standard error; a first signal ends the run in order. Raises AudioFeatError."""
    from audiofeat.cli.progress import progress_on_stderr
    from audiofeat.pipeline import run

    with heeded_signals() as asked:
        return run(
            config,
            options,
            watcher=progress_on_stderr(quiet=quiet),
            stop=lambda: asked[0] if asked else None,
            standby=standby,
        )


def tell(report: RunReport, *, quiet: bool) -> None:
    """Print the summary, or the warnings alone."""
    if quiet:
        for warning in report.warnings:
            show(f"audiofeat: warning: {warning}", err=True)
    else:
        try:
            show(report.summary())
        except BrokenPipeError:  # nobody reads it: what was done, and the exit code, do not depend on that
            drop_output()
