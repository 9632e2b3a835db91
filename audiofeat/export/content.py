"""What of a store is exported: the chosen clips, one after another, each checked against its digest as it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from audiofeat.errors import ConfigError
from audiofeat.manifest.where import parse_where
from audiofeat.reading.feature_names import check_feature_names
from audiofeat.reading.store import Store
from audiofeat.records import FeatureSpec
from audiofeat.store.shard_format import Array

Watch = Callable[[int, int], None]
"""Called with the number of clips done, and of all, before each clip."""

_PLACE = ("row_offset", "shard")
"""Columns of the manifest that say where in the store a clip lies."""
_BATCH_ROWS = 1_024


@dataclass(frozen=True, slots=True)
class ExportClip:
    """A clip's features."""

    key: str
    arrays: Mapping[str, Array]
    """Feature -> (frames, dims)."""

    @property
    def n_frames(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True, slots=True)
class Content:
    """The clips and features of a store that an export holds."""

    store: Store
    features: tuple[FeatureSpec, ...]
    located: pa.Table
    """The manifest's rows of these clips, with all columns."""
    target: Path
    """Where the export will lie, without symbolic links."""
    target_text: str
    """The same as the user named it."""
    watch: Watch

    @property
    def manifest(self) -> pa.Table:
        """The manifest's rows without the columns that only the store can use: the same for HDF5 and NPY."""
        return self.located.drop_columns(list(_PLACE))

    @property
    def n_clips(self) -> int:
        return int(self.located.num_rows)

    def clips(self, keys: Iterable[str] | None = None) -> Iterator[ExportClip]:
        """All clips, one at a time, in the order of ``keys``; None: sorted by key.

        Raises:
            DamageError: a clip is not what was written.
        """
        if keys is None:
            keys = (key for batch in text_batches(self.located.column("key")) for key in batch)
        for done, key in enumerate(keys):
            self.watch(done, self.n_clips)
            arrays = self.store[key]
            yield ExportClip(key, {feature.name: arrays[feature.name] for feature in self.features})

    def rows(self) -> Iterator[dict[str, Any]]:
        """The manifest's rows in the order of :meth:`clips`: column -> value."""
        for batch in self.manifest.to_batches(max_chunksize=_BATCH_ROWS):
            yield from batch.to_pylist()

    def refuse_complex(self, *, because: str) -> None:
        """Raises ConfigError if a feature holds complex numbers."""
        refused = [feature.name for feature in self.features if feature.dtype.startswith("complex")]
        if refused:
            others = [feature.name for feature in self.features if feature.name not in refused]
            raise ConfigError(
                f"{', '.join(refused)} is complex: {because}",
                hint=(f"--features {','.join(others)}, or " if others else "") + "--to npy, hdf5, tfrecord, webdataset",
            )


def chosen_features(store: Store, names: Sequence[str] | None) -> tuple[FeatureSpec, ...]:
    """The store's features called ``names`` in the store's order; None: all.

    Raises:
        ConfigError: it has none of that name, or one is named twice.
    """
    if names is None:
        return store.features
    check_feature_names(names, known=[feature.name for feature in store.features])
    return tuple(feature for feature in store.features if feature.name in names)


def chosen_rows(store: Store, keys: Sequence[str] | None, *, where: str | None = None) -> pa.Table:
    """The manifest's rows of the clips called ``keys`` that ``where`` holds for, sorted by key; None: of all.

    Raises:
        ConfigError: there is no clip of that key, or the condition cannot be understood.
    """
    rows = store.manifest if keys is None else _rows_of(store, keys)
    return rows if where is None else rows.filter(parse_where(where, rows.schema).mask(rows))


def _rows_of(store: Store, keys: Sequence[str]) -> pa.Table:
    unknown = [key for key in keys if key not in store]
    if unknown:
        raise ConfigError(
            f"{len(unknown):,} of {len(keys):,} keys are not in the store, such as {unknown[0]!r}",
            hint="`audiofeat manifest STORE` prints those that are",
        )
    return store.manifest.filter(pc.is_in(store.manifest.column("key"), pa.array(keys, pa.string())))


def text_batches(column: pa.ChunkedArray) -> Iterator[list[str]]:
    """The column's texts, some at a time: a million keys are never all Python objects."""
    for start in range(0, len(column), _BATCH_ROWS):
        yield column.slice(start, _BATCH_ROWS).to_pylist()
