"""The manifest: one row a clip, sorted by key, as a Parquet file whose bytes depend on the rows only."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audiofeat.records import ClipRow

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
        pa.field("shard", pa.string(), nullable=False),
    ]
)
_ROW_GROUP = 65_536


def manifest_table(shards: Iterable[tuple[str, Iterable[ClipRow]]]) -> pa.Table:
    """The manifest of shards, given as (shard name, rows) in the order of their keys."""
    batches = []
    for name, rows in shards:
        columns = [row.to_json() | {"shard": name} for row in rows]
        batches.append(pa.RecordBatch.from_pylist(columns, schema=SCHEMA))
    return pa.Table.from_batches(batches, schema=SCHEMA).sort_by("key")


def rows_of(table: pa.Table) -> Iterator[tuple[str, ClipRow]]:
    """The (shard name, row) pairs of a manifest, batch by batch."""
    for batch in table.to_batches(max_chunksize=_ROW_GROUP):
        for values in batch.to_pylist():
            yield values.pop("shard"), ClipRow.from_json(values)


def encode_manifest(table: pa.Table) -> bytes:
    """The Parquet file of a manifest."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP)
    return sink.getvalue()


def read_manifest(path: Path) -> pa.Table:
    """The manifest at ``path``.

    Raises:
        OSError: it cannot be read; pyarrow.ArrowInvalid (a ValueError): it is not a Parquet file.
    """
    return pq.read_table(path)
