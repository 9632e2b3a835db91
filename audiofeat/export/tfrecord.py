"""TFRecord files of ``tf.train.Example``, one a clip, for ``tf.data``.

::

    part-00000-of-00012.tfrecord
      key               bytes: the clip's key
      <feature>         bytes: the values row by row, little-endian, for tf.io.decode_raw
      <feature>/shape   int64 [2]: frames, dims
      sample_rate       int64
      duration_seconds  float
      meta.*            bytes, int64 or float; absent where the source says nothing

Raw bytes keep the values' type, complex included, and are parsed without a copy of each number, as a float list is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiofeat.errors import ConfigError
from audiofeat.export.content import Content, ExportClip
from audiofeat.export.encoding import raw_bytes
from audiofeat.export.shard_files import ShardFiles
from audiofeat.export.tf_example import Value, example, framed

_MOST_BYTES = 2**31 - 1
"""Of a message, for the readers of Protocol Buffers."""
_NAMED = ("sample_rate", "duration_seconds")


@dataclass(frozen=True, slots=True)
class TfRecords:
    """The ``tfrecord`` format."""

    shard_bytes: int
    is_folder = True

    def write(self, path: Path, content: Content) -> None:
        path.mkdir()
        with ShardFiles(path, name=_begun_name, shard_bytes=self.shard_bytes) as files:
            for row, clip in zip(content.rows(), content.clips(), strict=True):
                record = example(_values(row, clip))
                if len(record) > _MOST_BYTES:
                    raise ConfigError(
                        f"the features of {clip.key!r} have {clip.size_bytes / 1e6:,.0f} MB, an Example at most 2 GB",
                        hint="fewer --features, or a store of shorter clips (audio.chunk_seconds)",
                    )
                files.write(framed(record))
        for number in range(files.n_files):
            (path / _begun_name(number)).rename(path / f"part-{number:05d}-of-{files.n_files:05d}.tfrecord")


def _begun_name(number: int) -> str:
    return f"part-{number:05d}"


def _values(row: Mapping[str, Any], clip: ExportClip) -> dict[str, Value]:
    values: dict[str, Value] = {"key": clip.key.encode()}
    for name, value in row.items():
        if value is not None and (name in _NAMED or name.startswith("meta.")):
            values[name] = value.encode() if isinstance(value, str) else value
    for feature, array in clip.arrays.items():
        values[feature] = raw_bytes(array)
        values[f"{feature}/shape"] = list(array.shape)
    return values
