"""What is wrong with a config, in words for the person who wrote it: all of it at once, line by line::

job.yaml: 2 problems
  line 7   mel.bandz    unknown key; did you mean 'bands'?  (allowed: bands, fmin_hz, ...)
  --set    log.kind     'lnn': one of ln, log10, db; did you mean 'ln'?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from audiofeat.config.key_paths import KeyPath, model_at, values_at
from audiofeat.config.models import FEATURE_NAMES
from audiofeat.config.unknown_keys import features_written_out, meant_word, unknown_feature, unknown_key
from audiofeat.config.values import Values
from audiofeat.config.wording import cut, shown
from audiofeat.errors import ConfigError

_WHOLE_DOCUMENT = _NO_PLACE = "-"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One mistake: at which key, what is wrong with it, and where somebody wrote that."""

    path: KeyPath
    text: str
    place: str = ""
    """``line 7``, ``--set`` ...; empty where the path tells (or nobody wrote the key)."""
    involves: tuple[KeyPath, ...] = ()
    """All keys that a complaint about several keys weighs against each other."""


def rule_broken(text: str, at: KeyPath, *others: KeyPath) -> Complaint:
    """A rule between several keys, reported at the first of them."""
    return Complaint(at, text, involves=(at, *others))


def config_error(title: str, complaints: Iterable[Complaint], *, place_of: Callable[[KeyPath], str]) -> ConfigError:
    """One error that lists every complaint, in columns: place, dotted key, text."""
    rows = [
        (each.place or _first_place(each, place_of) or _NO_PLACE, _dotted(each.path) or _WHOLE_DOCUMENT, each.text)
        for each in dict.fromkeys(complaints)
    ]
    rows.sort(key=lambda row: _reading_order(row[0]))
    place_width, key_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    count = "1 problem" if len(rows) == 1 else f"{len(rows)} problems"
    lines = [f"  {place:{place_width}}   {key:{key_width}}   {text}" for place, key, text in rows]
    return ConfigError("\n".join([f"{title}: {count}", *lines]))


def complaints_of(error: ValidationError) -> list[Complaint]:
    """pydantic's list of mistakes, as one complaint for each key that they are about.

    Of a knob that takes several kinds of values pydantic says why the value is none of each; of a list, what is
    wrong with each item.
    """
    found: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        found.setdefault(_key_path(details), []).append(details)
    return [Complaint(path, _text(details, path)) for path, details in found.items()]


def _first_place(complaint: Complaint, place_of: Callable[[KeyPath], str]) -> str:
    """Of a rule between two keys, one of which is at its default, somebody wrote the other."""
    return next(filter(None, map(place_of, (complaint.path, *complaint.involves))), "")


def _dotted(path: KeyPath) -> str:
    """The path as in ``--set``; a key that would clear the screen or fill it is quoted and cut."""
    return ".".join(cut(key if key.isprintable() else repr(key)) for key in path)


def _reading_order(place: str) -> tuple[bool, int]:
    """The config's own lines from top to bottom, then everything else as it came."""
    word, _, number = place.partition(" ")
    is_line = word == "line"
    return not is_line, int(number) if is_line else 0


def _key_path(details: ErrorDetails) -> KeyPath:
    """The key, without what pydantic puts behind it: the kind of value that was tried, the number of a list's item."""
    path: list[str] = []
    for part in details["loc"]:
        if part == "[key]" or (path and values_at(tuple(path)) is not None):
            break
        path.append(str(part))
    return tuple(path)


def _text(found: list[ErrorDetails], path: KeyPath) -> str:
    first, values = found[0], values_at(path)
    if values is not None and len(values.kinds) > 1:
        return _not_one_of(first["input"], values, path)
    if isinstance(index := first["loc"][-1], int):
        more = f"  (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"item {index + 1}: {_one_text(first, path)}{more}"
    return _one_text(first, path)


def _one_text(details: ErrorDetails, path: KeyPath) -> str:
    value, limits, values = details["input"], details.get("ctx", {}), values_at(path)
    match details["type"]:
        case "extra_forbidden":
            return unknown_key(path)
        case "literal_error" if details["loc"][-1] == "[key]":
            return unknown_feature(path[-1])
        case "literal_error" | "string_unicode" if values is not None and values.choices:
            return _not_one_of(value, values, path)
        case "string_unicode":
            return f"expected text, got {shown(value)}, which is not Unicode"
        case "missing" | "too_short":
            return f"no feature is asked for; name at least one of {', '.join(FEATURE_NAMES)}"
        case "int_type" | "int_from_float":
            return f"expected a whole number, got {shown(value)}"
        case "float_type":
            return f"expected a number, got {shown(value)}"
        case "bool_type":
            return f"expected true or false, got {shown(value)}"
        case "string_type":
            is_path = values is not None and values.kinds[0].kind == "path"
            return f"expected {'a path as text' if is_path else 'text'}, got {shown(value)}"
        case "tuple_type":
            return f"expected a list of numbers, got {shown(value)}"
        case "bad_path":
            return f"a path must not be empty or hold a NUL character, got {shown(value)}"
        case "string_too_short":
            return "a name must not be empty"
        case "finite_number":
            return f"expected a finite number, got {shown(value)}"
        case "model_type" | "dict_type" | "model_attributes_type":
            way_out = f"; write features: {features_written_out(value)}" if path == ("features",) else ""
            return f"expected a group of keys ({_allowed(path)}), got {shown(value)}{way_out}"
        case "greater_than":
            return f"{shown(value)}: must be greater than {limits['gt']:g}"
        case "greater_than_equal":
            return f"{shown(value)}: must be at least {limits['ge']:g}"
        case "less_than_equal":
            return f"{shown(value)}: must be at most {limits['le']:.12g}"
    return f"{details['msg']}, got {shown(value)}"


def _not_one_of(value: object, values: Values, path: KeyPath) -> str:
    if isinstance(value, str):
        return f"{cut(repr(value))}: {values.sentence}{meant_word(value, map(str, values.choices), path=path)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{shown(value)}: {values.sentence}"
    return f"expected {values.sentence}, got {shown(value)}"


def _allowed(path: KeyPath) -> str:
    model = model_at(path)
    return ", ".join(model.model_fields if model else FEATURE_NAMES)
