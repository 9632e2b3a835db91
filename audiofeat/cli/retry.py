"""``audiofeat retry``."""

from __future__ import annotations

import sys

import click

from audiofeat.cli.running import again_options, run_job, tell


@click.command()
@again_options
def retry(store: str, source: str | None, workers: int | None, quiet: bool) -> None:
    """Try once more what is in STORE's quarantine: after files were mended, or a decoder was installed.

    It is `audiofeat extract` with the configuration and the source that the store remembers, so that whatever else has
    changed there is brought up to date too; only that no clip leaves the store: where some are missing from the source,
    nothing is done (exit code 2). Exit codes are those of extract.

    \b
    audiofeat retry features
    audiofeat retry features --source /mnt/recordings
    """
    from audiofeat.remembered import remembered_job
    from audiofeat.run_options import RunOptions

    config, options = remembered_job(store, RunOptions(workers=workers, retry=True), source=source)
    report = run_job(config, options, quiet=quiet)
    tell(report, quiet=quiet)
    sys.exit(report.exit_code)
