"""``audiofeat knobs``."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from audiofeat.config.knobs import Knob, as_markdown, knob_groups, knobs_named, preset_settings
from audiofeat.config.yaml_text import yaml_text
from audiofeat.errors import ConfigError

_MAX_WIDTH = 110
_MOST_NAMES = 3


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.option("--markdown", "as_table", is_flag=True, help="Print them as the table in the README.")
def knobs(names: tuple[str, ...], as_json: bool, as_table: bool) -> None:
    """Explain every setting, or those called NAME: values, unit, default, meaning, and the presets that set it.

    NAME is a group, a setting, its name in any group, or the beginning of its full name.

    \b
    audiofeat knobs mel
    audiofeat knobs mel.fmin_hz deltas
    """
    if as_json and as_table:
        raise ConfigError("--json and --markdown exclude each other", hint="leave one of them out")
    chosen = knobs_named(names)
    settings = preset_settings()
    if as_json:
        click.echo(json.dumps([knob.to_json(presets=settings[knob.name]) for knob in chosen], indent=2))
    elif as_table:
        click.echo(as_markdown(chosen))
    else:
        width = min(_MAX_WIDTH, shutil.get_terminal_size().columns)
        click.echo("\n".join(_explained(chosen, settings, width=width)))


def _explained(chosen: tuple[Knob, ...], settings: Mapping[str, Mapping[str, Any]], *, width: int) -> Iterator[str]:
    """A heading for each group, and below it each knob: name and values, meaning, presets."""
    sections = [(group, [knob for knob in group.knobs if knob in chosen]) for group in knob_groups()]
    for number, (group, here) in enumerate((group, here) for group, here in sections if here):
        if number:
            yield ""
        if group.name:
            yield from _wrapped(f"{click.style(group.name, bold=True)}  {group.description}", width=width, indent=0)
        name_width = max(len(knob.name) for knob in here)
        for knob in here:
            values, *more = _wrapped(_values(knob), width=width - name_width - 4, indent=0)
            yield f"  {click.style(knob.name.ljust(name_width), bold=True)}  {values}"
            yield from (" " * (name_width + 4) + line for line in more)
            yield from _wrapped(knob.description, width=width, indent=6)
            yield from _wrapped(_presets(settings[knob.name]), width=width, indent=6)


def _values(knob: Knob) -> str:
    unit = f" [{knob.unit}]" if knob.unit else ""
    default = "required" if knob.is_required else f"default {yaml_text(knob.default)}"
    return f"{knob.values.words}{unit}; {default}"


def _presets(settings: Mapping[str, Any]) -> str:
    """Which presets set it to what, one value after the other."""
    by_value: dict[str, list[str]] = {}
    for preset, value in settings.items():
        by_value.setdefault(yaml_text(value), []).append(preset)
    presets = ", ".join(f"{value} ({_some(names)})" for value, names in by_value.items())
    return f"Presets: {presets}." if presets else ""


def _some(names: Sequence[str]) -> str:
    """The first few; --json has all."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def _wrapped(text: str, *, width: int, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(text, max(20, width), initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)
