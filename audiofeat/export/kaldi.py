"""Kaldi's archives: for each feature a binary ark of matrices and an scp that points into it, and tables of lengths.

::

    <feature>.ark     for each clip: name, blank, NUL, "B", "FM " or "DM ", 4, rows (int32), 4, columns (int32), values
    <feature>.scp     name, blank, TARGET/<feature>.ark:OFFSET
    utt2dur           name, blank, seconds
    utt2num_frames    name, blank, frames

The scp names the ark by TARGET as the user wrote it, as Kaldi's own tools do, so that it works from where the command
was given. Names hold no blanks in Kaldi: white space, control characters and ``%`` are percent-encoded, and lines are
sorted by the encoded names in the order of their bytes (``LC_ALL=C``), as Kaldi wants. float16 becomes float32.

Source: Kaldi's ``matrix/kaldi-matrix.cc`` (Matrix::Write) and the chapter "Kaldi I/O mechanisms" of its manual.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audiofeat.export.content import Content, text_batches
from audiofeat.export.encoding import percent_encoded, raw_bytes
from audiofeat.store.shard_format import Array

_UNSAFE = re.compile(r"[\s%\x00-\x1f\x7f-\x9f]")


class KaldiArchives:
    """The ``kaldi`` format."""

    is_folder = True

    def write(self, path: Path, content: Content) -> None:
        content.refuse_complex(because="Kaldi's matrices hold real numbers")
        path.mkdir()
        columns = content.manifest.select(["key", "duration_seconds"])
        names, order = _sorted_names(columns.column("key"))
        keys = (columns.column("key")[int(index)].as_py() for index in order)
        with ExitStack() as files:
            archives = {
                feature.name: files.enter_context(_new_archive(path, feature.name, target=content.target_text))
                for feature in content.features
            }
            utt2dur = files.enter_context(open(path / "utt2dur", "x", encoding="utf-8"))
            utt2num_frames = files.enter_context(open(path / "utt2num_frames", "x", encoding="utf-8"))
            for index, clip in zip(order, content.clips(keys), strict=True):
                name = names[int(index)].as_py()
                for feature, array in clip.arrays.items():
                    archives[feature].add(name, array)
                utt2dur.write(f"{name} {columns.column('duration_seconds')[int(index)].as_py():.6f}\n")
                utt2num_frames.write(f"{name} {clip.n_frames}\n")


@dataclass(frozen=True, slots=True)
class _Archive:
    """One feature's ark and scp."""

    ark: BinaryIO
    scp: TextIO
    named: str
    """The ark as the scp names it."""

    def add(self, name: str, array: Array) -> None:
        self.ark.write(f"{name} ".encode())
        self.scp.write(f"{name} {self.named}:{self.ark.tell()}\n")
        wide = array if array.dtype == np.float64 else array.astype(np.float32, copy=False)
        # A matrix of no rows has no columns either: Kaldi insists.
        rows, columns = wide.shape if wide.size else (0, 0)
        kind = b"DM " if wide.dtype == np.float64 else b"FM "
        self.ark.write(b"\0B" + kind + struct.pack("<bibi", 4, rows, 4, columns))
        self.ark.write(raw_bytes(wide))


@contextmanager
def _new_archive(folder: Path, feature: str, *, target: str) -> Iterator[_Archive]:
    # The target's name may be no UTF-8, as the file system's names may be.
    with (
        open(folder / f"{feature}.ark", "xb") as ark,
        open(folder / f"{feature}.scp", "x", encoding="utf-8", errors="surrogateescape") as scp,
    ):
        yield _Archive(ark, scp, os.path.join(target, f"{feature}.ark"))


def _sorted_names(keys: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Array]:
    """The clips' names in the order of their keys, and the clips' numbers in the order of their names."""
    names = pa.chunked_array(
        [pa.array([percent_encoded(key, _UNSAFE) for key in batch], pa.string()) for batch in text_batches(keys)],
        pa.string(),
    )
    return names, pc.sort_indices(names).to_numpy()
