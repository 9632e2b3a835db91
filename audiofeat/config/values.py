"""What a knob may hold, read off its model's annotation: in words for people, as JSON schema for editors.

pydantic has a JSON schema of its own, but a limit on a number that may be null comes out of it as a keyword that
JSON schema does not know.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import PlainValidator
from pydantic.fields import FieldInfo

Scalar: TypeAlias = "str | int | float | bool | None"

_NAMES = {"integer": "whole number", "number": "number", "string": "text", "path": "path", "array": "list of numbers"}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "min_length": "minLength"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: a number within limits, a text, a path, a list of numbers, or one of a few words."""

    kind: Literal["integer", "number", "string", "path", "array", "choice"]
    choices: tuple[Scalar, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    """JSON schema's keyword and the limit, such as ``("minimum", 1)``."""

    @property
    def words(self) -> str:
        """Such as ``whole number from 1 to 4096`` or ``ln, log10, db``."""
        if self.kind == "choice":
            return ", ".join(scalar_text(choice) for choice in self.choices)
        limits = dict(self.limits)
        low, above, high = (limits.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
        name = _NAMES[self.kind]
        if low is not None and high is not None:
            return f"{name} from {low} to {high}"
        if low is not None:
            return f"{name} of at least {low}"
        if above is not None and high is not None:
            return f"{name} above {above} and up to {high}"
        return f"{name} above {above}" if above is not None else name

    @property
    def schema(self) -> dict[str, Any]:
        if self.kind == "choice":
            return {"enum": list(self.choices)}
        if self.kind == "path":
            return {"type": "string", "minLength": 1}
        schema: dict[str, Any] = {"type": self.kind, **dict(self.limits)}
        return {**schema, "items": {"type": "number"}} if self.kind == "array" else schema


@dataclass(frozen=True, slots=True)
class Values:
    """All that a knob may hold: one kind of value or several, and perhaps null."""

    kinds: tuple[Kind, ...]
    or_null: bool

    @property
    def choices(self) -> tuple[Scalar, ...]:
        """The words among the values."""
        return tuple(choice for kind in self.kinds for choice in kind.choices)

    @property
    def words(self) -> str:
        """For tables: ``whole number from 1000 to 768000, or native``."""
        return ", or ".join([*(kind.words for kind in self.kinds), *(["null"] if self.or_null else [])])

    @property
    def sentence(self) -> str:
        """For messages: ``a whole number from 0 to 1023, or one of mix, first, each``."""
        return ", or ".join([*map(_with_article, self.kinds), *(["null"] if self.or_null else [])])

    @property
    def schema(self) -> dict[str, Any]:
        schemas = [kind.schema for kind in self.kinds] + ([{"type": "null"}] if self.or_null else [])
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def values_of(field: FieldInfo) -> Values:
    """Read a field's annotation.

    Raises:
        TypeError: it holds something that no knob has so far.
    """
    limits = dict(_limits(field.metadata))
    is_path = _is_path(field.metadata)
    annotation: Any = field.annotation
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    kinds = [_kind(member, limits, is_path=is_path) for member in members if member is not types.NoneType]
    return Values(tuple(kinds), or_null=types.NoneType in members)


def scalar_text(value: Scalar) -> str:
    """As YAML writes it, without quotes."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(annotation: Any, limits: dict[str, float], *, is_path: bool) -> Kind:
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        limits, is_path = {**limits, **dict(_limits(metadata))}, is_path or _is_path(metadata)
    if get_origin(annotation) is Literal:
        return Kind("choice", choices=get_args(annotation))
    if annotation is bool:
        return Kind("choice", choices=(True, False))
    if annotation is str:
        return Kind("path" if is_path else "string", limits=tuple(limits.items()))
    if annotation in (int, float):
        return Kind("integer" if annotation is int else "number", limits=tuple(limits.items()))
    if get_origin(annotation) is tuple:
        return Kind("array")
    raise TypeError(f"no kind of value is known for the annotation {annotation!r}")


def _limits(metadata: Iterable[Any]) -> Iterator[tuple[str, float]]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        for name, keyword in _LIMITS.items():
            if (limit := getattr(item, name, None)) is not None:
                yield keyword, limit


def _is_path(metadata: Iterable[Any]) -> bool:
    return any(isinstance(item, PlainValidator) for item in metadata)


def _with_article(kind: Kind) -> str:
    if kind.kind == "choice":
        return f"one of {kind.words}" if len(kind.choices) > 1 else kind.words
    return f"a {kind.words}"
