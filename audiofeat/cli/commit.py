"""``audiofeat commit``."""

from __future__ import annotations

import sys

import click

from audiofeat.cli.running import tell
from audiofeat.cli.screen import show
from audiofeat.expected_digest import check_digest, parse_digest
from audiofeat.part import WAIT_SECONDS


@click.command()
@click.argument("store", type=click.Path())
@click.option("--source", type=click.Path(), metavar="SOURCE", help="Where the source is now.  [default: where it was]")
@click.option(
    "--wait",
    type=click.FloatRange(0, 86_400),
    default=WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to look for shards that their parts call finished: over a network they may be seen late.",
)
@click.option("--expect-digest", metavar="HEX", help="End with exit code 12 unless the store's content digest is this.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings and errors only.")
def commit(store: str, source: str | None, wait: float, expect_digest: str | None, quiet: bool) -> None:
    """Publish what the parts of a run have made (extract --part).

    Where shards are missing, nothing is published (exit code 20), and it is said which, and which parts make them.
    The source is listed once more: what has changed in it since its part ran is missing too. Nothing is decoded, and
    no TensorFlow is needed. Where all is published already, nothing happens. Other exit codes are those of extract.

    \b
    audiofeat commit features
    audiofeat commit features --expect-digest 5e6f...
    """
    expected = parse_digest(expect_digest) if expect_digest is not None else None
    from audiofeat.commit_parts import commit_parts

    report = commit_parts(
        store,
        source=source,
        wait_seconds=wait,
        on_wait=lambda text: None if quiet else show(f"audiofeat: waiting {text}", err=True),
    )
    tell(report, quiet=quiet)
    if expected is not None:
        check_digest(report.digest, expected=expected)
    sys.exit(report.exit_code)
