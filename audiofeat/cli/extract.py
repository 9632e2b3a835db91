"""``audiofeat extract``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from audiofeat.cli.job_options import job_of, job_options
from audiofeat.cli.running import run_job, tell
from audiofeat.engine.standby import Standby
from audiofeat.errors import ConfigError
from audiofeat.expected_digest import check_digest, parse_digest
from audiofeat.max_failures import NO_LIMIT, MaxFailures
from audiofeat.part import Part

if TYPE_CHECKING:
    from audiofeat.report import RunReport


@click.command()
@job_options
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Clips worked on at a time.  [default: the number of processor cores]",
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="The most memory that all processes may take together, such as 2GB; on the CPU.  [default: no bound]",
)
@click.option(
    "--part",
    metavar="I/N",
    help="Make only the shards of part I of N, and publish nothing: other runs make the others, at the same time or "
    "not, and `audiofeat commit STORE` publishes them all.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What runs the shards: processes of this machine, or a Ray cluster (pip install 'audiofeat[ray]').",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="The Ray cluster to join.  [default: one of the run's own, on this machine]",
)
@click.option(
    "--allow-mixed-devices",
    is_flag=True,
    help="Let nodes of a Ray cluster compute on what they have, processor or GPU, though these give other bits.",
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
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write a page about the store and the run (see `audiofeat report`).",
)
@click.option(
    "--no-recompute", is_flag=True, help="Refuse (exit code 2) to compute clips again because settings changed."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; warnings and errors only.")
def extract(
    workers: int | None,
    memory: str | None,
    part: str | None,
    engine: Literal["local", "ray"],
    address: str | None,
    allow_mixed_devices: bool,
    max_failures: str | None,
    expect_digest: str | None,
    metrics: Path | None,
    report: Path | None,
    no_recompute: bool,
    quiet: bool,
    **job: Any,
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
    audiofeat extract recordings features --config librosa-logmel --part 2/3
    """
    wanted = _part(part, expect_digest, report)
    with Standby() as standby:
        standby.start(job["store"] or job["source"] if engine == "local" else None, device=job["device"])
        config, options = job_of(command="extract", **job)
        standby.start(config.store.path if engine == "local" else None, device=job["device"])
        _check_files(metrics, report, store=Path(config.store.path) if config.store.path is not None else None)
        from audiofeat.engine.allowance import parse_memory

        expected = parse_digest(expect_digest) if expect_digest is not None else None
        options = replace(
            options,
            workers=workers,
            memory_bytes=parse_memory(memory) if memory is not None else None,
            max_failures=MaxFailures.parse(max_failures) if max_failures is not None else NO_LIMIT,
            recompute=not no_recompute,
            part=wanted,
            engine=engine,
            address=address,
            allow_mixed_devices=allow_mixed_devices,
        )
        outcome = run_job(config, options, quiet=quiet, standby=standby)
    try:
        _write_files(outcome, metrics, report)
    finally:  # the store is finished, whatever becomes of them
        tell(outcome, quiet=quiet)
    if expected is not None:
        check_digest(outcome.digest, expected=expected)
    sys.exit(outcome.exit_code)


def _check_files(metrics: Path | None, report: Path | None, *, store: Path | None) -> None:
    """Raises ConfigError, StorageError or MissingToolError where the run could not write them at its end."""
    from audiofeat.store.staging import check_place

    if metrics is not None:
        check_place(metrics, option="--metrics")
    if report is None:
        return
    from audiofeat.page.run import check_page_target

    check_page_target(report, store=store, command="--report")
    if metrics is not None and metrics.resolve() == report.resolve():
        raise ConfigError(f"--metrics and --report are one file, {report}", hint="give each a name of its own")


def _write_files(outcome: RunReport, metrics: Path | None, report: Path | None) -> None:
    """Raises AudioFeatError."""
    if metrics is not None:
        from audiofeat.store.staging import write_file

        write_file(metrics.absolute(), (json.dumps(outcome.metrics(), indent=2) + "\n").encode())
    if report is not None:
        from audiofeat.page.run import write_page

        write_page(Path(outcome.store), report, metrics=outcome.metrics())


def _part(text: str | None, expect_digest: str | None, report: Path | None) -> Part | None:
    """Raises ConfigError where it is no part, or more is wanted of it than a part has."""
    if text is None:
        return None
    if expect_digest is not None:
        raise ConfigError(
            "--expect-digest with --part: a part has no digest, the store that all of them make has one",
            hint=f"audiofeat commit STORE --expect-digest {expect_digest}",
        )
    if report is not None:
        raise ConfigError(
            "--report with --part: a part publishes no store that a page could be about",
            hint=f"audiofeat commit STORE, then audiofeat report STORE -o {report}",
        )
    return Part.parse(text)
