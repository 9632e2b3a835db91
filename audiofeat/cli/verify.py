"""``audiofeat verify``."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from audiofeat.cli.screen import show
from audiofeat.config.wording import counted
from audiofeat.report import size_text

if TYPE_CHECKING:
    from audiofeat.verify import Problem, VerifyReport

_MOST_OF_A_KIND = 20


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="SOURCE",
    help="Compare the files that the clips came from, too, with what the store was made of.",
)
@click.option(
    "--sample",
    metavar="N|P%",
    help="Compute so many clips again, or such a share of them, and compare bits; always the same ones.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Shards read at a time.  [default: the number of processor cores]",
)
@click.option("--json", "as_json", is_flag=True, help="Print all that was found as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and no word where nothing is damaged.")
def verify(
    store: Path, source: Path | None, sample: str | None, workers: int | None, as_json: bool, quiet: bool
) -> None:
    """Check every byte of STORE against its digests, and what its files say of each other.

    Nothing is written. Exit code 12 if anything is damaged; a source that has changed is told, and is no damage. Of
    each kind of problem the first twenty are named, with --json all.

    \b
    audiofeat verify features
    audiofeat verify features --source recordings --sample 1%
    """
    from audiofeat.verify import verify_store

    with _progress(quiet=quiet) as on_progress:
        report = verify_store(store, source=source, sample=sample, workers=workers, on_progress=on_progress)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
    elif report.problems or not quiet:
        for line in _lines(report, source=source):
            show(line)
    sys.exit(report.exit_code)


def _lines(report: VerifyReport, *, source: Path | None) -> Iterator[str]:
    what = f"{counted(report.clips, 'clip')} in {counted(report.shards, 'shard')}, {size_text(report.size_bytes)}"
    if not report.problems:
        yield f"{report.store}: whole; {what}"
    else:
        hit = f"{counted(len(report.damaged_clips), 'clip')} and {counted(len(report.damaged_shards), 'shard')} hit"
        yield f"{report.store}: damaged, {counted(len(report.problems), 'problem')}, {hit}; {what}"
    yield from _told("", report.problems)
    if report.sources_checked is not None:
        n_changed = len(report.source_problems)
        state = f"{counted(n_changed, 'difference')}, which is no damage" if n_changed else "unchanged"
        yield f"  source    {counted(report.sources_checked, 'clip')}: {state}"
    yield from _told("", report.source_problems)
    if report.sampled is not None:
        yield f"  sample    {_sampled(report.sampled, report.sample_size or 0)}"
    yield from _told("note      ", report.notes)
    if report.problems and report.is_as_written:
        yield "  try: report it; these are the bytes that were written, so audiofeat itself was wrong"
    elif report.problems:
        where = ["--source", str(source)] if source is not None else []
        yield f"  try: {shlex.join(['audiofeat', 'repair', report.store, *where])}"


def _sampled(compared: int, taken: int) -> str:
    if compared == taken:
        return f"{counted(compared, 'clip')} computed again"
    lost = f"{taken - compared:,} not in the source, changed or unreadable"
    return f"{compared:,} of {counted(taken, 'clip')} computed again ({lost})"


def _told(word: str, problems: tuple[Problem, ...]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for problem in problems:
        counts[problem.kind] += 1
        if counts[problem.kind] <= _MOST_OF_A_KIND:
            place = f"{problem.place}: " if problem.place else ""
            yield f"  {word}{place}{problem.message} [{problem.kind}]"
    for kind, count in counts.items():
        if count > _MOST_OF_A_KIND:
            yield f"  {word}and {count - _MOST_OF_A_KIND:,} more, which --json names [{kind}]"


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere: what reads at the speed of the disk needs no lines in a log."""
    if quiet or not sys.stderr.isatty():
        yield lambda done_bytes, total_bytes: None
        return
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, dynamic_ncols=True, leave=False) as bar:

        def on_progress(done_bytes: int, total_bytes: int) -> None:
            bar.total = total_bytes
            bar.update(done_bytes - bar.n)

        yield on_progress
