"""``audiofeat presets``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from audiofeat.config import did_you_mean, load_config, preset_names, preset_note, preset_summary, preset_text
from audiofeat.errors import ConfigError


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", "as_table", is_flag=True, help="List them as the table in the README.")
def presets(name: str | None, as_table: bool) -> None:
    """List the presets, or print the one called NAME in full, as YAML to start a configuration from.

    Its head says where the numbers come from, how many frames a clip has, and what is not reproduced. How far it is
    from the library that it names: `audiofeat parity NAME`.
    """
    if as_table:
        if name is not None:
            raise ConfigError("--markdown lists all presets", hint=f"leave {name} or --markdown out")
        click.echo("\n".join(_markdown()))
    elif name is None:
        width = max(map(len, preset_names()))
        for preset in preset_names():
            click.echo(f"{preset:{width}}  {preset_summary(preset)}")
    elif name not in preset_names():
        raise ConfigError(f"there is no preset {name!r}{did_you_mean(name, preset_names())}", hint="audiofeat presets")
    else:
        click.echo(preset_text(name), nl=False)


def _markdown() -> Iterator[str]:
    from audiofeat.frontend.recipe import recipe_of

    yield "| Preset | What it reproduces | Feature | Dims | Sample rate | Frames for N samples | Not reproduced |"
    yield "|---|---|---|---|---|---|---|"
    for name in preset_names():
        config = load_config(name)
        (spec,) = recipe_of(config).feature_specs()
        formula = preset_note(name, "Frames").partition(" for ")[0]
        cells = [
            f"`{name}`",
            preset_summary(name),
            f"`{spec.name}`",
            str(spec.dims),
            f"{config.audio.sample_rate} Hz",
            f"`{formula}`",
            preset_note(name, "Not reproduced"),
        ]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
