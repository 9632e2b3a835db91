"""What a store records of its config, the part of that which can change a number, and digests of either.

Two configs that say the same thing in other words (keys in another order, defaults spelled out, overrides
instead of shared groups) have the same records, so the same digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from blake3 import blake3

from audiofeat.config.features import Feature, resolve_features
from audiofeat.config.models import Config


def stored_config(config: Config) -> dict[str, Any]:
    """The resolved config as ``store.json`` holds it: JSON-ready, every key spelled out, sorted.

    Where the source and the store lie is left out, since a moved store is the same store, and so is
    ``compute.tape_slots``, which changes no value. The shared groups of features are left out as well: each
    feature holds its own, resolved. ``load_config`` accepts the result.
    """
    left_out: dict[str, Any] = {"source": True, "store": {"path"}, "compute": {"tape_slots"}}
    shared: dict[str, Any] = {"spectrum": True, "mel": True, "log": True, "mfcc": True, "features": True}
    values = config.model_dump(mode="json", exclude={**left_out, **shared})
    features = {name: _groups(feature) for name, feature in resolve_features(config).items()}
    return _sorted({**values, "features": features})


def numbers_config(config: Config) -> dict[str, Any]:
    """The part of the stored config that can change a feature value: equal parts, equal numbers."""
    stored = stored_config(config)
    values = {group: stored[group] for group in ("audio", "frame", "window", "preemphasis")}
    features = {name: _used(feature) for name, feature in resolve_features(config).items()}
    return _sorted({**values, "compute": {"precision": config.compute.precision}, "features": features})


def digest_of(values: Mapping[str, Any]) -> str:
    """BLAKE3 (64 hexadecimal digits) of the values as canonical JSON: sorted keys, no spaces, ASCII.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot hold.
    """
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return blake3(text.encode("ascii")).hexdigest()


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line a difference, such as ``mfcc.n: 13 -> 20``, sorted by key."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return [
        f"{key}: {before.get(key, '(none)')} -> {after.get(key, '(none)')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _groups(feature: Feature) -> dict[str, Any]:
    groups = {"spectrum": feature.spectrum, "mel": feature.mel, "log": feature.log, "mfcc": feature.mfcc}
    return {name: group.model_dump(mode="json") for name, group in groups.items()}


def _used(feature: Feature) -> dict[str, Any]:
    """The settings that reach the feature's values; ``mel.empty`` only decides whether there are any."""
    groups = _groups(feature)
    if feature.name == "spectrogram":
        if feature.spectrum.output in ("db", "ln"):
            return {"spectrum": groups["spectrum"], "log": groups["log"]}
        return {"spectrum": {"output": feature.spectrum.output}}
    del groups["mel"]["empty"]
    groups["spectrum"] = {"power": feature.spectrum.power}
    wanted = {"mel": ("spectrum", "mel"), "log_mel": ("spectrum", "mel", "log")}.get(feature.name, tuple(groups))
    return {name: groups[name] for name in wanted}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as JSON; an empty group is a leaf, so that it can come and go."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value)


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _sorted(value) if isinstance(value, dict) else value for key, value in sorted(values.items())}
