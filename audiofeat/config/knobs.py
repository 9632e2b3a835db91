"""Every knob with all that is known of it, walked off the models: what ``knobs``, ``init`` and the schema tell.

A knob's name is the one that ``--set`` takes: ``mel.bands``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from audiofeat.config.features import ACTING_KEYS
from audiofeat.config.load import load_config
from audiofeat.config.models import FEATURE_NAMES, Config, Overrides
from audiofeat.config.preset_list import preset_names
from audiofeat.config.values import Kind, Values, values_of
from audiofeat.config.wording import did_you_mean
from audiofeat.errors import ConfigError

FEATURES = "features"


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting."""

    name: str
    """Dotted, as for ``--set``."""
    description: str
    values: Values
    unit: str
    """Empty where it has none."""
    default: Any
    """As JSON holds it; that of ``features`` is None, since there is none."""

    @property
    def group(self) -> str:
        """Empty for the knobs that are in no group."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_required(self) -> bool:
        return self.name == FEATURES

    def to_json(self, *, presets: Mapping[str, Any]) -> dict[str, Any]:
        """All of it, and what the presets set it to."""
        return {
            "name": self.name,
            "values": self.values.words,
            "unit": self.unit or None,
            "default": self.default,
            "required": self.is_required,
            "description": self.description,
            "presets": dict(presets),
        }


@dataclass(frozen=True, slots=True)
class KnobGroup:
    """A group of the config, such as ``mel``."""

    name: str
    description: str
    knobs: tuple[Knob, ...]


@lru_cache(maxsize=1)
def knob_groups() -> tuple[KnobGroup, ...]:
    """Every group and, as groups of one without a name, the knobs in no group; in the order of the config."""
    return tuple(_groups())


def knobs() -> tuple[Knob, ...]:
    """Every knob, in the order of the config."""
    return tuple(knob for group in knob_groups() for knob in group.knobs)


def knobs_named(names: Sequence[str]) -> tuple[Knob, ...]:
    """The knobs whose names begin with one of ``names``, lie in a group of that name, or are called so in any group.

    Without names: every knob. A feature's own setting, ``features.mfcc.mel.bands``, is the knob ``mel.bands``.

    Raises:
        ConfigError: a name fits no knob.
    """
    if not names:
        return knobs()
    chosen: set[str] = set()
    for name in names:
        shared = _shared_name(name)
        found = [knob for knob in knobs() if shared and _fits(knob, shared)]
        if not found:
            raise _no_knob(name, shared)
        chosen.update(knob.name for knob in found)
    return tuple(knob for knob in knobs() if knob.name in chosen)


def _no_knob(name: str, shared: str) -> ConfigError:
    for feature, groups_of_it in ACTING_KEYS.items():
        if feature == shared:
            explains = f"audiofeat knobs {' '.join(groups_of_it)} explains the groups that act on it"
            return ConfigError(f"{name!r} is a feature, and no knob", hint=explains)
    groups = [group.name for group in knob_groups() if group.name]
    group = shared.partition(".")[0]
    known = [*groups, *(knob.name for knob in knobs()), *(knob.name.rpartition(".")[2] for knob in knobs())]
    lists = f"audiofeat knobs {group} lists all of {group}" if group in groups else "audiofeat knobs lists all"
    return ConfigError(f"there is no knob and no group {name!r}{did_you_mean(shared, known)}", hint=lists)


@lru_cache(maxsize=1)
def preset_settings() -> Mapping[str, Mapping[str, Any]]:
    """Knob -> preset -> the value that it sets, defaults spelled out included; features have their settings for one
    of them behind the preset's name, as in ``music (mfcc)``."""
    settings: dict[str, dict[str, Any]] = {knob.name: {} for knob in knobs()}
    for preset in preset_names():
        config = load_config(preset)
        settings[FEATURES][preset] = ", ".join(config.features)
        for name, value in _set_in(config):
            settings[name][preset] = value
        for feature, own in config.features.items():
            for name, value in _set_in(own):
                settings[name][f"{preset} ({feature})"] = value
    return settings


def as_markdown(rows: Sequence[Knob]) -> str:
    """The table of the README."""
    lines = ["| Key | Values | Unit | Default | Meaning |", "|---|---|---|---|---|"]
    for knob in rows:
        default = "required" if knob.is_required else f"`{_default_text(knob.default)}`"
        cells = [f"`{knob.name}`", _marked(knob.values), knob.unit, default, knob.description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _groups() -> Iterator[KnobGroup]:
    for name, field in Config.model_fields.items():
        model = field.annotation
        if name == FEATURES:
            values = Values((Kind("choice", choices=FEATURE_NAMES),), or_null=False)
            yield KnobGroup("", "", (Knob(FEATURES, field.description or "", values, unit="", default=None),))
        elif isinstance(model, type) and issubclass(model, BaseModel):
            below = tuple(_knob(f"{name}.{key}", own) for key, own in model.model_fields.items())
            yield KnobGroup(name, field.description or "", below)
        else:
            yield KnobGroup("", "", (_knob(name, field),))


def _knob(name: str, field: FieldInfo) -> Knob:
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    return Knob(name, field.description or "", values_of(field), unit, json.loads(json.dumps(field.default)))


def _set_in(groups: Config | Overrides) -> Iterator[tuple[str, Any]]:
    for name in groups.model_fields_set:
        group = getattr(groups, name)
        if isinstance(group, BaseModel):
            values = group.model_dump(mode="json", exclude_unset=True)
            yield from ((f"{name}.{key}", value) for key, value in values.items())


def _fits(knob: Knob, name: str) -> bool:
    """A whole name means nothing else: ``mel`` is the group, not the beginning of other names."""
    if any(name in (each.group, each.name) for each in knobs()):
        return name in (knob.group, knob.name)
    return knob.key == name or knob.name.startswith(name)


def _shared_name(name: str) -> str:
    groups, feature, key = [*name.split(".", 2), "", ""][:3]
    return (key or FEATURES) if groups == FEATURES and feature in FEATURE_NAMES else name


def _marked(values: Values) -> str:
    parts = [
        " ".join(f"`{word}`" for word in kind.words.split(", ")) if kind.kind == "choice" else kind.words
        for kind in values.kinds
    ]
    return ", or ".join([*parts, *(["`null`"] if values.or_null else [])])


def _default_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
