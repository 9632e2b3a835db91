"""The manifest that ``store.json`` names, read column by column or row by row.

A run may put another one in its place at any time. So the file is opened first, and what is digested and read is that
open file, whatever the name leads to by then. Arrow's own threads are kept from it: one that is still busy with a file
of Python's when the process ends aborts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiofeat.errors import REPAIR_HINT, DamageError
from audiofeat.store.digests import open_file_digest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 8_192


@contextmanager
def open_manifest(path: Path, *, digest: str | None) -> Iterator[FileIO]:
    """The manifest at ``path``, at its beginning.

    Raises:
        DamageError: it cannot be opened, or its digest is another.
    """
    try:
        file = FileIO(path)
    except OSError as error:
        raise _not_the_one(path) from error
    with file:
        if open_file_digest(file) != digest:
            raise _not_the_one(path)
        file.seek(0)
        yield file


def manifest_table(file: FileIO) -> pa.Table:
    """All of it."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)


def manifest_column(file: FileIO, name: str) -> pa.Array:
    """One column. Raises KeyError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(file, pre_buffer=False)
    # A name with dots, such as meta.label, also selects meta.label.first: only the one is meant.
    column = parquet.read(columns=_known(parquet, [name]), use_threads=False).column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def manifest_rows(file: FileIO, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Its rows, with all columns or those named. Raises KeyError."""
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(file, pre_buffer=False)
    names = _known(parquet, parquet.schema_arrow.names if columns is None else columns)
    for batch in parquet.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
        yield from batch.select(names).to_pylist()


def _known(parquet: pq.ParquetFile, names: Sequence[str]) -> list[str]:
    known = parquet.schema_arrow.names
    for name in names:
        if name not in known:
            raise KeyError(f"no column {name!r} in the manifest: {', '.join(known)}")
    return list(names)


def _not_the_one(path: Path) -> DamageError:
    return DamageError(
        f"{path} is not the one that store.json names: it was damaged, or a run is replacing it",
        hint=REPAIR_HINT,
    )
