"""A complete, commented config to start a job from: every knob there is, at the preset's value or the default.

Lines that begin with ``#`` and a space are words; those that begin with ``#`` alone are settings at their default,
which take effect (and change nothing) once the ``#`` is taken away.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from audiofeat.config.features import ACTING_KEYS
from audiofeat.config.knobs import FEATURES, Knob, KnobGroup, knob_groups
from audiofeat.config.load import load_config
from audiofeat.config.models import FEATURE_NAMES, Config
from audiofeat.config.preset_list import preset_text
from audiofeat.config.yaml_text import yaml_text

SCHEMA_FILE = "audiofeat.schema.json"
WIDTH = 110

_LEGEND = (
    "A line that begins with # and no space is a setting at its default: take the # away and change it. What source "
    "and store.path show is an example. "
    "`audiofeat knobs` explains all of them, `audiofeat presets` lists what to start from."
)
_EXAMPLES = {"source": "recordings", "store.path": "features"}
_DEFAULT_FEATURES: dict[str, Any] = {"log_mel": {}}


def starter_text(preset: str | None = None) -> str:
    """YAML that loads as the preset does, or, without one, as the defaults with the feature ``log_mel``.

    Raises:
        ConfigError: there is no preset of this name.
    """
    title = _words(f"A job for audiofeat, {f'begun from the preset {preset}' if preset else 'at the defaults'}.")
    about = ["#", *preset_text(preset).partition("\n\n")[0].splitlines()] if preset else []
    config = load_config(preset) if preset else load_config({"features": _DEFAULT_FEATURES})
    lines = [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        *_words(f"Editors complete this file once `audiofeat init --schema > {SCHEMA_FILE}` has been run beside it."),
        "",
        *title,
        *about,
        "#",
        *_words(_LEGEND),
    ]
    for group in knob_groups():
        lines += ["", *_group(group, config)]
    return "\n".join(lines) + "\n"


def _group(group: KnobGroup, config: Config) -> Iterator[str]:
    if not group.name:
        (knob,) = group.knobs
        yield from _features(knob, config) if knob.name == FEATURES else _setting(knob, {}, indent="")
        return
    yield from _words(group.description)
    yield f"{group.name}:"
    own: BaseModel = getattr(config, group.name)
    values = own.model_dump(mode="json", exclude_unset=True)
    for knob in group.knobs:
        yield from _setting(knob, values, indent="  ")


def _setting(knob: Knob, values: dict[str, Any], *, indent: str) -> Iterator[str]:
    unit = f"{knob.unit}; " if knob.unit else ""
    yield from _words(knob.description, indent=indent)
    yield from _words(f"({unit}{knob.values.words}; default {yaml_text(knob.default)})", indent=indent)
    if knob.key in values:
        yield f"{indent}{knob.key}: {yaml_text(values[knob.key])}"
    else:
        yield f"{indent}#{knob.key}: {_EXAMPLES.get(knob.name) or yaml_text(knob.default)}"


def _features(knob: Knob, config: Config) -> Iterator[str]:
    yield from _words(f"{knob.description} There are {', '.join(FEATURE_NAMES)}.")
    yield f"{FEATURES}:"
    yield from _words(
        "Settings for one alone: log_mel: {mel: {bands: 64}}. The groups that may stand there:", indent="  "
    )
    for name, groups in ACTING_KEYS.items():
        yield from _words(f"{name}: {', '.join(groups) or 'none'}", indent="  ")
    values = config.model_dump(mode="json", include={FEATURES}, exclude_unset=True)[FEATURES]
    for name, own in values.items():
        yield f"  {name}: {yaml_text(own)}"


def _words(text: str, *, indent: str = "") -> list[str]:
    mark = f"{indent}# "
    return textwrap.wrap(text, WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)
