#!/usr/bin/env python3
"""Measure reading: random slices beside plain h5py, and a store of a million clips. Called by ``scripts/bench --read``.

The stores are made up, by the package's own writers but without audio: noise for values, sources that are not there.
Of the million clips only one shard's rows are made; all other shards are hard links to it.

    scripts/bench_reading.py open STORE      what opening STORE takes, in a fresh process, as JSON
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from blake3 import blake3

import audiofeat
from audiofeat.records import FeatureSpec
from audiofeat.store.digests import file_digest
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.store.manifest import SCHEMA, encode_manifest
from audiofeat.store.publish import publish
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.shard_format import ShardClip

LOG_MEL = FeatureSpec("log_mel", 80, "float32", "ln power", 100.0)
CLIPS_PER_SHARD = 1024
SLICE_FRAMES = 40
_SLICES = 20_000
_FEWEST_FRAMES, _MOST_FRAMES = SLICE_FRAMES, 200


Speed = dict[str, float]


def key_of(number: int) -> str:
    """The key of a clip; keys sort as their numbers do."""
    return f"speaker{number // 10_000:03d}/session{number // 100 % 100:02d}/utterance{number:07d}"


def make_store(root: Path, *, n_clips: int, links: bool) -> Path:
    """A finished HDF5 store of clips of 40 to 200 frames of noise. With ``links`` all shards hold the same rows."""
    paths = StorePaths(root)
    paths.shards.mkdir(parents=True)
    random = np.random.default_rng(0)
    frames = random.integers(_FEWEST_FRAMES, _MOST_FRAMES + 1, CLIPS_PER_SHARD)
    entries = []
    for first in range(0, n_clips, CLIPS_PER_SHARD):
        count = min(CLIPS_PER_SHARD, n_clips - first)
        slot = f"{first // CLIPS_PER_SHARD:012x}"
        name = f"{slot}-{0:016x}.h5"
        if links and entries:
            os.link(paths.shards / entries[0]["name"], paths.shards / name)
        else:
            _write_shard(paths, name, [key_of(first + number) for number in range(CLIPS_PER_SHARD)], frames, random)
        path, rows = paths.shards / name, int(frames[:count].sum())
        size_bytes, digest = path.stat().st_size, entries[0]["digest"] if links and entries else file_digest(path)
        entries.append(
            {"name": name, "slot": slot, "size_bytes": size_bytes, "digest": digest, "clips": count, "rows": rows}
        )
    manifest = encode_manifest(_manifest(n_clips, frames, [entry["name"] for entry in entries], random))
    description = {
        "format_version": FORMAT_VERSION,
        "store_format": "hdf5",
        "config": {},
        "features": [LOG_MEL.to_json()],
        "totals": {"clips": n_clips, "failures": {}},
        "shards": entries,
        "manifest": {"size_bytes": len(manifest), "digest": str(blake3(manifest).hexdigest())},
        "content_digest": "0" * 64,
    }
    publish(paths, manifest=manifest, quarantine=b"", store_json=description)
    return root


def _write_shard(
    paths: StorePaths, name: str, keys: Sequence[str], frames: Sequence[int], random: np.random.Generator
) -> None:
    budget = RowBudget(paths.spool)
    clips = []
    for key, n_frames in zip(keys, frames, strict=True):
        rows = Rows(LOG_MEL.dims, budget, is_digested=False)
        rows.append(random.standard_normal((n_frames, LOG_MEL.dims), np.float32))
        clips.append(ShardClip(key, {LOG_MEL.name: rows}))
    shard_format("hdf5").write(paths.shards / name, clips, [LOG_MEL])


def _manifest(n_clips: int, frames: Any, shard_names: Sequence[str], random: np.random.Generator) -> pa.Table:
    """A manifest as real ones are in size: two digests a clip, and a column of the source's own."""
    numbers = np.arange(n_clips)
    keys = [key_of(number) for number in range(n_clips)]
    places = numbers % CLIPS_PER_SHARD
    offsets = np.concatenate([[0], np.cumsum(frames)[:-1]])
    digests = [pa.array(random.bytes(32).hex() for _ in range(n_clips)) for _ in range(2)]
    shards = pa.DictionaryArray.from_arrays(pa.array(numbers // CLIPS_PER_SHARD), pa.array(shard_names))
    columns: dict[str, Any] = {
        "key": keys,
        "source": [f"{key}.flac" for key in keys],
        "sample_rate": np.full(n_clips, 16_000, np.int32),
        "channels": np.ones(n_clips, np.int32),
        "duration_seconds": frames[places] / 100.0,
        "frames": frames[places],
        "row_offset": offsets[places],
        "source_digest": digests[0],
        "decoder": ["soundfile 0.14"] * n_clips,
        "feature_digest": digests[1],
        "shard": shards.cast(pa.string()),
    }
    measured = {name: random.random(n_clips, np.float32) for name in ("peak", "rms", "clipped_share", "silent_share")}
    filled = {field.name: {**columns, **measured}.get(field.name, pa.nulls(n_clips, field.type)) for field in SCHEMA}
    table = pa.table([pa.array(filled[field.name], field.type) for field in SCHEMA], schema=SCHEMA)
    return table.append_column("meta.label", pa.array([f"word{number % 35}" for number in range(n_clips)]))


def measure_slices(folder: Path, *, runs: int, n_clips: int = 8 * CLIPS_PER_SHARD) -> dict[str, list[Speed]]:
    """Random 40-frame slices a second, and processor time for one, by way of reading: figures for each turn."""
    store = audiofeat.open_store(make_store(folder / "slices", n_clips=n_clips, links=False))
    plain = _one_dataset_a_clip(folder / "plain.h5", store)
    shards = [h5py.File(store.paths.shards / name, locking=False) for name in store.shards]
    packed = [shard["log_mel"] for shard in shards]
    offsets = store.column("row_offset").to_numpy()
    random = np.random.default_rng(1)
    numbers = random.integers(0, n_clips, _SLICES)
    starts = random.integers(0, store.frame_counts[numbers] - SLICE_FRAMES + 1)
    places = list(zip(numbers.tolist(), starts.tolist(), strict=True))
    keyed = [(store.key_at(number), start) for number, start in places]
    rows = [(number // CLIPS_PER_SHARD, int(offsets[number]) + start) for number, start in places]

    ways: dict[str, Callable[[], None]] = {
        "`store.read(key, ...)`": lambda: _each(
            lambda key, start: store.read(key, "log_mel", start, start + SLICE_FRAMES), keyed
        ),
        "`store.read_at(number, ...)`": lambda: _each(
            lambda number, start: store.read_at(number, "log_mel", start, start + SLICE_FRAMES), places
        ),
        "h5py, the shards' datasets": lambda: _each(lambda shard, row: packed[shard][row : row + SLICE_FRAMES], rows),
        "h5py, one file with a dataset a clip": lambda: _each(
            lambda key, start: plain[key][start : start + SLICE_FRAMES], keyed
        ),
    }
    figures: dict[str, list[Speed]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, read_all in ways.items():
            begun, cpu_begun = time.perf_counter(), time.process_time()
            read_all()
            seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
            figures[way].append({"slices_per_second": _SLICES / seconds, "cpu_seconds": cpu_seconds / _SLICES})
    for file in (plain, *shards):
        file.close()
    return figures


def _each(read: Callable[[Any, int], Any], places: Sequence[tuple[Any, int]]) -> None:
    for place, start in places:
        read(place, start)


def _one_dataset_a_clip(path: Path, store: Mapping[str, Mapping[str, Any]]) -> h5py.File:
    """What many write who use h5py themselves."""
    with h5py.File(path, "w") as file:
        for key in store:
            file[key] = store[key]["log_mel"]
    return h5py.File(path, "r")


def measure_opening(store: Path) -> dict[str, float]:
    """What opening a store takes in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "open", str(store)], stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def open_here(path: Path) -> dict[str, float]:
    """Seconds to open it, for a look-up, for a slice; growth of the process's memory, then and at its highest."""
    import pyarrow.parquet  # noqa: F401  its memory is not the manifest's

    before = _memory_bytes("VmRSS")
    begun = time.perf_counter()
    store = audiofeat.open_store(path)
    opened = time.perf_counter() - begun
    after, peak = _memory_bytes("VmRSS"), _memory_bytes("VmHWM")
    random = np.random.default_rng(2)
    numbers = random.integers(0, len(store), _SLICES).tolist()
    keys = [store.key_at(number) for number in numbers]
    begun = time.perf_counter()
    found = [store.index_of(key) for key in keys]
    look_up = (time.perf_counter() - begun) / _SLICES
    if found != numbers:
        raise ValueError("a key was found where it is not")
    begun = time.perf_counter()
    for number in range(0, len(store), CLIPS_PER_SHARD):
        store.read_at(number, "log_mel", 0, SLICE_FRAMES)
    first_slice = (time.perf_counter() - begun) / len(store.shards)
    begun = time.perf_counter()
    for number in numbers:
        store.read_at(number, "log_mel", 0, SLICE_FRAMES)
    sliced = (time.perf_counter() - begun) / _SLICES
    return {
        "clips": len(store),
        "shards": len(store.shards),
        "manifest_bytes": store.paths.manifest.stat().st_size,
        "open_seconds": opened,
        "look_up_seconds": look_up,
        "first_slice_seconds": first_slice,
        "slice_seconds": sliced,
        "rss_growth_bytes": after - before,
        "peak_growth_bytes": peak - before,
        "peak_rss_bytes": peak,
    }


def _memory_bytes(name: str) -> int:
    """What the system says of this process; ``ru_maxrss`` would also count what its parent had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def reading_table(figures: Mapping[str, Sequence[Speed]]) -> str:
    """The speeds of slices as a Markdown table. Processor time is steadier than speed on a busy machine."""
    lines = [
        f"| random {SLICE_FRAMES}-frame slices a second | median | lowest | highest | processor time for one |",
        "|---|--:|--:|--:|--:|",
    ]
    for way, turns in figures.items():
        speeds = [turn["slices_per_second"] for turn in turns]
        cells = [f"{speed:,.0f}" for speed in (statistics.median(speeds), min(speeds), max(speeds))]
        cpu_seconds = statistics.median(turn["cpu_seconds"] for turn in turns)
        lines.append(f"| {way} | {' | '.join(cells)} | {cpu_seconds * 1e6:.1f} µs |")
    return "\n".join(lines)


def opening_table(runs: Sequence[Mapping[str, float]]) -> str:
    """The figures of a large store as a Markdown table."""
    first = runs[0]
    about = (
        f"{first['clips']:,.0f} clips, {first['shards']:,.0f} shards, manifest {first['manifest_bytes'] / 1e6:,.0f} MB"
    )
    rows = {
        "`open_store`": ("open_seconds", 1.0, "s"),
        "key to number": ("look_up_seconds", 1e6, "µs"),
        "the first slice of a shard": ("first_slice_seconds", 1e6, "µs"),
        "a slice, over all shards": ("slice_seconds", 1e6, "µs"),
        "memory held by the manifest": ("rss_growth_bytes", 1e-6, "MB"),
        "memory at its highest while opening": ("peak_growth_bytes", 1e-6, "MB"),
    }
    lines = [f"| {about} | median | lowest | highest |", "|---|--:|--:|--:|"]
    for what, (name, factor, unit) in rows.items():
        values = [run[name] * factor for run in runs]
        cells = (f"{value:,.2f} {unit}" for value in (statistics.median(values), min(values), max(values)))
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_reading(folder: Path, *, runs: int, n_clips: int = 1_000_000) -> tuple[str, dict[str, Any]]:
    """Both tables, and all figures."""
    slices = measure_slices(folder, runs=runs)
    large = make_store(folder / "large", n_clips=n_clips, links=True)
    openings = [measure_opening(large) for _ in range(runs)]
    return f"{reading_table(slices)}\n\n{opening_table(openings)}", {"slices": slices, "openings": openings}


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "open":
        raise SystemExit(__doc__)
    print(json.dumps(open_here(Path(sys.argv[2]))))
