"""The clips that stand out: the shortest, the longest, ..., and a few at random.

Which ones follows from the manifest alone: of clips that are equal the first keys are taken, and chance has a seed, so
that equal stores show equal clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiofeat.page.clips import Clips

_SEED = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to stand out."""

    name: str
    column: str
    is_largest: bool
    above: float = -np.inf
    """Clips that are no more than that do not stand out."""

    def best(self, clips: Clips, *, most: int) -> list[int]:
        """The numbers of the clips that do most, the first one first."""
        values = clips.measured[self.column]
        order = np.argsort(-values if self.is_largest else values, kind="stable")[:most]
        return [number for number in order.tolist() if values[number] > self.above]

    def condition(self, border: float) -> str:
        """What ``audiofeat manifest --where`` takes for all clips up to a border, that one included."""
        return f"{self.column} {'>=' if self.is_largest else '<='} {border!r}"


KINDS = (
    Kind("shortest", "duration_seconds", is_largest=False),
    Kind("longest", "duration_seconds", is_largest=True),
    Kind("loudest", "rms", is_largest=True),
    Kind("quietest", "rms", is_largest=False),
    Kind("most clipped", "clipped_share", is_largest=True, above=0.0),
    Kind("most silent", "silent_share", is_largest=True, above=0.0),
)
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Border:
    """How far a kind was followed."""

    kind: str
    shown: int
    of: int
    """The clips up to the border, be they equal to the last one that is shown."""
    where: str


def chosen(clips: Clips, *, of_each: int, n_random: int = 0) -> dict[int, tuple[str, ...]]:
    """Clips by number, the random ones first, then kind by kind; of each, the kinds that it was chosen for."""
    kinds: dict[int, tuple[str, ...]] = {}
    for name, numbers in _by_kind(clips, of_each=of_each, n_random=n_random).items():
        for number in numbers:
            kinds[number] = (*kinds.get(number, ()), name)
    return kinds


def borders(clips: Clips, *, of_each: int) -> list[Border]:
    """Where each kind was cut off, for kinds of which there is a clip."""
    found = []
    for kind in KINDS:
        numbers = kind.best(clips, most=of_each)
        if numbers:
            values = clips.measured[kind.column]
            last = float(values[numbers[-1]])
            of = int(np.count_nonzero(values >= last if kind.is_largest else values <= last))
            found.append(Border(kind.name, len(numbers), of, kind.condition(last)))
    return found


def _by_kind(clips: Clips, *, of_each: int, n_random: int) -> dict[str, list[int]]:
    """RandomState, since its numbers are the same in every version of NumPy (NEP 19)."""
    random = np.random.RandomState(_SEED)
    by_chance = sorted(random.choice(len(clips), min(n_random, len(clips)), replace=False).tolist()) if n_random else []
    return {RANDOM: by_chance, **{kind.name: kind.best(clips, most=of_each) for kind in KINDS}}
