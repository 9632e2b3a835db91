"""Fingerprints of source files between two runs: a shortcut past hashing every file again.

A Parquet file with its digest behind it. Arrow is never given bytes that are not those that were written: what it makes
of others may be other keys, any exception, or the end of the process.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

from audiofeat.records import Clip, Columns, Fingerprint, fingerprint_columns
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
_PART_ROWS = 4_096


class Fingerprints(MutableMapping[str, Fingerprint]):
    """Fingerprints by key, held as sorted columns of which only the parts in use are made into objects.

    That is a quarter of a dict's memory. Fast where keys are asked for in about their order, as runs do.
    """

    def __init__(self, table: pa.Table) -> None:
        self._hold(table)

    def _hold(self, table: pa.Table) -> None:
        self._table = table.sort_by("key")
        self._firsts = [self._table.column("key")[row].as_py() for row in range(0, len(table), _PART_ROWS)]
        self._part = lru_cache(maxsize=4)(partial(_made, self._table))
        self._changed: dict[str, Fingerprint | None] = {}
        """None for what has been taken out."""

    @classmethod
    def of(cls, fingerprints: Mapping[str, Fingerprint]) -> Fingerprints:
        return fingerprints if isinstance(fingerprints, cls) else cls(_table_of(fingerprints))

    @classmethod
    def of_lists(cls, columns: Columns) -> Fingerprints:
        """Those of :func:`audiofeat.records.fingerprint_columns`."""
        return cls(pa.table(columns, schema=_SCHEMA))

    @classmethod
    def joined(cls, parts: Iterable[Fingerprints]) -> Fingerprints:
        """All of them; no two may have one key."""
        return cls(pa.concat_tables([part.table for part in parts] or [_SCHEMA.empty_table()]))

    @property
    def table(self) -> pa.Table:
        return _table_of(self) if self._changed else self._table

    def are_of(self, clips: Sequence[Clip]) -> bool:
        """Whether these are the fingerprints that the listing knows of ``clips``, and no others."""
        columns = {name: list(map(attrgetter(name), clips)) for name in _SCHEMA.names[:-1]}
        columns["place"] = [clip.member.place if clip.member else "" for clip in clips]
        listed = Fingerprints.of_lists(columns)
        return bool(self.table.equals(listed.table))

    def __getitem__(self, key: str) -> Fingerprint:
        found = self._changed[key] if key in self._changed else self._stored(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, fingerprint: Fingerprint) -> None:
        self._changed[key] = fingerprint

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._changed[key] = None

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self._firsts)):
            yield from (key for key in self._part(number) if key not in self._changed)
        yield from (key for key, fingerprint in self._changed.items() if fingerprint is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self) if self._changed else len(self._table)

    def clear(self) -> None:
        self._hold(_SCHEMA.empty_table())

    def _stored(self, key: str) -> Fingerprint | None:
        number = bisect_right(self._firsts, key) - 1
        return self._part(number).get(key) if number >= 0 else None


def write_fingerprints(path: Path, fingerprints: Mapping[str, Fingerprint]) -> None:
    """Replace the file at ``path``. Raises StorageError."""
    sink = io.BytesIO()
    pq.write_table(Fingerprints.of(fingerprints).table, sink)
    content = sink.getvalue()
    write_file(path, content + blake3(content).digest())


def read_fingerprints(path: Path) -> Fingerprints:
    """The fingerprints at ``path`` by key; none where the file is missing or damaged."""
    return Fingerprints(_read(path) or _SCHEMA.empty_table())


def _read(path: Path) -> pa.Table | None:
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    content, digest = stored[:-_DIGEST_BYTES], stored[-_DIGEST_BYTES:]
    if blake3(content).digest() != digest:
        return None
    return pq.read_table(pa.BufferReader(content), schema=_SCHEMA)


def _table_of(fingerprints: Mapping[str, Fingerprint]) -> pa.Table:
    return pa.table(fingerprint_columns(fingerprints), schema=_SCHEMA)


def _made(table: pa.Table, number: int) -> dict[str, Fingerprint]:
    part = table.slice(number * _PART_ROWS, _PART_ROWS)
    keys, *columns = (part.column(name).to_pylist() for name in _SCHEMA.names)
    return dict(zip(keys, map(Fingerprint, *columns), strict=True))
