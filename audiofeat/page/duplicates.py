"""Clips that are made of the same samples under several keys: of the same bytes, the same span and the same channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiofeat.page.clips import Clips, shown_key

_MOST_GROUPS = 100
_MOST_KEYS = 10
_SAME = ("source_digest", "start_seconds", "end_seconds", "channel")


@dataclass(frozen=True, slots=True)
class Group:
    """Clips that are one."""

    digest: str
    n_clips: int
    keys: tuple[str, ...]
    """The first of them."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """All groups, the largest ones shown."""

    n_groups: int
    n_clips: int
    """In all groups together."""
    groups: tuple[Group, ...]


def duplicates_of(clips: Clips) -> Duplicates:
    """Find them, by the manifest alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbered = clips.table.select(list(_SAME)).append_column("number", pa.array(range(len(clips)), pa.int64()))
    found = numbered.group_by(list(_SAME), use_threads=False).aggregate([("number", "list")]).column("number_list")
    several = found.filter(pc.greater(pc.list_value_length(found), 1)).to_pylist()  # most clips have no copy
    several.sort(key=lambda numbers: (-len(numbers), numbers[0]))
    groups = tuple(_group(clips, numbers) for numbers in several[:_MOST_GROUPS])
    return Duplicates(len(several), sum(map(len, several)), groups)


def _group(clips: Clips, numbers: Sequence[int]) -> Group:
    rows = clips.table.select(["key", "source_digest"]).take(numbers[:_MOST_KEYS]).to_pylist()
    return Group(rows[0]["source_digest"], len(numbers), tuple(shown_key(row["key"]) for row in rows))
