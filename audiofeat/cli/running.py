"""A run as all commands that extract features show it: progress, signals, summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from audiofeat.cli.signals import heeded_signals

if TYPE_CHECKING:
    from audiofeat.config import Config
    from audiofeat.job import RunOptions
    from audiofeat.report import RunReport


def run_job(config: Config, options: RunOptions, *, quiet: bool) -> RunReport:
    """Run with progress on standard error; a first signal ends the run in order. Raises AudioFeatError."""
    from audiofeat.cli.progress import progress_on_stderr
    from audiofeat.pipeline import run

    with heeded_signals() as asked:
        return run(config, options, watcher=progress_on_stderr(quiet=quiet), stop=lambda: asked[0] if asked else None)


def tell(report: RunReport, *, quiet: bool) -> None:
    """Print the summary, or the warnings alone."""
    if quiet:
        for warning in report.warnings:
            click.echo(f"audiofeat: warning: {warning}", err=True)
    else:
        click.echo(report.summary())
