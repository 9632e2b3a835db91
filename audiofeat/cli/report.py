"""``audiofeat report``."""

from __future__ import annotations

from pathlib import Path

import click

from audiofeat.cli.screen import show


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE.html",
    help="The page. A file of that name is replaced.",
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="What `extract --metrics` wrote when it made STORE: the page then says what the run took.",
)
def report(store: Path, out: Path, metrics: Path | None) -> None:
    """Write a page about STORE: totals, distributions, bands, clips that stand out, failures, duplicates.

    The page is one file that needs no network. Equal stores give equal bytes. Players lead to the source's files, from
    where the page lies; the page itself holds no audio.

    \b
    audiofeat report features -o report.html
    audiofeat extract recordings features --config librosa-logmel --report report.html
    """
    from audiofeat.config.wording import counted
    from audiofeat.page.run import write_page
    from audiofeat.report import size_text

    page = write_page(store, out, metrics_file=metrics)
    failed = f", {page.n_failed:,} failed" if page.n_failed else ""
    show(f"{out}: {counted(page.n_clips, 'clip')}{failed}, {size_text(page.size_bytes)}")
