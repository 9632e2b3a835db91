"""Fingerprints of source files between two runs: a shortcut past hashing every file again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audiofeat.records import Fingerprint
from audiofeat.store.staging import write_file

_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("size_bytes", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("inode", pa.uint64()),
        ("place", pa.string()),
    ]
)


def write_fingerprints(path: Path, fingerprints: Mapping[str, Fingerprint]) -> None:
    """Replace the file at ``path``. Raises StorageError."""
    columns = {
        "key": list(fingerprints),
        "size_bytes": [value.size_bytes for value in fingerprints.values()],
        "ctime_ns": [value.ctime_ns for value in fingerprints.values()],
        "inode": [value.inode for value in fingerprints.values()],
        "place": [value.place for value in fingerprints.values()],
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=_SCHEMA), sink)
    write_file(path, sink.getvalue())


def read_fingerprints(path: Path) -> dict[str, Fingerprint]:
    """The fingerprints at ``path`` by key; none where the file is missing or unreadable, as in a fresh checkout."""
    try:
        table = pq.read_table(path, schema=_SCHEMA)
    except (OSError, ValueError):
        return {}
    columns = (table.column(name).to_pylist() for name in ("size_bytes", "ctime_ns", "inode", "place"))
    values = map(Fingerprint, *columns)
    return dict(zip(table.column("key").to_pylist(), values, strict=True))
