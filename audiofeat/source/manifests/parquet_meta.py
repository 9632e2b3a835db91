"""Columns of a Parquet file as meta values."""

from __future__ import annotations

import math
from typing import Any

from audiofeat.records import MetaValue
from audiofeat.source.manifests.json_values import compact

_INT64_END = 2**63


def is_text(kind: Any) -> bool:
    """Whether the Arrow type ``kind`` is text, dictionary-encoded or not."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind))


def is_bytes(kind: Any) -> bool:
    """Whether the Arrow type ``kind`` is bytes."""
    import pyarrow.types as types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def holds_bytes(kind: Any) -> bool:
    """Whether the Arrow type ``kind`` is bytes, or has bytes anywhere inside."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return holds_bytes(kind.value_type)
    inside = (kind.field(number).type for number in range(kind.num_fields))
    return is_bytes(kind) or (types.is_nested(kind) and any(map(holds_bytes, inside)))


def meta_values(array: Any) -> list[MetaValue]:
    """An Arrow array as meta values: scalars as they are, NaN as None, times as text, lists and structs as JSON."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.types as types

    kind = array.type
    if types.is_dictionary(kind):
        return meta_values(array.dictionary_decode())
    if types.is_nested(kind):
        return [None if value is None else compact(value) for value in array.to_pylist()]
    if types.is_timestamp(kind) and kind.tz is not None:  # in UTC: the time zone's own needs a table of zones
        utc = pyarrow.compute.cast(array.cast(pyarrow.timestamp(kind.unit)), pyarrow.string())
        return [None if value is None else f"{value}Z" for value in utc.to_pylist()]
    if types.is_temporal(kind) or types.is_decimal(kind):
        texts: list[MetaValue] = pyarrow.compute.cast(array, pyarrow.string()).to_pylist()
        return texts
    values: list[Any] = array.to_pylist()
    if types.is_floating(kind):
        return [None if value is None or math.isnan(value) else value for value in values]
    if types.is_uint64(kind):
        return [value if value is None or value < _INT64_END else str(value) for value in values]
    return values
