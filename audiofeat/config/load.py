"""From a preset, a file or a mapping, with overrides, to one checked config; or to every mistake in it at once.

Precedence: arguments > ``--set`` > file > what it extends > defaults.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from audiofeat.config.checks import cross_complaints
from audiofeat.config.complaints import Complaint, complaints_of, config_error
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.layers import Layer, argument_layer, mapping_layers, named_layers, override_layer
from audiofeat.config.models import Config
from audiofeat.config.statistics import with_statistics


def load_config(
    config: str | os.PathLike[str] | Mapping[str, Any] | None,
    *,
    overrides: Sequence[str] = (),
    source: str | None = None,
    store_path: str | None = None,
    store_format: str | None = None,
) -> Config:
    """Read, merge and check a config; a ``cmvn.file`` is read, and its numbers stand in its place.

    Args:
        config: a preset's name, a YAML file's path (it exists, ends in .yaml or .yml, or has a slash in it), a
            mapping, or None for the defaults.
        overrides: ``KEY=VALUE`` each, such as ``mel.bands=40``; VALUE is typed as in YAML, the last one wins. Here and
            in a mapping, paths are relative to the working directory.
        source, store_path, store_format: over everything else, where not None.

    Raises:
        ConfigError: with all mistakes, each with the line or argument that it was written in.
    """
    if config is None:
        title, layers = "config", []
    elif isinstance(config, Mapping):
        title, layers = "config", mapping_layers(config)
    else:
        title, layers = named_layers(config)

    merged = Layer()
    for layer in layers:
        merged.put(layer)
    for setting in overrides:
        layer, replaces_features = override_layer(setting)
        (merged.put if replaces_features else merged.add)(layer)
    merged.add(argument_layer(("source",), source, name="source"))
    merged.add(argument_layer(("store", "path"), store_path, name="store_path"))
    merged.add(argument_layer(("store", "format"), store_format, name="store_format"))
    return _checked(merged, title=f"{title} with --set" if overrides else title)


def _checked(merged: Layer, *, title: str) -> Config:
    complaints = list(merged.complaints)
    try:
        config: Config | None = Config.model_validate(merged.values)
    except ValidationError as error:
        found = complaints_of(error)
        config = _config_without(merged.values, [each.path for each in found])
        complaints += found
    if config is not None:
        wrong = [each.path for each in complaints]
        broken = cross_complaints(config)
        config, unusable = with_statistics(config)
        refused = [*wrong, *(each.path for each in broken)]
        complaints += [each for each in broken if not _touches(each, wrong)]
        complaints += [each for each in unusable if not _touches(each, refused)]
    if config is None or complaints:
        raise config_error(title, _one_a_key(complaints), place_of=merged.place_of)
    return config


def _config_without(values: Mapping[str, Any], wrong: Iterable[KeyPath]) -> Config | None:
    """The config with defaults for the wrong keys, so that the rules between the other keys are checked too."""
    remaining = _pruned(values, (), frozenset(wrong))
    if not remaining.get("features"):
        remaining["features"] = {"log_mel": {}}
    try:
        return Config.model_validate(remaining)
    except ValidationError:
        return None


def _pruned(values: Mapping[str, Any], path: KeyPath, wrong: frozenset[KeyPath]) -> dict[str, Any]:
    return {
        key: _pruned(value, (*path, key), wrong) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if (*path, key) not in wrong
    }


def _touches(complaint: Complaint, wrong: Iterable[KeyPath]) -> bool:
    """Whether the rule weighs a key that is wrong by itself: it was checked with a default in its place."""
    return any(key[: len(path)] == path for path in wrong for key in complaint.involves)


def _one_a_key(complaints: list[Complaint]) -> list[Complaint]:
    """A key whose value could not be read is missing as well; the first complaint says why."""
    refused = {each.path for each in complaints if each.place}
    return [each for each in complaints if each.place or each.path not in refused]
