"""``--part I/N``: which shards of a run are whose, where several runs make one store without knowing of each other.

A shard belongs to a part by its place among all that the listing is cut into. That depends neither on what is finished
already nor on when a part begins, and neighbours, which are often alike in length, go to different parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from audiofeat.errors import ConfigError

_Item = TypeVar("_Item")

WAIT_SECONDS = 60.0
"""As long as NFS may keep what it knows of a folder, by default."""

_MOST_LISTED = 10

_FROM_0 = "an array that counts from 0 says --part $((SLURM_ARRAY_TASK_ID + 1))/$SLURM_ARRAY_TASK_COUNT"
_FROM_1 = "one that counts from 1 --part $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"


@dataclass(frozen=True, slots=True)
class Part:
    """The shards at every ``count``-th place, from the one at ``number`` on."""

    number: int
    """From 1 on."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read ``2/3``. Raises ConfigError."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        if found is None:
            raise ConfigError(f"--part {text!r} is not I/N, the number of a part and how many there are", hint=_HINT)
        part = cls(int(found[1]), int(found[2]))
        if not 1 <= part.number <= part.count:
            raise ConfigError(
                f"--part {part}: there is no part {part.number} of {part.count}", hint=f"{_HINT}; {_FROM_0}, {_FROM_1}"
            )
        return part

    def share(self, places: Sequence[_Item]) -> Sequence[_Item]:
        """What of all places is this part's."""
        return places[self.number - 1 :: self.count]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


_HINT = "parts are 1/N, 2/N and so on to N/N, such as --part 2/3"


def parts_of(places: Iterable[int], *, count: int) -> list[Part]:
    """Those of ``count`` parts that shards belong to, by their places, counted from 0."""
    return [Part(number, count) for number in sorted({place % count + 1 for place in places})]


def missing_text(places: Sequence[int], *, n_shards: int, count: int) -> str:
    """``shards 3, 7 and 11 of 12: parts 1/3 and 2/3``, of places counted from 0."""
    parts = list(map(str, parts_of(places, count=count)))
    shards = f"{_plural('shard', places)} {_listed([str(place + 1) for place in places])} of {n_shards:,}"
    return f"{shards}: {_plural('part', parts)} {_listed(parts)}"


def _plural(noun: str, things: Sequence[object]) -> str:
    return noun if len(things) == 1 else f"{noun}s"


def _listed(words: Sequence[str]) -> str:
    """``3, 7 and 11``; of very many the first ones."""
    first, last = words[:-1], words[-1]
    if len(words) > _MOST_LISTED:
        first, last = words[:_MOST_LISTED], f"{len(words) - _MOST_LISTED:,} more"
    return f"{', '.join(first)} and {last}" if first else last
