"""The clips that could not be done, by reason, each with what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from audiofeat.page.clips import shown_key
from audiofeat.page.numbers import cut
from audiofeat.records import Failure

_MOST_LETTERS = 200
_MOST_OF_A_REASON = 100
_MOST_LINES = 500
_HINT = "mend the file or fetch it again, then `audiofeat retry STORE`"


@dataclass(frozen=True, slots=True)
class FailureLine:
    """A row of the table."""

    key: str
    reason: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Failures of one kind."""

    reason: str
    n_clips: int
    n_shown: int
    is_by_choice: bool
    """Whether the configuration leaves such clips out."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Reasons, the most frequent ones first and those by choice last; and the first clips of each."""

    reasons: tuple[Reason, ...]
    lines: tuple[FailureLine, ...]

    @property
    def n_failed(self) -> int:
        return sum(each.n_clips for each in self.reasons if not each.is_by_choice)

    @property
    def first_cut(self) -> str:
        """The first reason of which there are more clips than are shown; empty where all are shown."""
        return next((each.reason for each in self.reasons if each.n_shown < each.n_clips), "")


def quarantine_of(failures: Sequence[Failure]) -> Quarantine:
    """Group the failures of a store, which are sorted by key."""
    by_reason: defaultdict[tuple[bool, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        by_reason[failure.is_by_choice, failure.reason].append(failure)
    reasons: list[Reason] = []
    lines: list[FailureLine] = []
    order = sorted(by_reason, key=lambda kind: (kind[0], -len(by_reason[kind]), kind[1]))
    for is_by_choice, reason in order:
        group = by_reason[is_by_choice, reason]
        first = group[: max(0, min(_MOST_OF_A_REASON, _MOST_LINES - len(lines)))]
        reasons.append(Reason(cut(reason, most=_MOST_LETTERS), len(group), len(first), is_by_choice))
        lines += map(_line, first)
    return Quarantine(tuple(reasons), tuple(lines))


def _line(failure: Failure) -> FailureLine:
    texts = (failure.reason, failure.message, failure.hint or _HINT)
    return FailureLine(shown_key(failure.key), *(cut(text, most=_MOST_LETTERS) for text in texts))
