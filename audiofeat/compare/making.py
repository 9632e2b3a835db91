"""What may be why two stores differ: their settings, what they were made with, and what is in their quarantines."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterator, Mapping
from heapq import merge
from itertools import groupby
from typing import Any

from audiofeat.compare.difference import InQuarantine
from audiofeat.config import changed_keys
from audiofeat.errors import REPAIR_HINT, DamageError
from audiofeat.reading.info import StoreInfo
from audiofeat.store.digests import file_digest


def other_settings(here: StoreInfo, there: StoreInfo, *, features: Container[str] | None = None) -> tuple[str, ...]:
    """A line each setting that is another one, such as ``mel.bands: 128 -> 64``.

    All settings of a feature that only one store has are one line. ``features``: leave out those of others.
    """
    ours, theirs = (_feature_settings(store, features) for store in (here, there))
    common = ours.keys() & theirs.keys()
    changes = changed_keys(
        {**here.config, "features": {name: ours[name] for name in common}},
        {**there.config, "features": {name: theirs[name] for name in common}},
    )
    return (*_of_one_only("feature", ours, theirs), *changes)


def made_with_others(here: StoreInfo, there: StoreInfo) -> tuple[str, ...]:
    """Device kind, versions of libraries, the store's format and decoders, likewise."""
    decoders = [store.description.get("decoders") or () for store in (here, there)]
    return (*changed_keys(_made_with(here), _made_with(there)), *_of_one_only("decoder", *decoders))


def other_quarantine(here: StoreInfo, there: StoreInfo) -> Iterator[InQuarantine]:
    """The clips that are in one quarantine only, or in both for other reasons, in the order of their keys.

    Raises:
        DamageError: a quarantine is not the one that ``store.json`` names.
    """
    recorded = [store.description.get("quarantine") for store in (here, there)]
    if recorded[0] is not None and recorded[0] == recorded[1]:
        return
    lines = merge(_reasons(here, side=0), _reasons(there, side=1))
    for key, group in groupby(lines, key=lambda line: line[0]):
        reasons: tuple[set[str], set[str]] = (set(), set())
        for _, side, reason in group:
            reasons[side].add(reason)
        if reasons[0] != reasons[1]:
            yield InQuarantine(key, *(", ".join(sorted(some)) or None for some in reasons))


def _made_with(store: StoreInfo) -> Mapping[str, Any]:
    numbers = store.description.get("numbers", {})
    return {
        "device": numbers.get("device"),
        "versions": numbers.get("versions", {}),
        "format_version": store.description.get("format_version"),
    }


def _feature_settings(store: StoreInfo, features: Container[str] | None) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = store.config.get("features", {})
    return {name: groups for name, groups in settings.items() if features is None or name in features}


def _of_one_only(what: str, here: Collection[str], there: Collection[str]) -> Iterator[str]:
    for name in sorted({*here} ^ {*there}):
        yield f"{what} {name}: only in {'A' if name in here else 'B'}"


def _reasons(store: StoreInfo, *, side: int) -> Iterator[tuple[str, int, str]]:
    """(key, side, reason) of each line, sorted as the file is."""
    path = store.paths.quarantine
    try:
        if file_digest(path) != store.description["quarantine"]["digest"]:
            raise ValueError("it is not the one that store.json names")
        with open(path, encoding="ascii") as lines:
            for line in lines:
                values = json.loads(line)
                yield values["key"], side, values["reason"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamageError(f"{path} cannot be compared: {error}", hint=REPAIR_HINT) from error
