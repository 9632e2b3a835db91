"""JSON from somebody else (RFC 8259, strictly), and what of it can stand as one meta value."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from audiofeat.records import MetaValue

_INT64_END = 2**63
_MOST_DIGITS = 4_300


def json_object(text: str) -> dict[str, Any]:
    """The one JSON object that ``text`` is.

    Raises:
        ValueError: it is something else, names a key twice, or holds NaN or Infinity; the text says so.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1:,}") from None
    if not isinstance(value, dict):
        raise NoObjectError(f"expected an object, {{...}}, got {_kind(value)}")
    return value


class NoObjectError(ValueError):
    """The text is JSON, but no object."""


def meta_value(value: object) -> MetaValue:
    """A JSON value as a meta value: scalars as they are; lists and objects, and whole numbers beyond 64 bits, as text.

    Raises:
        ValueError: a number too large for a float, or text that is no Unicode.
    """
    if isinstance(value, str):
        return _checked_text(value)
    if isinstance(value, int):  # bool too
        return value if -_INT64_END <= value < _INT64_END else str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number too large for 64 bits")
        return value
    return None if value is None else _checked_text(compact(value))


def compact(value: object) -> str:
    """``value`` as JSON text without spaces; what JSON cannot hold, as its text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _checked_text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("holds half a surrogate pair, which is no character") from None
    return text


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a number"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; null stands for a missing value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(f"the key {twice!r} is there twice")
    return values


def _whole_number(digits: str) -> int:
    """Reading a number takes the square of its digits in time; Python 3.11 stops here too, but in other words."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits):,} digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_whole_number, parse_constant=_no_constant, object_pairs_hook=_unique)
