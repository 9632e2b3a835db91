"""Stores that are a manifest and nothing else, for what reads no features; a million clips if need be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from audiofeat.store.description import encode_description
from audiofeat.store.manifest import SCHEMA, encode_manifest

_CLIP = {
    "sample_rate": 16_000,
    "channels": 1,
    "duration_seconds": 1.0,
    "frames": 98,
    "row_offset": 0,
    "source_digest": "d" * 64,
    "decoder": "soundfile 0.14",
    "peak": 0.5,
    "rms": 0.1,
    "clipped_share": 0.0,
    "silent_share": 0.0,
    "feature_digest": "f" * 64,
    "shard": "0123456789ab-01.h5",
}


def manifest_of(
    clips: Mapping[str, Mapping[str, Any]], meta: Mapping[str, Sequence[Any] | pa.Array] | None = None
) -> pa.Table:
    """The manifest of clips by key, each told by what is particular to it, and of columns ``meta.NAME``."""
    rows = [{**_CLIP, "key": key, "source": f"{key}.wav", **values} for key, values in sorted(clips.items())]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    for name, values in (meta or {}).items():
        table = table.append_column(f"meta.{name}", values if isinstance(values, pa.Array) else pa.array(values))
    return table


def many_clips(count: int) -> pa.Table:
    """The manifest of ``count`` clips of 0 to 16 s, with digests of their own."""
    number = pa.array(np.arange(count))
    digits = pc.utf8_lpad(pc.cast(number, pa.string()), 9, "0")
    columns = {name: pa.repeat(pa.scalar(value, SCHEMA.field(name).type), count) for name, value in _CLIP.items()}
    columns["key"] = pc.binary_join_element_wise("speaker", digits, "/take", "")
    columns["source"] = pc.binary_join_element_wise(columns["key"], ".wav", "")
    columns["duration_seconds"] = pc.divide(pc.cast(number, pa.float64()), count / 16)
    for name in ("source_digest", "feature_digest"):
        columns[name] = pc.utf8_lpad(digits, 64, name[0])
    nulls = {field.name: pa.nulls(count, field.type) for field in SCHEMA if field.name not in columns}
    return pa.table({**columns, **nulls}).select(SCHEMA.names).cast(SCHEMA)


def write_store(root: Path, manifest: pa.Table, *, store_format: str = "hdf5", features: Sequence[str] = ()) -> Path:
    """A store of that manifest, without shards. Its content digest is the manifest's, which will do for tests."""
    root.mkdir(parents=True)
    content = encode_manifest(manifest)
    digest = str(blake3(content).hexdigest())
    (root / "manifest.parquet").write_bytes(content)
    (root / "quarantine.jsonl").write_bytes(b"")
    spec = {"dims": 5, "dtype": "float32", "unit": "dB", "frame_rate_hz": 100.0}
    description = {
        "format_version": 2,
        "store_format": store_format,
        "config": {},
        "numbers": {"device": "cpu", "versions": {}},
        "decoders": [_CLIP["decoder"]],
        "features": [{"name": name, **spec} for name in features or ("log_mel",)],
        "totals": {"clips": manifest.num_rows, "failures": {}},
        "shards": [
            {"name": name, "slot": name[:12], "size_bytes": 0, "digest": "", "clips": 0, "rows": 0}
            for name in pc.unique(manifest.column("shard")).to_pylist()
        ],
        "manifest": {"size_bytes": len(content), "digest": digest},
        "quarantine": {"size_bytes": 0, "digest": str(blake3(b"").hexdigest())},
        "content_digest": digest,
    }
    (root / "store.json").write_bytes(encode_description(description))
    return root
