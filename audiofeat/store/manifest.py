"""The manifest: one row a clip, sorted by key, as a Parquet file whose bytes depend on the rows only.

Behind the columns of :data:`SCHEMA` stand those that the source has of its own, each as ``meta.NAME``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audiofeat.records import ClipRow, MetaValue

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("start_seconds", pa.float64()),
        pa.field("end_seconds", pa.float64()),
        pa.field("channel", pa.int32()),
        pa.field("sample_rate", pa.int32(), nullable=False),
        pa.field("channels", pa.int32(), nullable=False),
        pa.field("duration_seconds", pa.float64(), nullable=False),
        pa.field("frames", pa.int64(), nullable=False),
        pa.field("row_offset", pa.int64(), nullable=False),
        pa.field("source_digest", pa.string(), nullable=False),
        pa.field("decoder", pa.string(), nullable=False),
        pa.field("peak", pa.float32(), nullable=False),
        pa.field("rms", pa.float32(), nullable=False),
        pa.field("clipped_share", pa.float32(), nullable=False),
        pa.field("silent_share", pa.float32(), nullable=False),
        pa.field("feature_digest", pa.string(), nullable=False),
        pa.field("parent", pa.string()),
        pa.field("excerpt", pa.string()),
        pa.field("source_seconds", pa.float64()),
        pa.field("shard", pa.string(), nullable=False),
    ]
)
_ROW_GROUP = 65_536
_INT64 = range(-(2**63), 2**63)
_LARGEST = 2**1023
"""JSON's whole numbers may be larger than any float."""


def with_meta(table: pa.Table, names: Sequence[str], meta: Mapping[str, Sequence[MetaValue]]) -> pa.Table:
    """The manifest with a column ``meta.NAME`` for each of ``names``.

    Args:
        meta: by the key of the source's clip, its values in the order of ``names``.
    """
    if not names:
        return table
    values = [meta[key] for key in clip_keys(table)]
    for number, name in enumerate(names):
        table = table.append_column(f"meta.{name}", _meta_column([row[number] for row in values]))
    return table


def clip_keys(table: pa.Table) -> Iterator[str]:
    """The keys of the source's clips that the rows were cut out of, row by row."""
    for batch in table.to_batches(max_chunksize=_ROW_GROUP):
        keys = batch.column("key").to_pylist()
        parents = batch.column("parent").to_pylist() if "parent" in batch.schema.names else repeat(None)
        yield from (parent or key for key, parent in zip(keys, parents))  # noqa: B905  # of keys alone there is an end


def _meta_column(values: list[MetaValue]) -> pa.Array:
    """One type a column: what all values are, or numbers, or else text."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return pa.array(values, pa.bool_())
    if known and all(map(_is_number, known)):
        is_whole = all(isinstance(value, int) and _INT64.start <= value < _INT64.stop for value in known)
        return pa.array(values, pa.int64()) if is_whole else pa.array(_as_floats(values), pa.float64())
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pa.array(texts, pa.string())


def _is_number(value: MetaValue) -> bool:
    """Whether it is one, a truth value is none, and a float can hold it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _as_floats(values: Iterable[MetaValue]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


def rows_of(table: pa.Table) -> Iterator[tuple[str, ClipRow]]:
    """The (shard name, row) pairs of a manifest, batch by batch."""
    names = [name for name in SCHEMA.names if name in table.column_names]  # a store of format version 1 lacks some
    for batch in table.select(names).to_batches(max_chunksize=_ROW_GROUP):
        for values in batch.to_pylist():
            yield values.pop("shard"), ClipRow.from_json(values)


def encode_manifest(table: pa.Table) -> bytes:
    """The Parquet file of a manifest, whose bytes do not depend on how the table lies in memory."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        for start in range(0, max(len(table), 1), _ROW_GROUP):
            writer.write_table(table.slice(start, _ROW_GROUP).combine_chunks(), row_group_size=_ROW_GROUP)
    return sink.getvalue()


def read_manifest(path: Path) -> pa.Table:
    """The manifest at ``path``.

    Raises:
        OSError: it cannot be read; pyarrow.ArrowInvalid (a ValueError): it is not a Parquet file.
    """
    return pq.read_table(path)


def found_texts(path: Path, names: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    """What a manifest that nobody vouches for says in columns of text, row by row; None where it has no such column.

    Raises:
        ValueError: it cannot be read, or says something else there.
    """
    try:
        table = pq.read_table(path, use_threads=False)
        present = set(table.column_names)
        columns = [table.column(name).to_pylist() if name in present else repeat(None, len(table)) for name in names]
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is no manifest: {error}") from error
    for row in zip(*columns, strict=True):
        if not all(value is None or isinstance(value, str) for value in row):
            raise ValueError(f"{path} is no manifest: it says {row!r}")
        yield row
