"""``audiofeat repair``."""

from __future__ import annotations

import sys

import click

from audiofeat.cli.running import again_options, run_job, tell
from audiofeat.cli.screen import show

_MOST_PROBLEMS = 20


@click.command()
@again_options
def repair(store: str, source: str | None, workers: int | None, quiet: bool) -> None:
    """Find what of STORE is damaged, as `audiofeat verify` does, and make it again from the source.

    Clips whose values are damaged are decoded again, and nothing else: what is damaged around them is written anew
    from what is well, and what is new or has changed in the source waits for `audiofeat extract`. Where a clip cannot
    be made again as it was, because its file is gone or is another, nothing is done (exit code 2). The configuration
    and the source are those that the store remembers. The other exit codes are those of extract.

    \b
    audiofeat repair features
    audiofeat repair features --source /mnt/recordings
    """
    from audiofeat.remembered import remembered_job
    from audiofeat.run_options import RunOptions
    from audiofeat.verify import verify_store

    found = verify_store(store, workers=workers)
    if not found.problems:
        if not quiet:
            show(f"{store}: nothing is damaged")
        return
    if not quiet:
        for problem in found.problems[:_MOST_PROBLEMS]:
            show(f"damaged   {problem.place}: {problem.message}", err=True)
        if len(found.problems) > _MOST_PROBLEMS:
            click.echo(f"          and {len(found.problems) - _MOST_PROBLEMS:,} more; see audiofeat verify", err=True)
    options = RunOptions(
        workers=workers,
        repair=True,
        damaged_clips=found.damaged_clips,
        damaged_shards=found.damaged_shards,
    )
    config, options = remembered_job(store, options, source=source)
    report = run_job(config, options, quiet=quiet)
    tell(report, quiet=quiet)
    sys.exit(report.exit_code)
