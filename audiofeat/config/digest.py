"""What a store records of its config, the part of that which can change a number, and digests of either.

Two configs that say the same thing in other words (keys in another order, defaults spelled out, overrides
instead of shared groups) have the same records, so the same digest.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from typing import Any

from blake3 import blake3

from audiofeat.config.features import ACTING_KEYS, Feature, resolve_features, takes_statistics
from audiofeat.config.inert import acting_values
from audiofeat.config.models import Config, FeatureName, Overrides

_NUMBER_GROUPS = ("audio", "length", "frame", "window", "preemphasis", "stack")
_SHOWN_CHARACTERS = 60


def stored_config(config: Config) -> dict[str, Any]:
    """The resolved config as ``store.json`` holds it: JSON-ready, every key spelled out, sorted.

    Where the source and the store lie is left out, since a moved store is the same store, and so are the names of
    a manifest's columns and ``compute.tape_slots``, which change no value. The shared groups of features are left
    out as well: each feature holds, resolved, the keys that act on it. ``load_config`` accepts the result.
    """
    left_out: dict[str, Any] = {"source": True, "manifest": True, "store": {"path"}, "compute": {"tape_slots"}}
    shared = dict.fromkeys([*Overrides.model_fields, "features"], True)
    values = config.model_dump(mode="json", exclude={**left_out, **shared})
    features = {name: _groups(feature) for name, feature in resolve_features(config).items()}
    values["store"] |= _rounding(config) or {"dtype": "computed"}
    return _sorted({**values, "features": features})


def numbers_config(config: Config) -> dict[str, Any]:
    """The part of the stored config that can change a feature value: equal parts, equal numbers.

    Which clips are taken (``select``, ``limits``) is not in it, but how they are cut out of the source is
    (``audio.channels``, ``audio.chunk_seconds``).
    """
    stored = stored_config(config)
    values = {group: stored[group] for group in _NUMBER_GROUPS}
    beside = {"audio.sample_rate": config.audio.sample_rate, "frame.n_fft": config.frame.n_fft}
    return _sorted(
        {
            **acting_values(values, features=tuple(config.features)),
            "compute": stored["compute"],
            **({"store": rounding} if (rounding := _rounding(config)) else {}),
            "features": {
                name: acting_values(groups, features=(name,), beside=beside)
                for name, groups in stored["features"].items()
            },
        }
    )


def feature_numbers(config: Config, name: FeatureName) -> dict[str, Any]:
    """The part of the stored config that can change a value of one feature, whatever other features there are."""
    return numbers_config(with_features(config, (name,)))


def with_features(config: Config, names: Container[str]) -> Config:
    """The same config with these of its features only."""
    return config.model_copy(update={"features": {name: own for name, own in config.features.items() if name in names}})


def choice_digest(config: Config) -> str:
    """Over what decides which clips are taken: under an equal one, what was left out or refused is so again."""
    return digest_of({"select": config.select.model_dump(exclude={"keys"}), "limits": config.limits.model_dump()})


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
        f"{key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _rounding(config: Config) -> dict[str, Any]:
    """``store.dtype``; nothing where values are stored as they are computed, whether or not that is spelled out."""
    dtype = config.store.dtype
    return {} if dtype in ("computed", config.compute.precision) else {"dtype": dtype}


def _groups(feature: Feature) -> dict[str, Any]:
    groups = {
        group: getattr(feature, group).model_dump(mode="json", include=set(keys))
        for group, keys in ACTING_KEYS[feature.name].items()
    }
    if "cmvn" in groups and not takes_statistics(feature):
        # Shared ones, for other features: as this feature's own they would be a mistake.
        groups["cmvn"] |= dict.fromkeys(("file", "mean", "variance"))
    return groups


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as JSON; an empty group is a leaf, so that it can come and go."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value)


def _shown(text: str | None) -> str:
    """A long list is told by its digest: that it is another one is all that a line can say."""
    if text is None:
        return "(none)"
    return text if len(text) <= _SHOWN_CHARACTERS else f"(values with digest {blake3(text.encode()).hexdigest()[:8]})"


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _sorted(value) if isinstance(value, dict) else value for key, value in sorted(values.items())}
