"""``audiofeat init``."""

from __future__ import annotations

import json

import click

from audiofeat.config import did_you_mean, preset_names
from audiofeat.errors import ConfigError


@click.command()
@click.argument("preset", required=False)
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON schema of configurations, for editors.")
def init(preset: str | None, as_schema: bool) -> None:
    """Print a complete, commented configuration to start from: that of PRESET, or the defaults.

    \b
    audiofeat init kaldi-mfcc13 > job.yaml
    audiofeat init --schema > audiofeat.schema.json
    """
    from audiofeat.config.schema import config_schema
    from audiofeat.config.starter import starter_text

    if preset is not None and preset not in preset_names():
        raise ConfigError(
            f"there is no preset {preset!r}{did_you_mean(preset, preset_names())}  "
            f"(presets: {', '.join(preset_names())})",
            hint="without a name, init begins from the defaults; it prints to standard output: init > job.yaml",
        )
    if as_schema:
        if preset is not None:
            raise ConfigError("the schema is the same for every preset", hint="init --schema, or init with a preset")
        click.echo(json.dumps(config_schema(), indent=2))
        return
    click.echo(starter_text(preset), nl=False)
