"""The manifest of a finished store, a few columns of a few thousand rows at a time: a million clips take no more memory
than a thousand do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from audiofeat.manifest.where import Where
from audiofeat.reading import manifest_file
from audiofeat.reading.info import StoreInfo

BATCH_ROWS = 4_096
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ManifestBatches:
    """An open manifest; :func:`open_manifest` opens it."""

    schema: pa.Schema
    _file: pq.ParquetFile

    def read(self, columns: Sequence[str], *, where: Where | None = None) -> Iterator[pa.RecordBatch]:
        """The rows that are meant, in the order of their keys, with ``columns`` in the order given."""
        read = list(dict.fromkeys([*columns, *(where.columns if where else ())]))
        # One row group after the other: asked for all of them, pyarrow keeps much of what it has been through.
        for group in range(self._file.num_row_groups):
            for batch in self._file.iter_batches(BATCH_ROWS, [group], read, use_threads=False):
                chosen = batch.filter(where.mask(batch)) if where else batch
                yield chosen.select(list(columns))


@contextmanager
def open_manifest(store: StoreInfo) -> Iterator[ManifestBatches]:
    """The manifest that ``store`` names. It stays what it is while a run replaces it: the file is opened once.

    Raises:
        DamageError: it is not there, or its bytes are not those that ``store.json`` names.
    """
    digest = store.description.get("manifest", {}).get("digest")
    with (
        manifest_file.open_manifest(store.paths.manifest, digest=digest) as file,
        pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES) as parquet,
    ):
        yield ManifestBatches(parquet.schema_arrow, parquet)
