"""The JSON schema of configurations against ``load_config``: what the one takes, the other takes.

The check of instances below knows just the keywords that the schema uses; where the package ``jsonschema`` is
installed, it is asked too.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from audiofeat.config import load_config, preset_names, preset_text
from audiofeat.config.knobs import knobs
from audiofeat.config.schema import config_schema
from audiofeat.config.starter import starter_text
from audiofeat.config.yaml_loader import parse_yaml
from audiofeat.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
SCHEMA = config_schema()
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "x-unit"}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether the value is an instance of the schema; an unknown keyword is an error."""
    return all(_holds(value, keyword, rule, schema) for keyword, rule in schema.items() if keyword not in ANNOTATIONS)


def _holds(value: Any, keyword: str, rule: Any, schema: dict[str, Any]) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match keyword:
        case "$ref":
            return fits(value, SCHEMA["$defs"][rule.removeprefix("#/$defs/")])
        case "type":
            names = [rule] if isinstance(rule, str) else rule
            return not isinstance(value, bool) and any(isinstance(value, TYPES[name]) for name in names)
        case "enum":
            return any(value == choice and type(value) is type(choice) for choice in rule)
        case "anyOf":
            return any(fits(value, each) for each in rule)
        case "minimum":
            return not is_number or value >= rule
        case "exclusiveMinimum":
            return not is_number or value > rule
        case "maximum":
            return not is_number or value <= rule
        case "minLength":
            return not isinstance(value, str) or len(value) >= rule
        case "minProperties":
            return not isinstance(value, dict) or len(value) >= rule
        case "items":
            return not isinstance(value, list) or all(fits(item, rule) for item in value)
        case "properties":
            return not isinstance(value, dict) or all(fits(value[key], rule[key]) for key in value if key in rule)
        case "additionalProperties":
            return rule is not False or not isinstance(value, dict) or not value.keys() - schema["properties"].keys()
    raise AssertionError(f"unknown keyword {keyword}")


def is_valid(value: Any) -> bool:
    valid = fits(value, SCHEMA)
    if importlib.util.find_spec("jsonschema"):
        validator = importlib.import_module("jsonschema").Draft202012Validator(SCHEMA)
        assert validator.is_valid(value) == valid
    return valid


def configs() -> dict[str, str]:
    """Every YAML that ships, and all that ``init`` prints."""
    found = {f"configs/{path.name}": path.read_text("utf-8") for path in (PROJECT / "configs").glob("*.yaml")}
    found |= {f"preset {name}": preset_text(name) for name in preset_names()}
    found |= {f"init {name or ''}": starter_text(name) for name in [None, *preset_names()]}
    return found


@pytest.mark.parametrize("name", configs())
def test_what_ships_fits_the_schema(name: str) -> None:
    assert is_valid(parse_yaml(configs()[name].encode(), title=name).value)


MFCC: dict[str, Any] = {"features": {"mfcc": {}}}


@pytest.mark.parametrize(
    "values",
    [
        {"extends": "kaldi-mfcc13"},
        {"extends": "kaldi-mfcc13", "store": "out", "source": None},
        {"extends": "kaldi-mfcc13", "mel": None, "store": {"path": "out", "format": "npy"}},
        {"features": {"mfcc": None, "log_mel": {"mel": None}, "stft": {"spectrum": {"norm": "n_fft"}}}},
        {**MFCC, "audio": {"sample_rate": "native", "channels": 3}, "log": {"ref": "max"}},
        {**MFCC, "audio": {"sample_rate": 8000, "channels": "each"}, "log": {"ref": 0.5}},
        {**MFCC, "frame": {"win_samples": 2, "drop_last": False}, "window": {"values": [1, 0.5]}},
        {**MFCC, "mel": {"fmax_hz": None, "fmin_hz": 20}, "spectrum": {"power": 1}},
    ],
)
def test_what_loads_fits_the_schema(values: dict[str, Any]) -> None:
    load_config(values)
    assert is_valid(values)


@pytest.mark.parametrize(
    "values",
    [
        {**MFCC, "mel": {"bandz": 40}},
        {**MFCC, "mels": {}},
        {"features": {"mfccs": {}}},
        {"features": {}},
        {"features": ["mfcc"]},
        {"features": {"stft": {"mel": {"bands": 3}}}},
        {"features": {"stft": {"spectrum": {"power": 1}}}},
        {"features": {"mfcc": {"frame": {}}}},
        {**MFCC, "mel": 40},
        {**MFCC, "mel": {"bands": 0}},
        {**MFCC, "mel": {"bands": "40"}},
        {**MFCC, "mel": {"fmax_hz": 0}},
        {**MFCC, "audio": {"sample_rate": "natve"}},
        {**MFCC, "audio": {"sample_rate": 999}},
        {**MFCC, "audio": {"channels": -1}},
        {**MFCC, "audio": {"chunk_seconds": 0.001}},
        {**MFCC, "frame": {"drop_last": 1}},
        {**MFCC, "frame": {"drop_last": None}},
        {**MFCC, "window": {"values": [1, "a"]}},
        {**MFCC, "spectrum": {"power": True}},
        {**MFCC, "manifest": {"key": ""}},
        {**MFCC, "store": 3},
        {**MFCC, "store": ""},
        {**MFCC, "store": {"path": ""}},
        {**MFCC, "source": ""},
        {**MFCC, "cmvn": {"file": ""}},
        {**MFCC, "audio": {"scale": 1e10}},
        {**MFCC, "audio": {"peak": 2e8}},
    ],
)
def test_what_does_not_load_does_not_fit_the_schema(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load_config(values)
    assert not is_valid(values)


def test_every_knob_is_defined_with_its_meaning_unit_and_default() -> None:
    for knob in knobs():
        if not knob.is_required:
            definition = SCHEMA["$defs"][knob.name]
            assert definition["default"] == knob.default
            assert definition["description"].startswith(knob.description)
            assert definition.get("x-unit", "") == knob.unit
            assert fits(knob.default, definition)


def test_every_group_and_feature_is_described() -> None:
    for name, schema in SCHEMA["properties"].items():
        assert schema.get("description") or SCHEMA["$defs"][name]["description"]
    for schema in SCHEMA["properties"]["features"]["properties"].values():
        assert schema["description"]
        assert all(group["description"] for group in schema["properties"].values())
