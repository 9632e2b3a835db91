"""How messages name what somebody wrote, what they may have meant by it, and how many there are of a thing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_SHOWN_CHARACTERS = 60
_LIKE = 0.6


def did_you_mean(word: str, known: Iterable[str], *, likeness: float = _LIKE) -> str:
    """``; did you mean 'bands'?``, or nothing where no known word is like it (1 is the same, 0 nothing in common)."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=likeness)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""


def shown(value: object) -> str:
    """A value as a person would name it, cut where it gets long."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return f"the truth value {str(value).lower()}"
        case str():
            return f"the text {cut(repr(value))}"
        case int() | float():
            return cut(repr(value))
        case Mapping():
            return "a group of keys"
        case list() | tuple():
            return "a list"
    return f"a Python {type(value).__name__}"


def counted(number: int, noun: str) -> str:
    """``1 clip``, ``1,000 clips``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def cut(text: str) -> str:
    """The text, or its beginning and three dots where it is too long for a line of a message."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
