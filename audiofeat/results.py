"""What is known of each clip, as columns by shard, until somebody asks for one of its clips.

A million results would take gigabytes as objects; a run goes through them in about the order of their shards, so those
of a few shards at a time are enough.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from audiofeat.records import ClipRow, Failure
from audiofeat.tasks import Reuse

if TYPE_CHECKING:
    from audiofeat.store.row_columns import RowColumns

_SHARDS_AT_HAND = 4


@dataclass(frozen=True, slots=True, eq=False)
class ShardResults:
    """What became of the clips that an earlier run had in one shard, or in none."""

    shard: str | None
    """None where no clip of it could be done."""
    rows: RowColumns | None
    failures: list[Failure]
    holds: tuple[str, ...]
    """As for :class:`audiofeat.tasks.Reuse`, of the clips that have rows; so is ``missing``."""
    missing: tuple[str, ...]

    def by_clip(self) -> dict[str, Reuse]:
        """By the keys of the source's clips, the results as objects."""
        rows: defaultdict[str, list[ClipRow]] = defaultdict(list)
        failures: defaultdict[str, list[Failure]] = defaultdict(list)
        for row in self.rows or ():
            rows[row.clip_key].append(row)
        for failure in self.failures:
            failures[failure.clip_key].append(failure)
        return {key: self._reuse(rows.get(key, ()), failures.get(key, ())) for key in rows.keys() | failures.keys()}

    def _reuse(self, rows: Sequence[ClipRow], failures: Sequence[Failure]) -> Reuse:
        return Reuse(
            shard=self.shard if rows else None,
            rows=tuple(rows),
            failures=tuple(failures),
            fingerprint=None,
            holds=self.holds if rows else (),
            missing=self.missing if rows else (),
        )


class Results(MutableMapping[str, Reuse]):
    """Results by the key of the source's clip."""

    def __init__(self) -> None:
        self._places: dict[str, ShardResults | Reuse] = {}
        self._opened = lru_cache(maxsize=_SHARDS_AT_HAND)(ShardResults.by_clip)

    @property
    def places(self) -> Mapping[str, ShardResults | Reuse]:
        """By key, the results, or where they are found."""
        return self._places

    def place_of(self, key: str) -> ShardResults | Reuse | None:
        return self._places.get(key)

    def put(self, key: str, place: ShardResults | Reuse) -> None:
        """Say where the result of a clip is found."""
        self._places[key] = place

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> Reuse:
        place = self._places[key]
        return place if isinstance(place, Reuse) else self._opened(place)[key]

    def __setitem__(self, key: str, result: Reuse) -> None:
        self._places[key] = result

    def __delitem__(self, key: str) -> None:
        del self._places[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
