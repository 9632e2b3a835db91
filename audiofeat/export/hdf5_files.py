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
    """A new HDF5 file, and a function that raises what the disk said so far: to be called after each clip."""
    file = _ReadableFile(path)
    try:
        with h5py.File(file, "w") as hdf5:
            yield hdf5, file.check
        file.finish()
    finally:
        file.close()


class _ReadableFile(RecordingFile):
    """Keeps in memory what the disk did not take, until :meth:`check` is called.

    Of a file with many datasets HDF5 reads its own tables back, and crashes if they are not what it wrote.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lost: list[tuple[int, bytes]] = []

    def write(self, content: memoryview) -> int:
        start = self.tell()
        size_bytes = super().write(content)
        if self.has_fault:
            self._lost.append((start, bytes(content)))
        return size_bytes

    def readinto(self, buffer: memoryview) -> int:
        start = self.tell()
        count = super().readinto(buffer)
        if not self._lost:
            return count
        view = memoryview(buffer).cast("B")
        for place, content in self._lost:
            first, last = max(place, start), min(place + len(content), start + len(view))
            if first < last:
                view[first - start : last - start] = content[first - place : last - place]
        self.seek(start + len(view))
        return len(view)


def describe(item: h5py.HLObject, feature: FeatureSpec) -> None:
    """Give a feature's group or dataset its attributes."""
    item.attrs["unit"] = feature.unit
    if feature.frame_rate_hz is not None:
        item.attrs["frame_rate_hz"] = feature.frame_rate_hz


def new_column(index: h5py.Group, name: str, n_clips: int, dtype: Any) -> h5py.Dataset:
    """A column of the table of clips, to be filled; ``str`` is for text of any length."""
    kind = h5py.string_dtype() if dtype is str else dtype
    return index.create_dataset(name, (n_clips,), kind, track_times=False)
