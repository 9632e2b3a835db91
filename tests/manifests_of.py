"""The same clips as each kind of manifest and container: what the end-to-end tests run on.

Each function takes the file to write and the clips by their keys, and returns what to name as SOURCE.
"""

from __future__ import annotations

import csv
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

Clips: TypeAlias = Mapping[str, Path]


def clips_below(folder: Path) -> dict[str, Path]:
    """Every file below ``folder`` by the key that a scan gives it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}


def write_csv(target: Path, clips: Clips) -> Path:
    return _write_table(target / "clips.csv", clips, dialect="excel")


def write_tsv(target: Path, clips: Clips) -> Path:
    return _write_table(target / "clips.tsv", clips, dialect="excel-tab")


def write_json_lines(target: Path, clips: Clips) -> Path:
    lines = [json.dumps({"key": key, "path": os.path.relpath(path, target)}) for key, path in clips.items()]
    return _write_text(target / "clips.jsonl", lines)


def write_wav_scp(target: Path, clips: Clips) -> Path:
    return _write_text(target / "wav.scp", [f"{key} {os.path.relpath(path, target)}" for key, path in clips.items()])


def write_wav_scp_with_segments(target: Path, clips: Clips) -> Path:
    """Every second segment ends where its recording does, by its time; the others say -1."""
    segments = []
    for number, (key, path) in enumerate(clips.items()):
        end = f"{soundfile.info(path).duration:.6f}" if number % 2 else "-1"
        segments.append(f"{key} recording-of-{key} 0.0 {end}")
    _write_text(target / "segments", segments)
    recordings = [f"recording-of-{key} {os.path.relpath(path, target)}" for key, path in clips.items()]
    return _write_text(target / "wav.scp", recordings)


def write_parquet_of_bytes(target: Path, clips: Clips) -> Path:
    """As Hugging Face's datasets have it, in three row groups."""
    audio = [{"bytes": path.read_bytes(), "path": f"{key}{path.suffix}"} for key, path in clips.items()]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return _write_parquet(target / "clips.parquet", {"audio": pa.array(audio, kind)})


def write_parquet_of_paths(target: Path, clips: Clips) -> Path:
    paths = [os.path.relpath(path, target) for path in clips.values()]
    return _write_parquet(target / "clips.parquet", {"key": list(clips), "path": paths})


def write_tar(target: Path, clips: Clips) -> Path:
    file = target / "clips.tar"
    with tarfile.open(file, "w") as tar:
        for key, path in clips.items():
            tar.add(path, arcname=f"{key}{path.suffix}")
    return file


WRITERS: dict[str, Callable[[Path, Clips], Path]] = {
    "csv": write_csv,
    "tsv": write_tsv,
    "jsonl": write_json_lines,
    "wav.scp": write_wav_scp,
    "segments": write_wav_scp_with_segments,
    "parquet of bytes": write_parquet_of_bytes,
    "parquet of paths": write_parquet_of_paths,
    "tar": write_tar,
}
"""By the kind's name; each needs a folder of its own."""


def _write_table(file: Path, clips: Clips, *, dialect: str) -> Path:
    with open(file, "w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, dialect)
        writer.writerow(["key", "path"])
        writer.writerows((key, os.path.relpath(path, file.parent)) for key, path in clips.items())
    return file


def _write_text(file: Path, lines: list[str]) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def _write_parquet(file: Path, columns: Mapping[str, object]) -> Path:
    table = pa.table(columns)
    pq.write_table(table, file, row_group_size=max(1, table.num_rows // 3))
    return file
