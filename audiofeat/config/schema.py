"""The JSON schema of a config file, so that editors complete and check it while it is written.

It describes what ``load_config`` accepts of one file: ``extends``, ``store: PATH``, groups without keys, and under
each feature only the groups and keys that act on it. What two keys must be to each other it cannot say.

Reference: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from audiofeat.config.features import ACTING_KEYS
from audiofeat.config.knobs import FEATURES, Knob, knob_groups, knobs
from audiofeat.config.models import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EXTENDS = "A preset's name or another file, which this one changes; a file is relative to the one that names it."


def config_schema() -> dict[str, Any]:
    """The schema as JSON holds it: one definition a knob, named as ``--set`` names it."""
    properties: dict[str, Any] = {"extends": {"type": "string", "description": _EXTENDS, "minLength": 1}}
    for group in knob_groups():
        if group.name:
            properties[group.name] = _group(group.name, [knob.key for knob in group.knobs], group.description)
        else:
            properties |= {knob.key: _reference(knob.name) for knob in group.knobs}
    store = properties["store"]
    properties["store"] = {
        "description": store.pop("description"),
        "anyOf": [{"type": "string", "minLength": 1}, store],
    }
    properties[FEATURES] = {
        "type": "object",
        "description": Config.model_fields[FEATURES].description,
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {name: _feature(name, groups) for name, groups in ACTING_KEYS.items()},
    }
    return {
        "$schema": DIALECT,
        "title": "audiofeat configuration",
        "description": "What to read, which features to compute, where to write.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": {knob.name: _knob(knob) for knob in knobs() if knob.name != FEATURES},
    }


def _feature(name: str, groups: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "description": f"The feature {name}, with its own settings over the shared groups.",
        "additionalProperties": False,
        "properties": {group: _group(group, keys, f"Over the shared group {group}.") for group, keys in groups.items()},
    }


def _group(name: str, keys: Iterable[str], description: str) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "description": description,
        "additionalProperties": False,
        "properties": {key: _reference(f"{name}.{key}") for key in keys},
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _knob(knob: Knob) -> dict[str, Any]:
    unit = f"  [{knob.unit}]" if knob.unit else ""
    schema = {"description": knob.description + unit, "default": knob.default, **knob.values.schema}
    return {**schema, "x-unit": knob.unit} if knob.unit else schema
