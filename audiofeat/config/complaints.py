"""What is wrong with a config, in words for the person who wrote it: all of it at once, line by line::

job.yaml: 2 problems
  line 7   mel.bandz    unknown key; did you mean 'bands'?  (allowed: bands, fmin_hz, ...)
  --set    log.kind     'lnn': one of ln, log10, db; did you mean 'ln'?
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from audiofeat.config.models import FEATURE_NAMES, Config, Overrides
from audiofeat.config.values import Values, values_of
from audiofeat.errors import ConfigError

KeyPath: TypeAlias = tuple[str, ...]

_SHOWN_CHARACTERS = 60
_LIKE, _VERY_LIKE = 0.6, 0.8
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


def _first_place(complaint: Complaint, place_of: Callable[[KeyPath], str]) -> str:
    """Of a rule between two keys, one of which is at its default, somebody wrote the other."""
    return next(filter(None, map(place_of, (complaint.path, *complaint.involves))), "")


def cut(text: str) -> str:
    """The text, or its beginning and three dots where it is too long for a line of a message."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


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
        if part == "[key]" or (path and _values_at(tuple(path)) is not None):
            break
        path.append(str(part))
    return tuple(path)


def _text(found: list[ErrorDetails], path: KeyPath) -> str:
    first, values = found[0], _values_at(path)
    if values is not None and len(values.kinds) > 1:
        return _not_one_of(first["input"], values)
    if isinstance(index := first["loc"][-1], int):
        more = f"  (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"item {index + 1}: {_one_text(first, path)}{more}"
    return _one_text(first, path)


def _one_text(details: ErrorDetails, path: KeyPath) -> str:
    value, limits, values = details["input"], details.get("ctx", {}), _values_at(path)
    match details["type"]:
        case "extra_forbidden":
            return _unknown_key(path)
        case "literal_error" if details["loc"][-1] == "[key]":
            return _unknown_feature(path[-1])
        case "literal_error" | "string_unicode" if values is not None and values.choices:
            return _not_one_of(value, values)
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
            return f"expected a group of keys ({_allowed(path)}), got {shown(value)}"
        case "greater_than":
            return f"{shown(value)}: must be greater than {limits['gt']:g}"
        case "greater_than_equal":
            return f"{shown(value)}: must be at least {limits['ge']:g}"
        case "less_than_equal":
            return f"{shown(value)}: must be at most {limits['le']:.12g}"
    return f"{details['msg']}, got {shown(value)}"


def _unknown_key(path: KeyPath) -> str:
    *group, key = path
    model = _model_at(tuple(group))
    allowed = [*(["extends"] if model is Config else []), *(model.model_fields if model else [])]
    meant = (
        did_you_mean(key, allowed, likeness=_VERY_LIKE)
        or _belongs_elsewhere(key, inside_feature=model is Overrides)
        or did_you_mean(key, allowed)
    )
    return f"unknown key{meant}  (allowed: {', '.join(allowed)})"


def _belongs_elsewhere(key: str, *, inside_feature: bool) -> str:
    """A key that is right, but not where it was written, is the likeliest mistake after a misspelling."""
    if inside_feature and key in Config.model_fields:
        return f"; {key!r} is shared by all features: set it at the top level"
    if not inside_feature and key in FEATURE_NAMES:
        return "; a feature: it belongs under 'features'"
    for group, field in (Overrides if inside_feature else Config).model_fields.items():
        if key in _keys_of(field.annotation):
            return f"; did you mean '{group}.{key}'?"
    return ""


def _unknown_feature(name: str) -> str:
    return f"unknown feature{did_you_mean(name, FEATURE_NAMES)}  (there are: {', '.join(FEATURE_NAMES)})"


def _not_one_of(value: object, values: Values) -> str:
    found = repr(value) if isinstance(value, str) else shown(value)
    meant = did_you_mean(value, map(str, values.choices)) if isinstance(value, str) else ""
    return f"{cut(found)}: {values.sentence}{meant}"


def _allowed(path: KeyPath) -> str:
    model = _model_at(path)
    return ", ".join(model.model_fields if model else FEATURE_NAMES)


def _values_at(path: KeyPath) -> Values | None:
    """What the knob at a path may hold; None for groups and unknown keys."""
    model = _model_at(path[:-1])
    field = model.model_fields.get(path[-1]) if model else None
    is_group = field is None or path == ("features",) or bool(_keys_of(field.annotation))
    return None if field is None or is_group else values_of(field)


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    """The model whose keys are allowed at a path; None for ``features``, whose keys are feature names, and where
    there is no group."""
    if path == ("features",):
        return None
    model: type[BaseModel] = Config
    if path[:1] == ("features",):
        model, path = Overrides, path[2:]
    for key in path:
        field = model.model_fields.get(key)
        annotation: Any = field.annotation if field else None
        if not _keys_of(annotation):
            return None
        model = annotation
    return model


def _keys_of(annotation: Any) -> Iterable[str]:
    return annotation.model_fields if isinstance(annotation, type) and issubclass(annotation, BaseModel) else ()
