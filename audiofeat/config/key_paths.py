"""What the models have at a path of keys: ``("features", "mfcc", "mel", "bands")``, as ``--set`` names it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from pydantic import BaseModel

from audiofeat.config.models import Config, Overrides
from audiofeat.config.values import Values, values_of

KeyPath: TypeAlias = tuple[str, ...]


def values_at(path: KeyPath) -> Values | None:
    """What the knob at a path may hold; None for groups and unknown keys."""
    model = model_at(path[:-1])
    field = model.model_fields.get(path[-1]) if model else None
    is_group = field is None or path == ("features",) or bool(keys_of(field.annotation))
    return None if field is None or is_group else values_of(field)


def model_at(path: KeyPath) -> type[BaseModel] | None:
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
        if not keys_of(annotation):
            return None
        model = annotation
    return model


def keys_of(annotation: Any) -> Iterable[str]:
    """The keys of a group; none of what is no group."""
    return annotation.model_fields if isinstance(annotation, type) and issubclass(annotation, BaseModel) else ()
