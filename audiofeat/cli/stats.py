"""``audiofeat stats``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from audiofeat.cli.screen import show

if TYPE_CHECKING:
    from audiofeat.stats import Statistics

_MOST_COLUMNS = 16


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.npz",
    help="Write every column's mean and variance, as cmvn.file takes them.",
)
@click.option("--verify", is_flag=True, help="Read every byte of the shards first, and check their digests.")
@click.option("--json", "as_json", is_flag=True, help="Print every column's mean and variance as JSON.")
def stats(store: Path, out: Path | None, verify: bool, as_json: bool) -> None:
    """Say what mean and deviation the features of STORE have over all its frames; no frame is read.

    What the shards hold of their own frames is believed. With --verify, exit code 12 if a shard is damaged.

    \b
    audiofeat stats features --out cmvn.npz
    audiofeat extract recordings normalised --config job.yaml --set cmvn.mode=meanvar \\
        --set cmvn.over=global --set cmvn.file=cmvn.npz
    """
    from audiofeat.reading.info import StoreInfo
    from audiofeat.report import size_text
    from audiofeat.stats import check_target, store_statistics, write_statistics

    if out is not None:
        check_target(out)
    statistics = store_statistics(StoreInfo(store), verify=verify)
    if out is not None:
        write_statistics(out, statistics)
    if as_json:
        click.echo(json.dumps({name: feature.to_json() for name, feature in statistics.items()}, indent=2))
    else:
        click.echo("\n".join(_table(statistics)))
        if out is not None:
            show(f"{out}: mean and variance of {', '.join(statistics)}, {size_text(out.stat().st_size)}")


def _table(statistics: Mapping[str, Statistics]) -> Iterator[str]:
    import numpy as np

    def spread(values: np.typing.NDArray[np.float64]) -> str:
        return " ".join(f"{value:>11.5g}" for value in (values.min(), np.median(values), values.max()))

    nothing = " ".join([f"{'-':>11}"] * 3)
    yield f"{'':12} {'columns':>7} {'frames':>13}   {'mean of a column':35}   deviation of a column"
    yield f"{'':12} {'':7} {'':13}   " + "   ".join([f"{'smallest':>11} {'median':>11} {'largest':>11}"] * 2)
    for name, feature in statistics.items():
        mean = spread(feature.mean) if feature.n_frames else nothing
        deviation = spread(np.sqrt(feature.variance)) if feature.n_frames else nothing
        yield f"{name:12} {len(feature.mean):7,} {feature.n_frames:13,}   {mean}   {deviation}"
        if constant := feature.constant_columns:
            more = f" and {len(constant) - _MOST_COLUMNS:,} more" if len(constant) > _MOST_COLUMNS else ""
            numbers = ", ".join(map(str, constant[:_MOST_COLUMNS]))
            yield f"{'':12} constant: column{'' if len(constant) == 1 else 's'} {numbers}{more}, counted from 0"
