"""The base of all groups of the config, and the kinds of values that their knobs have."""

from __future__ import annotations

import os
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, WithJsonSchema
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

EPSILON_FLOAT32 = 2.0**-23
"""1.1920928955078125e-07, the spacing of float32 at 1: Kaldi's floor under every logarithm."""

MAX_FRAME_SAMPLES = 2**20


def _path_text(value: Any) -> str:
    """A path as the file system spells it: pydantic's own ``str`` refuses names that are not UTF-8."""
    if not isinstance(value, str | os.PathLike):
        raise PydanticCustomError("string_type", "a path must be text")
    path = os.fsdecode(value)
    if not path or "\0" in path:
        raise PydanticCustomError("bad_path", "a path must not be empty or hold a NUL character")
    return path


def _without_minus_zero(value: float) -> float:
    """-0.0 equals 0.0 but is written differently, which would give one configuration two digests."""
    return value + 0.0


def _not_nearly_whole(value: Any) -> Any:
    """``Literal`` compares with ==, to which True and 1.0 are 1."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "expected a whole number")
    return value


def _frozen(value: Any) -> Any:
    """YAML and JSON have lists; a frozen group holds tuples."""
    return tuple(value) if isinstance(value, list) else value


PathText: TypeAlias = Annotated[str, PlainValidator(_path_text), WithJsonSchema({"type": "string", "minLength": 1})]
Real: TypeAlias = Annotated[float, AfterValidator(_without_minus_zero)]
Reals: TypeAlias = Annotated[tuple[Real, ...], BeforeValidator(_frozen)]
WholeNumber = BeforeValidator(_not_nearly_whole)
"""To annotate a ``Literal`` of whole numbers with."""

HZ: JsonDict = {"unit": "Hz"}
SAMPLES: JsonDict = {"unit": "samples"}
SECONDS: JsonDict = {"unit": "s"}
DECIBELS: JsonDict = {"unit": "dB"}
FRAMES: JsonDict = {"unit": "frames"}


class Group(BaseModel):
    """The base of all groups: frozen, strict about types, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
