"""``audiofeat manifest``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from audiofeat.cli.name_lists import names_in
from audiofeat.errors import ConfigError
from audiofeat.reading.info import StoreInfo


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "text_format",
    type=click.Choice(["csv", "jsonl", "scp"]),
    default="csv",
    show_default=True,
    help="CSV with a heading; a JSON object a line; or Kaldi's KEY PATH.",
)
@click.option("--where", metavar="CONDITION", help="Only clips that it holds for, such as 'duration > 10'.")
@click.option("--columns", metavar="NAME,...", help="Only these columns, in this order.  [default: all]")
@click.option("--feature", metavar="NAME", help="With scp, of an NPY store: whose arrays are listed.")
@click.option(
    "--source",
    metavar="SOURCE",
    help="With scp, of an HDF5 store: the source it was made of, to put before the files' paths.",
)
def manifest(
    store: Path, text_format: str, where: str | None, columns: str | None, feature: str | None, source: str | None
) -> None:
    """Print STORE's clips, sorted by key: where each one comes from, its length, level, labels and digests.

    \b
    audiofeat manifest features > clips.csv
    audiofeat manifest features --columns key,duration --where "duration > 10 and meta.speaker != 'anna'"
    audiofeat manifest features --format scp --source recordings > wav.scp

    A CONDITION has comparisons of columns, numbers and texts; and, or, not, in ("a", "b"); + - * /. A comparison
    with what a clip does not have is false; `meta.label == None` asks for those. Columns may be named without their
    unit.
    """
    if text_format == "scp" and columns is not None:
        raise ConfigError("an scp has no columns but key and path", hint="leave --columns out, or --format csv")
    if text_format != "scp" and (feature is not None or source is not None):
        raise ConfigError("--feature and --source are for --format scp", hint="leave them out")
    for text in _texts(StoreInfo(store), text_format, where, names_in(columns), feature=feature, source=source):
        click.echo(text, nl=False)


def _texts(
    store: StoreInfo,
    text_format: str,
    where: str | None,
    columns: list[str] | None,
    *,
    feature: str | None,
    source: str | None,
) -> Iterator[bytes]:
    from audiofeat.manifest.batches import open_manifest
    from audiofeat.manifest.columns import columns_named
    from audiofeat.manifest.scp import scp_text
    from audiofeat.manifest.text import csv_heading, csv_text, jsonl_text
    from audiofeat.manifest.where import parse_where

    with open_manifest(store) as batches:
        condition = parse_where(where, batches.schema) if where is not None else None
        if text_format == "scp":
            yield from scp_text(store, batches, feature=feature, source=source, where=condition)
            return
        names = batches.schema.names if columns is None else columns_named(columns, batches.schema.names)
        if text_format == "csv":
            yield csv_heading(names)
        text_of = csv_text if text_format == "csv" else jsonl_text
        for rows in batches.read(names, where=condition):
            yield text_of(rows)
