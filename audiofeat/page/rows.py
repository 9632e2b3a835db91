"""The table of clips: all of a small store, and of a large one those that stand out most.

A hundred thousand rows are no page; what is left out is told, with the command that lists it.
"""

from __future__ import annotations

from dataclasses import dataclass

from audiofeat.page.clips import Clips, shown_key, shown_meta, shown_name
from audiofeat.page.extremes import Border, borders, chosen
from audiofeat.page.numbers import decibels

MOST_ROWS = 1_200
_OF_EACH = 200


@dataclass(frozen=True, slots=True)
class ClipLine:
    """A row of the table."""

    key: str
    seconds: float
    frames: int
    level_db: float
    clipped_percent: float
    silent_percent: float
    sample_rate: int
    meta: list[str]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClipTable:
    """The rows in key order, and what they are of all."""

    lines: list[ClipLine]
    meta_names: list[str]
    n_clips: int
    kinds: list[str]
    borders: list[Border]
    """Empty where all clips are there."""


def clip_table(clips: Clips) -> ClipTable:
    """The table of a store."""
    is_whole = len(clips) <= MOST_ROWS
    marked = chosen(clips, of_each=_OF_EACH) if not is_whole else {}
    numbers = range(len(clips)) if is_whole else sorted(marked)
    names = clips.meta_names
    lines = [
        ClipLine(
            key=shown_key(row["key"]),
            seconds=row["duration_seconds"],
            frames=row["frames"],
            level_db=decibels(row["rms"]),
            clipped_percent=100.0 * row["clipped_share"],
            silent_percent=100.0 * row["silent_share"],
            sample_rate=row["sample_rate"],
            meta=shown_meta(row, names),
            kinds=marked.get(number, ()),
        )
        for number, row in zip(numbers, clips.rows(numbers), strict=True)
    ]
    cut_off = [] if is_whole else borders(clips, of_each=_OF_EACH)
    return ClipTable(lines, list(map(shown_name, names)), len(clips), [each.kind for each in cut_off], cut_off)
