"""The README's chapter on configuration, against the models: keys, values, units, defaults, features."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, PlainValidator
from pydantic.fields import FieldInfo
from readme import rows_of, section

from audiofeat.config import load_config
from audiofeat.config.features import ACTING_KEYS
from audiofeat.config.knobs import as_markdown
from audiofeat.config.knobs import knobs as known_knobs
from audiofeat.config.models import FEATURE_NAMES, Config, Overrides


def knobs() -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the configuration that is no group, as ``--set`` names it."""
    for name, field in Config.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from ((f"{name}.{key}", own) for key, own in model.model_fields.items())
        elif name != "features":
            yield name, field


def allowed_values(field: FieldInfo) -> str:
    """The table's words for what a key may be."""
    kind: Any = field.annotation
    kinds = list(get_args(kind)) if get_origin(kind) in (Union, types.UnionType) else [kind]
    words = [words_of(each, field.metadata) for each in kinds if each is not types.NoneType]
    return ", or ".join([*words, *(["`null`"] if types.NoneType in kinds else [])])


def words_of(kind: Any, metadata: list[Any]) -> str:
    limits = list(metadata)
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        limits += [limit for each in more for limit in getattr(each, "metadata", [each])]
    if get_origin(kind) is Literal:
        return " ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool:
        return "`true` `false`"
    if kind is str:
        return "path" if any(isinstance(limit, PlainValidator) for limit in limits) else "text"
    if get_origin(kind) is tuple:
        return "list of numbers"
    bounds = {name: getattr(limit, name) for limit in limits for name in ("ge", "gt", "le") if hasattr(limit, name)}
    words = {int: "whole number", float: "number"}[kind]
    if {"ge", "le"} <= bounds.keys():
        words += f" from {bounds['ge']} to {bounds['le']}"
    elif "ge" in bounds:
        words += f" of at least {bounds['ge']}"
    elif {"gt", "le"} <= bounds.keys():
        words += f" above {bounds['gt']} and up to {bounds['le']}"
    elif "gt" in bounds:
        words += f" above {bounds['gt']}"
    return words


def unit_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def every_key() -> str:
    return section("Configuration").partition("\n### Every key\n")[2]


def test_the_table_of_keys_is_that_of_the_models() -> None:
    table = [row[:4] for row in rows_of(every_key())]
    models = [
        [
            f"`{name}`",
            allowed_values(field),
            unit_of(field),
            f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`",
        ]
        for name, field in knobs()
    ]
    features = ["`features`", " ".join(f"`{name}`" for name in FEATURE_NAMES), "", "required"]
    assert table == [*models, features], "print it with `audiofeat knobs --markdown`"


def test_every_key_has_its_meaning() -> None:
    """A row is printed by ``knobs``, and a meaning is a sentence."""
    lines = [line for line in every_key().splitlines() if line.startswith("|")]
    assert lines == as_markdown(known_knobs()).splitlines(), "print them with `audiofeat knobs --markdown`"
    assert [row[0] for row in rows_of(every_key()) if len(row) != 5 or not row[4].endswith(".")] == []


def test_the_configuration_example_is_one(tmp_path: Path) -> None:
    example = re.findall(r"```yaml\n(.*?)```", section("Configuration"), re.DOTALL)
    assert len(example) == 1
    (tmp_path / "job.yaml").write_text(example[0])
    config = load_config(tmp_path / "job.yaml")
    assert set(config.features) == {"log_mel", "mfcc", "spectrogram"}
    assert config.store.path == str(tmp_path / "features")


def test_every_feature_is_told_with_what_it_may_override() -> None:
    table = {row[0].strip("`"): re.sub(r"\(.*?\)", "", row[2]) for row in features_table()}
    assert list(table) == list(FEATURE_NAMES)
    for name, groups in ACTING_KEYS.items():
        assert re.findall(r"`(\w+)`", table[name]) == list(groups)


def test_what_a_group_lacks_for_a_feature_is_told() -> None:
    for name, _, groups in features_table():
        acting = ACTING_KEYS[name.strip("`")]  # type: ignore[index]
        for group, word, keys in re.findall(r"`(\w+)` \((without )?`(\w+)`\)", groups):
            every = set(Overrides.model_fields[group].default.model_dump())
            assert set(acting[group]) == (every - {keys} if word else {keys})
        told = {group for group, _, _ in re.findall(r"`(\w+)` \((without )?`(\w+)`\)", groups)}
        for group in acting.keys() - told:
            assert set(acting[group]) == set(Overrides.model_fields[group].default.model_dump())


def features_table() -> list[list[str]]:
    return rows_of(section("Configuration").partition("**Features**")[2].partition("\n### ")[0])
