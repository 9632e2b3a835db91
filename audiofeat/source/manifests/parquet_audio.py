"""Where a Parquet file has its audio: a column of paths, of bytes, or a struct of both as Hugging Face writes it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

from audiofeat.config import Manifest
from audiofeat.source.manifests.columns import listed, no_path_column
from audiofeat.source.manifests.parquet_meta import is_bytes, is_text
from audiofeat.source.problems import Problems

_BYTES, _PATH = "bytes", "path"  # as the datasets library names the fields of its Audio feature
_BYTES_STORED_AS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_LOOKED_AT_ROWS = 64


@dataclass(frozen=True, slots=True)
class AudioColumn:
    """The column that says where each row's audio is, or holds it."""

    name: str
    kind: Literal["text", "bytes", "struct"]
    has_path: bool = True
    """Whether it says a path; of a struct, beside the bytes."""

    @property
    def paths(self) -> str | None:
        """Dotted name of the column of paths."""
        return f"{self.name}.{_PATH}" if self.kind == "struct" and self.has_path else self.name * self.has_path or None

    @property
    def data(self) -> str | None:
        """Dotted name of the column of bytes."""
        return {"text": None, "bytes": self.name, "struct": f"{self.name}.{_BYTES}"}[self.kind]

    def paths_of(self, batch: Any) -> list[str | None]:
        """The path in each row of a record batch."""
        if self.paths is None:
            return [None] * batch.num_rows
        array = self._field(batch.column(self.name), _PATH)
        values: list[str | None] = array.to_pylist()
        return values

    def rows_with_bytes(self, file: Any, group: int) -> Iterator[bool]:
        """Whether each row of a row group has bytes: by the count of nulls, or by looking where that leaves it open."""
        rows = file.metadata.row_group(group).num_rows
        nulls = rows if self.data is None else _null_count(file, group, self.data)
        if nulls in (0, rows):
            yield from repeat(nulls == 0, rows)
            return
        for batch in file.iter_batches(batch_size=_LOOKED_AT_ROWS, row_groups=[group], columns=[self.data]):
            yield from self._field(batch.column(self.name), _BYTES).is_valid().to_pylist()

    def _field(self, array: Any, field: str) -> Any:
        import pyarrow.compute

        return pyarrow.compute.struct_field(array, field) if self.kind == "struct" else array


def _null_count(file: Any, group: int, column: str) -> int | None:
    """How many nulls a column of bytes has in a row group, as its statistics say; None where they do not."""
    _check_footer(file, group, column)
    leaves = [file.schema.column(number).path for number in range(len(file.schema))]
    chunk = file.metadata.row_group(group).column(leaves.index(column))
    # Statistics of another type than the schema's, which damage makes, would end the process: no Python error.
    if chunk.physical_type not in _BYTES_STORED_AS or chunk.statistics is None:
        return None
    return int(chunk.statistics.null_count) if chunk.statistics.has_null_count else None


def _check_footer(file: Any, group: int, column: str) -> None:
    """Let Arrow judge what the footer says of a column's part of a row group, and read none of it.

    Where that contradicts itself a reader raises, whereas to ask for it by itself, as for statistics, ends the process.

    Raises:
        OSError, pyarrow.ArrowException: it does.
    """
    import pyarrow.parquet

    reader = pyarrow.parquet.ParquetFile(_Unread(), metadata=file.metadata, pre_buffer=False)
    with suppress(_ReadError):  # then it got as far as to ask for the column's bytes
        next(reader.iter_batches(1, row_groups=[group], columns=[column], use_threads=False), None)


class _ReadError(Exception):
    """Something was to be read."""


class _Unread(io.RawIOBase):
    """A file whose bytes nobody gets, as large as any."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return offset

    def tell(self) -> int:
        return 1 << 62

    def read(self, size: int = -1) -> bytes:
        raise _ReadError


def find_audio(schema: Any, manifest: Manifest, *, place: str, problems: Problems) -> AudioColumn:
    """The configured column, else the one struct column that holds bytes.

    Raises:
        SourceError: there is none, or more than one.
    """
    candidates = [manifest.path] if manifest.path in schema.names else audio_structs(schema)
    column = _audio_column(schema, candidates[0]) if len(candidates) == 1 else None
    if column is None:
        problems.stop(place, manifest.path, _why_none(schema, manifest, candidates))
    return column


def _why_none(schema: Any, manifest: Manifest, candidates: list[str]) -> str:
    if len(candidates) == 1:
        kind = schema.field(schema.names.index(manifest.path)).type
        return f"of type {kind}; text, bytes, or a struct of 'bytes' and 'path' is wanted"
    if candidates:
        return f"no such column, and more than one holds audio{listed(candidates)}; --set manifest.path=NAME chooses"
    return no_path_column(schema.names, manifest)


def audio_structs(schema: Any) -> list[str]:
    """The names of the struct columns that hold bytes."""
    columns = (_audio_column(schema, name) for name in dict.fromkeys(schema.names))
    return [column.name for column in columns if column is not None and column.kind == "struct"]


def _audio_column(schema: Any, name: str) -> AudioColumn | None:
    import pyarrow.types as types

    kind = schema.field(schema.names.index(name)).type
    if is_text(kind):
        return AudioColumn(name, "text")
    if is_bytes(kind):
        return AudioColumn(name, "bytes", has_path=False)
    if types.is_struct(kind) and kind.get_field_index(_BYTES) >= 0 and is_bytes(kind.field(_BYTES).type):
        has_path = kind.get_field_index(_PATH) >= 0 and is_text(kind.field(_PATH).type)
        return AudioColumn(name, "struct", has_path=has_path)
    return None
