"""``audiofeat stats``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
@click.option("--json", "as_json", is_flag=True, help="Print every column's mean and variance as JSON.")
def stats(store: Path, out: Path | None, as_json: bool) -> None:
    """Say what mean and deviation the features of STORE have over all its frames; no frame is read.

    \b
    audiofeat stats features --out cmvn.npz
    audiofeat extract recordings normalised --config job.yaml --set cmvn.mode=meanvar \\
        --set cmvn.over=global --set cmvn.file=cmvn.npz
    """
    from audiofeat.reading.info import StoreInfo
    from audiofeat.stats import store_statistics, write_statistics

    statistics = store_statistics(StoreInfo(store))
    if out is not None:
        write_statistics(out, statistics)
    if as_json:
        click.echo(json.dumps({name: feature.to_json() for name, feature in statistics.items()}, indent=2))
    else:
        click.echo("\n".join(_table(statistics)))


def _table(statistics: Mapping[str, Statistics]) -> Iterator[str]:
    import numpy as np

    def spread(values: np.typing.NDArray[np.float64]) -> str:
        return " ".join(f"{value:>11.5g}" for value in (values.min(), np.median(values), values.max()))

    yield f"{'':12} {'columns':>7} {'frames':>13}   {'mean of a column':35}   deviation of a column"
    yield f"{'':12} {'':7} {'':13}   " + "   ".join([f"{'smallest':>11} {'median':>11} {'largest':>11}"] * 2)
    for name, feature in statistics.items():
        mean, deviation = feature.mean, np.sqrt(feature.variance)
        yield f"{name:12} {len(mean):7,} {feature.n_frames:13,}   {spread(mean)}   {spread(deviation)}"
        if constant := feature.constant_columns:
            more = f" and {len(constant) - _MOST_COLUMNS:,} more" if len(constant) > _MOST_COLUMNS else ""
            numbers = ", ".join(map(str, constant[:_MOST_COLUMNS]))
            yield f"{'':12} constant: column{'' if len(constant) == 1 else 's'} {numbers}{more}, counted from 0"
