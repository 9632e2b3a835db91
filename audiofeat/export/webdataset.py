"""WebDataset's tar files: for each clip an NPY file a feature, and a JSON file of what the manifest says.

::

    000000.tar
      <key>.<feature>.npy   (frames, dims)
      <key>.json            the manifest's row: key, duration_seconds, meta.*, ...

WebDataset takes what stands before the first dot of a file's name as the sample's key, and skips names that begin like
``__meta__``. So dots in keys, ``%``, and the first of two leading underscores are percent-encoded; the JSON file has
the key as it is. Headers hold no time and no owner: equal content makes equal bytes.

Source: the WebDataset format (github.com/webdataset/webdataset); GNU's tar format for names of any length.
"""

from __future__ import annotations

import json
import math
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiofeat.export.content import Content
from audiofeat.export.encoding import npy_parts, percent_encoded
from audiofeat.export.shard_files import ShardFiles

_UNSAFE = re.compile(r"[.%]|^_(?=_)")
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class WebDataset:
    """The ``webdataset`` format."""

    shard_bytes: int
    is_folder = True

    def write(self, path: Path, content: Content) -> None:
        path.mkdir()
        with ShardFiles(path, name=lambda number: f"{number:06d}.tar", shard_bytes=self.shard_bytes, end=_END) as files:
            for row, clip in zip(content.rows(), content.clips(), strict=True):
                name = percent_encoded(clip.key, _UNSAFE)
                members = [
                    part
                    for feature, array in clip.arrays.items()
                    for part in _member(f"{name}.{feature}.npy", *npy_parts(array))
                ]
                files.write([*members, *_member(f"{name}.json", _json(row))])


def _member(name: str, *content: bytes | memoryview) -> Iterator[bytes | memoryview]:
    header = tarfile.TarInfo(name)  # of a file of mode 644 that nobody owns, from 1970
    header.size = sum(map(len, content))
    yield header.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")
    yield from content
    yield bytes(-header.size % tarfile.BLOCKSIZE)


def _json(row: Mapping[str, Any]) -> bytes:
    """The row as JSON, which knows neither NaN nor infinity: null stands for them."""
    values = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
