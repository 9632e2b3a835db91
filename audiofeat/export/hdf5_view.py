"""One small HDF5 file that shows a store's shards as one: virtual datasets, for MATLAB, HDFView and h5py.

::

    /<feature>      (rows, dims), all shards one after another       attributes: unit, frame_rate_hz
    /index/key      (clips,) text, sorted
    /index/row      (clips,) int64: the clip's first row in every feature
    /index/frames   (clips,) int64: its number of rows

It holds no values: it names the shards, relative to the folder that it lies in, and HDF5 reads them there. So it goes
with the store when both are moved together, and is to be made anew when the store changes: a shard that is gone reads
as NaN.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audiofeat.errors import REPAIR_HINT, ConfigError, DamageError
from audiofeat.export.content import Content, text_batches
from audiofeat.export.hdf5_files import describe, new_column, new_hdf5
from audiofeat.reading.store import Store
from audiofeat.records import FeatureSpec


class Hdf5View:
    """The ``hdf5-view`` format."""

    is_folder = False

    def write(self, path: Path, content: Content) -> None:
        store = content.store
        if store.description["store_format"] != "hdf5":
            raise ConfigError(
                f"{store.paths.root} is not an HDF5 store: there are no HDF5 files to look into",
                hint="--to hdf5 makes one, with the values in it",
            )
        names = pc.unique(content.located.column("shard")).to_pylist()
        n_rows = {name: _checked_rows(store, name) for name in names}
        folder = os.path.relpath(os.path.realpath(store.paths.shards), content.target.parent)
        with new_hdf5(path) as (file, check):
            for feature in content.features:
                describe(_new_view(file, feature, folder, n_rows), feature)
            _write_index(file.create_group("index"), content.located, n_rows)
            check()


def _new_view(file: h5py.File, feature: FeatureSpec, folder: str, n_rows: Mapping[str, int]) -> h5py.Dataset:
    """The virtual dataset of a feature. h5py's own function would write the time of day into the file."""
    dtype = np.dtype(feature.dtype)
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_layout(h5py.h5d.VIRTUAL)
    settings.set_obj_track_times(False)
    settings.set_fill_value(np.full(1, np.nan, dtype))
    whole = (sum(n_rows.values()), feature.dims)
    start = 0
    for name, rows in n_rows.items():
        if rows:
            shape = (rows, feature.dims)
            place = h5py.h5s.create_simple(whole)
            place.select_hyperslab((start, 0), shape)
            # In a mapping a percent sign begins the number of a block.
            source = os.fsencode(os.path.join(folder, name)).replace(b"%", b"%%")
            settings.set_virtual(place, source, feature.name.encode(), h5py.h5s.create_simple(shape))
            start += rows
    kind, space = h5py.h5t.py_create(dtype, logical=True), h5py.h5s.create_simple(whole)
    return h5py.Dataset(h5py.h5d.create(file.id, feature.name.encode(), kind, space, settings))


def _checked_rows(store: Store, name: str) -> int:
    """The number of rows of a shard. Its values are not read; that it is whole is seen by its size and its datasets.

    Raises:
        DamageError: it is not the file that was written.
    """
    entry = store.shards[name]
    path = store.paths.shards / name
    try:
        size_bytes = path.stat().st_size  # what is missing is told by the system, in fewer words than HDF5's
        with h5py.File(path, "r", locking=False) as shard:
            found = [(shard[feature.name].shape, shard[feature.name].dtype) for feature in store.features]
    except (OSError, KeyError) as error:
        raise DamageError(f"{path} cannot be read: {error}", hint=REPAIR_HINT) from error
    wanted = [((entry.rows, feature.dims), feature.dtype) for feature in store.features]
    if size_bytes != entry.size_bytes or found != wanted:
        raise DamageError(f"{path} is not the shard that was written", hint=REPAIR_HINT)
    return entry.rows


def _write_index(index: h5py.Group, located: pa.Table, n_rows: Mapping[str, int]) -> None:
    firsts = np.concatenate([[0], np.cumsum(list(n_rows.values()), dtype=np.int64)])
    shard = pc.index_in(located.column("shard"), pa.array(n_rows, pa.string())).to_numpy()
    n_clips = located.num_rows
    new_column(index, "row", n_clips, np.int64)[:] = firsts[shard] + located.column("row_offset").to_numpy()
    new_column(index, "frames", n_clips, np.int64)[:] = located.column("frames").to_numpy()
    keys = new_column(index, "key", n_clips, str)
    start = 0
    for batch in text_batches(located.column("key")):
        keys[start : start + len(batch)] = batch
        start += len(batch)
