"""What the two HDF5 exports share: a new file that HDF5 itself never writes to the disk, and the table of its clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from audiofeat.records import FeatureSpec
from audiofeat.store.staging import RecordingFile


@contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """A new HDF5 file, and a function that raises what the disk said so far; the block should call it now and then.

    HDF5 may read back what was not written: of what it says then, the disk's own words are the reason.
    """
    file = RecordingFile(path)
    try:
        try:
            with h5py.File(file, "w") as hdf5:
                yield hdf5, file.check
        except Exception:
            file.check()
            raise
        file.finish()
    finally:
        file.close()


def describe(item: h5py.HLObject, feature: FeatureSpec) -> None:
    """Give a feature's group or dataset its attributes."""
    item.attrs["unit"] = feature.unit
    if feature.frame_rate_hz is not None:
        item.attrs["frame_rate_hz"] = feature.frame_rate_hz


def new_column(index: h5py.Group, name: str, n_clips: int, dtype: Any) -> h5py.Dataset:
    """A column of the table of clips, to be filled; ``str`` is for text of any length."""
    kind = h5py.string_dtype() if dtype is str else dtype
    return index.create_dataset(name, (n_clips,), kind, track_times=False)
