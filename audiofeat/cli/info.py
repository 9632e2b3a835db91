"""``audiofeat info``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from audiofeat.cli.screen import show
from audiofeat.config.wording import counted
from audiofeat.reading.info import StoreInfo
from audiofeat.report import duration_text, size_text


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print store.json's values as JSON.")
def info(store: Path, as_json: bool) -> None:
    """Say what is in STORE: features, clips, hours, failures, versions, digest."""
    opened = StoreInfo(store)
    if as_json:
        click.echo(json.dumps(opened.description, indent=2, sort_keys=True))
        return
    values = opened.description
    totals = values["totals"]
    size_bytes = sum(shard.size_bytes for shard in opened.shards.values())
    show(f"{store}: {values['store_format']} store, format version {values['format_version']}")
    click.echo("features")
    for feature in opened.features:
        rate = "each clip's own rate" if feature.frame_rate_hz is None else f"{feature.frame_rate_hz:g} frames/s"
        click.echo(f"  {feature.name:12} {feature.dims:5} x {feature.dtype}, {feature.unit}, {rate}")
    shards = counted(len(opened.shards), "shard")
    click.echo(f"clips      {totals['clips']:,} in {shards}, {size_text(size_bytes)}")
    click.echo(f"length     {duration_text(totals['audio_seconds'])}, {totals['frames']:,} frames")
    failures = ", ".join(f"{reason} {count:,}" for reason, count in opened.failures.items())
    click.echo(f"failures   {sum(opened.failures.values()):,}{f' ({failures})' if failures else ''}")
    if opened.left_out:
        left_out = ", ".join(f"{reason} {count:,}" for reason, count in opened.left_out.items())
        click.echo(f"left out   {sum(opened.left_out.values()):,} ({left_out})")
    numbers = values["numbers"]
    click.echo(f"device     {numbers['device']}")
    click.echo("versions   " + ", ".join(f"{name} {version}" for name, version in numbers["versions"].items()))
    click.echo("decoders   " + (", ".join(values["decoders"]) or "none"))
    click.echo(f"config     {values['config_digest']}")
    click.echo(f"digest     {opened.digest}")
