"""One plain HDF5 file with a dataset a clip and feature.

::

    /<feature>/<key>   (frames, dims)   attributes: key, sample_rate, duration_seconds, source, meta.*
    /index/key         (clips,) text, sorted
    /index/path        (clips,) text: where in the feature's group the clip's dataset is
    /index/frames      (clips,) int64

The parts of a key are nested groups, so that ``file["log_mel/speaker1/take2"]`` is the clip of that key. Where HDF5
cannot have it so, ``path`` says what stands instead: ``%2E`` for a part that is a dot, and a name that is taken, as
``a`` is for the group of ``a/b``, has a ``~`` behind it. The feature's group has the attributes unit and frame_rate_hz.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from audiofeat.export.content import Content
from audiofeat.export.hdf5_files import describe, new_column, new_hdf5

_ATTRIBUTES = ("key", "source", "sample_rate", "duration_seconds")
_BATCH_CLIPS = 1_024


class Hdf5File:
    """The ``hdf5`` format."""

    is_folder = False

    def write(self, path: Path, content: Content) -> None:
        with new_hdf5(path) as (file, check):
            groups = {feature.name: file.create_group(feature.name) for feature in content.features}
            for feature in content.features:
                describe(groups[feature.name], feature)
            index = _Index(file.create_group("index"), content.n_clips)
            for row, clip in zip(content.rows(), content.clips(), strict=True):
                attributes = {name: value for name, value in row.items() if _is_attribute(name) and value is not None}
                place = ""
                for name, rows in clip.arrays.items():
                    place = place or _free_place(groups[name], clip.key)
                    dataset = groups[name].create_dataset(place, data=rows, track_times=False)
                    _set_attributes(dataset, attributes)
                index.add(clip.key, place, clip.n_frames)
                check()
            index.flush()


class _Index:
    """The table of clips, written some rows at a time."""

    def __init__(self, group: h5py.Group, n_clips: int) -> None:
        kinds = {"key": str, "path": str, "frames": np.int64}
        self._columns = {name: new_column(group, name, n_clips, kind) for name, kind in kinds.items()}
        self._rows: list[tuple[str, str, int]] = []
        self._written = 0

    def add(self, key: str, place: str, n_frames: int) -> None:
        self._rows.append((key, place, n_frames))
        if len(self._rows) == _BATCH_CLIPS:
            self.flush()

    def flush(self) -> None:
        stop = self._written + len(self._rows)
        for column, values in zip(self._columns.values(), zip(*self._rows, strict=True), strict=False):
            column[self._written : stop] = values
        self._written = stop
        self._rows.clear()


def _is_attribute(column: str) -> bool:
    return column in _ATTRIBUTES or column.startswith("meta.")


def _set_attributes(dataset: h5py.Dataset, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        # HDF5's text ends at the first NUL.
        dataset.attrs[name] = value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _free_place(feature: h5py.Group, key: str) -> str:
    """Where the clip's dataset goes; every feature has the same groups, so that it is free in all if it is in one."""
    *folders, name = ("%2E" if part == "." else part for part in key.split("/"))
    path = ""
    for folder in folders:
        path += folder
        while feature.get(path, getclass=True) is h5py.Dataset:
            path += "~"
        path += "/"
    path += name
    while path in feature:
        path += "~"
    return path
