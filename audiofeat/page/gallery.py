"""A few clips with a picture each: some at random, and those that stand out most; only here are features read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audiofeat.page.clips import Clips, shown_key, shown_meta, shown_name
from audiofeat.page.extremes import KINDS, RANDOM, chosen
from audiofeat.page.numbers import decibels, short
from audiofeat.page.pictures import drawn_feature, pictures_of
from audiofeat.page.players import Player, Players
from audiofeat.plot.of_store import stored_recipe
from audiofeat.plot.scales import ColumnScale, column_scale
from audiofeat.reading.store import Store

_OF_EACH = 4
_N_RANDOM = 8


@dataclass(frozen=True, slots=True)
class Card:
    """A clip of the gallery."""

    key: str
    kinds: tuple[str, ...]
    picture: str
    """Empty where there is no frame."""
    alternative: str
    facts: tuple[str, ...]
    player: Player


@dataclass(frozen=True, slots=True)
class Gallery:
    """The clips, and what their pictures have in common."""

    cards: tuple[Card, ...]
    kinds: tuple[str, ...]
    feature: str
    upwards: str
    """What the rows of a picture are."""
    bar: str
    low: str
    high: str
    label: str
    note: str
    """Of the source as a whole."""


def gallery_of(store: Store, clips: Clips, players: Players) -> Gallery:
    """Choose the clips and draw them. Raises DamageError."""
    spec = drawn_feature(store.features)
    marked = chosen(clips, of_each=_OF_EACH, n_random=_N_RANDOM)
    numbers = list(marked)
    rows = clips.rows(numbers)
    pictures = pictures_of(store, numbers, spec)
    cards = tuple(
        _card(row, marked[number], picture, players.player(row), clips=clips, feature=spec.name)
        for number, row, picture in zip(numbers, rows, pictures.addresses, strict=True)
    )
    present = {kind for kinds in marked.values() for kind in kinds}
    scale = column_scale(spec, stored_recipe(store, sample_rate_hz=None))
    return Gallery(
        cards,
        tuple(kind for kind in (RANDOM, *(each.name for each in KINDS)) if kind in present),
        spec.name,
        "the waveform's outline" if spec.name == "waveform" else _upwards(scale),
        pictures.bar,
        short(pictures.low),
        short(pictures.high),
        pictures.label,
        players.note,
    )


def _card(
    row: Mapping[str, Any], kinds: tuple[str, ...], picture: str, player: Player, *, clips: Clips, feature: str
) -> Card:
    key, seconds = shown_key(row["key"]), row["duration_seconds"]
    names = clips.meta_names
    told = zip(names, shown_meta(row, names), strict=True)
    clipped, silent = (f"{short(100.0 * row[name])} %" for name in ("clipped_share", "silent_share"))
    facts = (
        f"{short(seconds)} s, {row['frames']:,} frames",
        f"{short(decibels(row['rms']))} dB, {clipped} clipped, {silent} silent",
        *(f"{shown_name(name)}: {value}" for name, value in told if value),
    )
    return Card(key, kinds, picture, f"{feature} of {key}, {short(seconds)} seconds", facts, player)


def _upwards(scale: ColumnScale) -> str:
    if scale.kind == "hz":
        return f"0 to {short(scale.high)} Hz upwards"
    if scale.kind.startswith("mel"):
        return "mel bands upwards"
    return f"{scale.kind}s upwards"
