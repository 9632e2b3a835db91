"""Fingerprints of source files between two runs: a shortcut past hashing every file again.

A Parquet file with its digest behind it. Arrow is never given bytes that are not those that were written: what it makes
of others may be other keys, any exception, or the end of the process.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

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
_DIGEST_BYTES = 32


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
    content = sink.getvalue()
    write_file(path, content + blake3(content).digest())


def read_fingerprints(path: Path) -> dict[str, Fingerprint]:
    """The fingerprints at ``path`` by key; none where the file is missing or damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return {}
    content, digest = stored[:-_DIGEST_BYTES], stored[-_DIGEST_BYTES:]
    if blake3(content).digest() != digest:
        return {}
    table = pq.read_table(pa.BufferReader(content), schema=_SCHEMA)
    columns = (table.column(name).to_pylist() for name in ("size_bytes", "ctime_ns", "inode", "place"))
    values = map(Fingerprint, *columns)
    return dict(zip(table.column("key").to_pylist(), values, strict=True))
