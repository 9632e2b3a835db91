"""``audiofeat repair``."""

from __future__ import annotations

import sys

import click

from audiofeat.cli.running import again_options, run_job, tell


@click.command()
@again_options
def repair(store: str, source: str | None, workers: int | None, quiet: bool) -> None:
    """Find what of STORE is damaged, as `audiofeat verify` does, and make it again from the source.

    Clips whose values are damaged are decoded again, and no others; what is damaged around them is written anew from
    what is well. The configuration and the source are those that the store remembers. No clip leaves the store: where
    some are missing from the source, nothing is done (exit code 2). Exit codes are those of extract.

    \b
    audiofeat repair features
    audiofeat repair features --source /mnt/recordings
    """
    from audiofeat.job import RunOptions
    from audiofeat.remembered import remembered_job
    from audiofeat.verify import verify_store

    found = verify_store(store, workers=workers)
    if not found.problems:
        if not quiet:
            click.echo(f"{store}: nothing is damaged")
        return
    if not quiet:
        clips, shards = len(found.damaged_clips), len(found.damaged_shards)
        click.echo(f"{store}: {clips:,} damaged clips, {shards:,} damaged shards", err=True)
    options = RunOptions(workers=workers, damaged_clips=found.damaged_clips, damaged_shards=found.damaged_shards)
    config, options = remembered_job(store, options, source=source)
    report = run_job(config, options, quiet=quiet)
    tell(report, quiet=quiet)
    sys.exit(report.exit_code)
