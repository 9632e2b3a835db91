"""Rows of the manifest as columns: a fifth of the memory that a million :class:`ClipRow` would take.

What an earlier run has left of a million clips is held like this, and made into rows shard by shard where it is looked
at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from audiofeat.records import ClipRow, Columns
from audiofeat.store.manifest import SCHEMA, clip_keys

ROW_SCHEMA = SCHEMA.remove(SCHEMA.get_field_index("shard"))
_ROWS_AT_ONCE = 4_096


class RowColumns:
    """Rows that cannot change; going through them makes one after another."""

    __slots__ = ("table",)

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        """Its columns are those of :data:`ROW_SCHEMA`, or some of them where an older version wrote them."""

    @classmethod
    def of(cls, rows: Iterable[ClipRow]) -> RowColumns:
        return cls.of_lists(ClipRow.columns_of(list(rows)))

    @classmethod
    def of_lists(cls, columns: Columns) -> RowColumns:
        """Rows that are columns already."""
        return cls(pa.table({name: columns[name] for name in ROW_SCHEMA.names}, schema=ROW_SCHEMA))

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[ClipRow]:
        for batch in self.table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from map(ClipRow, *(_values(batch, field.name, default=field.default) for field in fields(ClipRow)))

    def column(self, name: str) -> Iterator[Any]:
        """The values of one column."""
        for batch in self.table.select([name]).to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from batch.column(0).to_pylist()

    @property
    def clip_keys(self) -> Iterator[str]:
        """Of each row the key of the source's clip."""
        return clip_keys(self.table)

    @property
    def parents(self) -> Iterator[str]:
        """The keys of the source's clips that were cut into several."""
        return filter(None, self.column("parent") if "parent" in self.table.column_names else ())


def _values(batch: pa.RecordBatch, name: str, *, default: Any) -> Iterable[Any]:
    if name in batch.schema.names:
        values: list[Any] = batch.column(name).to_pylist()
        return values
    if default is MISSING:
        raise KeyError(name)
    return repeat(default, len(batch))


def by_shard(manifest: pa.Table) -> Iterator[tuple[str, RowColumns]]:
    """The rows of each shard of a manifest, without a copy of them."""
    columns = manifest.select([name for name in ROW_SCHEMA.names if name in manifest.column_names])
    runs: dict[str, list[pa.Table]] = {}
    for name, start, end in _runs(manifest):
        runs.setdefault(name, []).append(columns.slice(start, end - start))
    for name, slices in runs.items():
        yield name, RowColumns(pa.concat_tables(slices))


def _runs(manifest: pa.Table) -> Iterator[tuple[str, int, int]]:
    """Rows in succession that have one shard: its name, the first row and the one behind the last."""
    name, start, row = "", 0, 0
    for batch in manifest.select(["shard"]).to_batches(max_chunksize=_ROWS_AT_ONCE):
        for shard in batch.column(0).to_pylist():
            if shard != name:
                if row > start:
                    yield name, start, row
                name, start = shard, row
            row += 1
    if row > start:
        yield name, start, row


def manifest_table(shards: Iterable[tuple[str, RowColumns]]) -> pa.Table:
    """The manifest of shards, given as (shard name, rows) in any order."""
    parts = [_with_shard(rows.table, name) for name, rows in shards if len(rows)]
    # Shards in the order of their keys are nearly always a manifest, and sorting one would take as much memory again.
    parts.sort(key=lambda part: part.column("key")[0].as_py())
    table = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
    return table if _is_sorted(table.column("key")) else table.sort_by("key")


def _with_shard(rows: pa.Table, name: str) -> pa.Table:
    columns = [
        rows.column(field.name) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in ROW_SCHEMA
    ]
    return pa.Table.from_arrays([*columns, pa.repeat(name, len(rows))], schema=SCHEMA)


def _is_sorted(keys: pa.ChunkedArray) -> bool:
    is_less = pc.less_equal(keys.slice(0, max(len(keys) - 1, 0)), keys.slice(1))
    return pc.all(is_less).as_py() is not False
