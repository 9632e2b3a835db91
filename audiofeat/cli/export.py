"""``audiofeat export``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from audiofeat.cli.name_lists import names_in
from audiofeat.cli.screen import show
from audiofeat.cli.signals import heeded_signals
from audiofeat.config.wording import counted
from audiofeat.errors import Interrupted
from audiofeat.export import EXPORTS, SHARDED, export_store
from audiofeat.report import size_text


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(list(EXPORTS)), required=True, help="The format.")
@click.option("--features", metavar="NAME,...", help="Export these features only.  [default: all]")
@click.option("--where", metavar="CONDITION", help="Only clips that it holds for, as for `audiofeat manifest`.")
@click.option(
    "--shard-mb",
    type=click.IntRange(1, 1_000_000),
    metavar="MB",
    help=f"About how large the files of {' and '.join(SHARDED)} are.  [default: 128]",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings and errors only.")
def export(
    store: Path,
    target: Path,
    to: str,
    features: str | None,
    where: str | None,
    shard_mb: int | None,
    quiet: bool,
) -> None:
    """Write the clips of STORE to TARGET, in the format of another program.

    \b
    npy         folder: FEATURE/KEY.npy for each clip, and manifest.csv
    hdf5        file: /FEATURE/KEY for each clip
    hdf5-view   file: virtual datasets over the shards of an HDF5 store
    kaldi       folder: FEATURE.ark and FEATURE.scp
    tfrecord    folder: files of tf.train.Example
    parquet     file: a row a clip, a column a feature
    webdataset  folder: tar files of KEY.FEATURE.npy and KEY.json

    TARGET must not exist, or be empty; whatever goes wrong, nothing is left there. Each clip's digest is checked on
    the way. Exit code 12: a clip is damaged.

    \b
    audiofeat export features feats --to kaldi
    audiofeat export features clips.parquet --to parquet --features log_mel
    audiofeat export features shards --to webdataset --shard-mb 500 --where "duration > 1"
    """
    with _watch(quiet=quiet) as watch:
        report = export_store(
            store,
            target,
            to=to,
            features=names_in(features),
            where=where,
            shard_mb=shard_mb,
            watch=watch,
        )
    if not quiet:
        clips = counted(report.clips, "clip")
        files = counted(report.files, "file")
        show(f"{target}: {clips}, {files}, {size_text(report.size_bytes)}")


@contextmanager
def _watch(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """What is to happen before each clip: a bar on a terminal moves, and the export ends if a signal asks for it."""
    from tqdm import tqdm

    hidden = quiet or not sys.stderr.isatty()
    with (
        heeded_signals() as asked,
        tqdm(unit=" clips", dynamic_ncols=True, leave=False, disable=hidden) as bar,
    ):

        def watch(done: int, total: int) -> None:
            if asked:
                raise Interrupted(
                    "stopped; nothing was written", signal_number=asked[0], hint="the same command again begins anew"
                )
            bar.total = total
            bar.update(done - bar.n)

        yield watch
