"""``audiofeat extract``."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

import click

from audiofeat.config import load_config, preset_names
from audiofeat.errors import ConfigError, Interrupted
from audiofeat.expected_digest import check_digest, parse_digest
from audiofeat.max_failures import NO_LIMIT, MaxFailures


@click.command()
@click.argument("source", required=False, type=click.Path())
@click.argument("store", required=False, type=click.Path())
@click.option(
    "-c",
    "--config",
    "config_name",
    metavar="FILE_OR_PRESET",
    help="A YAML file, or a preset's name (see `audiofeat presets`).",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting, such as mel.bands=40; may be given again (see `audiofeat knobs`).",
)
@click.option(
    "--files-from",
    type=click.File("rb"),
    metavar="FILE",
    help="Take the files named in FILE (- is standard input), one a line or NUL-separated. SOURCE is then the folder "
    "that their keys are relative to; with one argument that is STORE, and SOURCE the working directory.",
)
@click.option(
    "--format",
    "store_format",
    type=click.Choice(["hdf5", "npy"]),
    help="Kind of store.  [default: as configured, else hdf5]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Clips worked on at a time.  [default: the number of processor cores]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where features are computed; auto keeps an existing store's kind.",
)
@click.option(
    "--max-failures",
    metavar="N|P%",
    help="Stop with exit code 4 when more clips than this cannot be done.  [default: never]",
)
@click.option("--expect-digest", metavar="HEX", help="End with exit code 12 unless the store's content digest is this.")
@click.option(
    "--metrics",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Write the run's figures as JSON.",
)
@click.option("--no-follow", is_flag=True, help="Leave symbolic links out instead of following them.")
@click.option(
    "--no-recompute", is_flag=True, help="Refuse (exit code 2) to compute clips again because settings changed."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings and errors only.")
def extract(
    source: str | None,
    store: str | None,
    config_name: str | None,
    overrides: tuple[str, ...],
    files_from: IO[bytes] | None,
    store_format: str | None,
    workers: int | None,
    device: str,
    max_failures: str | None,
    expect_digest: str | None,
    metrics: Path | None,
    no_follow: bool,
    no_recompute: bool,
    quiet: bool,
) -> None:
    """Turn SOURCE into the feature store STORE.

    SOURCE is a folder of audio, a manifest (.csv, .tsv, .jsonl, Kaldi's wav.scp) or a container (.parquet, .tar). Run
    it again after a fault, or when files were added or changed: only what is missing is done. SOURCE and STORE may
    stand in the configuration instead.

    \b
    audiofeat extract recordings features --config librosa-logmel
    audiofeat extract recordings features --config kaldi-mfcc13 --set mfcc.n=20 --format npy
    audiofeat extract train.csv features --config kaldi-fbank80 --set audio.channels=first
    find . -name '*.flac' -print0 | audiofeat extract --files-from - features --config whisper-80
    audiofeat extract --config job.yaml --expect-digest 5e6f...
    """
    if config_name is None:
        raise ConfigError(
            "extract needs --config: a YAML file or the name of a preset",
            hint=f"--config with one of {', '.join(preset_names())}",
        )
    if files_from is not None and store is None:
        source, store = None, source
    config = load_config(
        config_name,
        overrides=overrides,
        source=source,
        store_path=store,
        store_format=store_format,
    )
    if metrics is not None and not metrics.absolute().parent.is_dir():
        raise ConfigError(f"--metrics {str(metrics)!r}: there is no folder {metrics.parent}", hint="make it first")
    expected = parse_digest(expect_digest) if expect_digest is not None else None
    from audiofeat.cli.progress import progress_on_stderr
    from audiofeat.job import RunOptions
    from audiofeat.pipeline import run

    options = RunOptions(
        workers=workers,
        device=device,
        max_failures=MaxFailures.parse(max_failures) if max_failures is not None else NO_LIMIT,
        follow_links=not no_follow,
        files=files_from.read() if files_from is not None else None,
        recompute=not no_recompute,
    )
    with _signals() as asked:
        report = run(config, options, watcher=progress_on_stderr(quiet=quiet), stop=lambda: asked[0] if asked else None)
    if metrics is not None:
        from audiofeat.store.staging import write_file

        write_file(metrics.absolute(), (json.dumps(report.metrics(), indent=2) + "\n").encode())
    if quiet:
        for warning in report.warnings:
            click.echo(f"audiofeat: warning: {warning}", err=True)
    else:
        click.echo(report.summary())
    if expected is not None:
        check_digest(report.digest, expected=expected)
    sys.exit(report.exit_code)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
