"""One Parquet file with a row a clip: the manifest's columns, and a column a feature.

A feature's cell is a list of frames, each a list of ``dims`` values. Row groups hold about 64 MB of features, so that
neither writing nor reading needs the whole. The Arrow schema in the file has the feature's unit and frame rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audiofeat.export.content import Content, ExportClip
from audiofeat.records import FeatureSpec

_GROUP_BYTES = 64_000_000


class ParquetFile:
    """The ``parquet`` format."""

    is_folder = False

    def write(self, path: Path, content: Content) -> None:
        content.refuse_complex(because="Parquet has no complex numbers")
        manifest = content.manifest
        schema = pa.schema([*manifest.schema, *map(_field, content.features)])
        # A dictionary of a feature's values would be as long as the values.
        options = {"compression": "zstd", "use_dictionary": manifest.column_names}
        with open(path, "xb") as file, pq.ParquetWriter(file, schema, **options) as writer:
            waiting: list[ExportClip] = []
            size_bytes = start = 0
            for clip in content.clips():
                waiting.append(clip)
                size_bytes += clip.size_bytes
                if size_bytes >= _GROUP_BYTES:
                    _write_group(writer, manifest.slice(start, len(waiting)), content.features, waiting)
                    start += len(waiting)
                    waiting, size_bytes = [], 0
            if waiting:
                _write_group(writer, manifest.slice(start), content.features, waiting)


def _write_group(
    writer: pq.ParquetWriter, rows: pa.Table, features: Sequence[FeatureSpec], clips: Sequence[ExportClip]
) -> None:
    for feature in features:
        rows = rows.append_column(_field(feature), _cells(feature, clips))
    writer.write_table(rows, row_group_size=max(1, rows.num_rows))


def _field(feature: FeatureSpec) -> pa.Field:
    frame = pa.list_(pa.from_numpy_dtype(np.dtype(feature.dtype)), feature.dims)
    rate = {} if feature.frame_rate_hz is None else {"frame_rate_hz": str(feature.frame_rate_hz)}
    return pa.field(feature.name, pa.list_(frame), nullable=False, metadata={"unit": feature.unit, **rate})


def _cells(feature: FeatureSpec, clips: Sequence[ExportClip]) -> pa.Array:
    arrays = [clip.arrays[feature.name] for clip in clips]
    firsts = np.concatenate([[0], np.cumsum([len(array) for array in arrays])]).astype(np.int32)
    frames = pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(arrays).reshape(-1)), feature.dims)
    return pa.ListArray.from_arrays(firsts, frames)
