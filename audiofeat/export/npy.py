"""A tree of NPY files, one a clip and feature, beside a table that says which is whose.

::

    <feature>/<key>.npy   (frames, dims)
    manifest.csv          the manifest's columns, and for each feature one of its name: the file's path

File names are those of an NPY store: what a file system may refuse is percent-encoded, what is too long is shortened
with a hash. So scripts go by ``manifest.csv``.
"""

from __future__ import annotations

import csv
from pathlib import Path

from audiofeat.errors import ConfigError
from audiofeat.export.content import Content
from audiofeat.export.encoding import npy_parts
from audiofeat.store.npy import npy_path
from audiofeat.store.shard_format import Array


class NpyTree:
    """The ``npy`` format."""

    is_folder = True

    def write(self, path: Path, content: Content) -> None:
        path.mkdir()
        names = [feature.name for feature in content.features]
        with open(path / "manifest.csv", "x", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([*content.manifest.column_names, *names])
            for row, clip in zip(content.rows(), content.clips(), strict=True):
                files = [npy_path(name, clip.key) for name in names]
                for name, relative in zip(names, files, strict=True):
                    _write_array(path / relative, clip.arrays[name], key=clip.key)
                table.writerow([*row.values(), *files])


def _write_array(target: Path, array: Array, *, key: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            file.writelines(npy_parts(array))
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        # Keys that differ by case where the disk does not care, or `a` beside `a.npy/b`.
        raise ConfigError(
            f"the file of {key!r} would have the name that another clip's file or folder has on this disk",
            hint="--to webdataset, tfrecord, parquet, hdf5 or kaldi hold any keys",
        ) from error
