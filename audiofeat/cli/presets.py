"""``audiofeat presets``."""

from __future__ import annotations

import click

from audiofeat.config import did_you_mean, preset_names, preset_summary, preset_text
from audiofeat.errors import ConfigError


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """List the presets, or print the one called NAME in full, as YAML to start a configuration from."""
    if name is None:
        width = max(map(len, preset_names()))
        for preset in preset_names():
            click.echo(f"{preset:{width}}  {preset_summary(preset)}")
        return
    if name not in preset_names():
        raise ConfigError(f"there is no preset {name!r}{did_you_mean(name, preset_names())}", hint="audiofeat presets")
    click.echo(preset_text(name), nl=False)
