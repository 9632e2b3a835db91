"""Single bits turned and files cut off all over finished stores: each is found, and no reader gets other values for it.

A flip or a cut is a state of its own, though a store has one in each of its shards at a time: ``verify`` must lay each
at its own shard's door, and at those clips' that a reader which checks digests cannot have any more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from damage import flipped, readable_keys
from faults.figures import Figures
from small_store import make_store, settings_for
from store_suite import random_arrays

from audiofeat import open_store
from audiofeat.errors import DamageError
from audiofeat.store.layout import StorePaths
from audiofeat.verify import verify_store

ARRAYS = {f"folder/{number:03d}": random_arrays(3 + number % 9, seed=number) for number in range(150)}
PACKINGS = {
    "hdf5": ("store.format=hdf5",),
    "hdf5, gzip": ("store.compression=gzip",),
    "hdf5, blosc2": ("store.compression=blosc2",),
    "npy": ("store.format=npy",),
}
TABLES = {"store.json": "store_json", "manifest.parquet": "manifest", "quarantine.jsonl": "quarantine"}
"""File -> the kind of problem that damage to it is."""


def torture(folder: Path) -> Figures:
    """500 flips and 200 cuts of each kind of shard, a fifth of them in the tables beside."""
    figures = Figures("bits flipped and files cut off in finished stores")
    begun = time.monotonic()
    for number, packing in enumerate(PACKINGS):
        sweep(figures, folder / str(number), packing, flips=400, cuts=160, table_flips=100, table_cuts=40)
    figures.seconds = time.monotonic() - begun
    return figures


def sweep(
    figures: Figures, folder: Path, packing: str, *, flips: int, cuts: int, table_flips: int, table_cuts: int
) -> None:
    """Add to ``figures`` what became of so many damages to a store, which is made in ``folder``."""
    settings = settings_for(*PACKINGS[packing])
    paths = make_store(folder / "store", settings, ARRAYS, failing=["broken"])
    truth = folder / "truth.npz"
    np.savez(truth, **{f"{key}|{name}": rows for key, clip in ARRAYS.items() for name, rows in clip.items()})
    generator = random.Random(packing)
    kinds = [False] * flips + [True] * cuts
    generator.shuffle(kinds)
    shards = sorted(paths.shards.iterdir())
    for start in range(0, len(kinds), len(shards)):
        hit = list(zip(shards, kinds[start:], strict=False))
        harms = [_harm(_files(shard), generator, is_cut=is_cut) for shard, is_cut in hit]
        _judge_shards(figures, paths, truth, harms, [shard for shard, _ in hit], packing=packing)
    names = list(TABLES)
    for number in range(table_flips + table_cuts):
        harm = _harm([paths.root / names[number % len(names)]], generator, is_cut=number >= table_flips)
        _judge_table(figures, paths, harm, packing=packing)
    if verify_store(paths.root).problems:
        figures.violations.append(f"{packing}: the store was not put back as it was")


@dataclass(frozen=True, slots=True)
class _Harm:
    """One flip, or one cut."""

    path: Path
    bit: int
    is_cut: bool

    def __str__(self) -> str:
        what = f"cut to {self.bit // 8} bytes" if self.is_cut else f"bit {self.bit} flipped"
        return f"{self.path.parent.name}/{self.path.name} {what}"

    @contextmanager
    def done(self) -> Iterator[None]:
        """The file with the damage in it, for as long as the block takes."""
        if not self.is_cut:
            with flipped(self.path, self.bit):
                yield
            return
        content = self.path.read_bytes()
        with open(self.path, "r+b") as file:
            file.truncate(self.bit // 8)
        try:
            yield
        finally:
            with open(self.path, "r+b") as file:
                file.write(content)


def _harm(files: Sequence[Path], generator: random.Random, *, is_cut: bool) -> _Harm:
    """At a bit of one of the files, each bit as likely as any other."""
    position = generator.randrange(sum(8 * file.stat().st_size for file in files))
    for file in files:
        size_bits = 8 * file.stat().st_size
        if position < size_bits:
            return _Harm(file, position, is_cut=is_cut)
        position -= size_bits
    raise ValueError("the files are empty")


def _judge_shards(
    figures: Figures, paths: StorePaths, truth: Path, harms: Sequence[_Harm], shards: Sequence[Path], *, packing: str
) -> None:
    """All of the harms at once, each of which is in a shard of its own."""
    with ExitStack() as stack:
        for harm in harms:
            stack.enter_context(harm.done())
        report = verify_store(paths.root)
        readable, wrong = readable_keys(paths.root, truth)
    figures.tried += len(harms)
    by_shard = dict(zip((shard.name for shard in shards), harms, strict=True))
    for name in by_shard.keys() - report.damaged_shards:
        figures.violations.append(f"{packing}: {by_shard[name]}: not found")
    for name in report.damaged_shards - by_shard.keys():
        figures.violations.append(f"{packing}: {name} is whole, and said to be damaged")
    for key in sorted(wrong):
        figures.violations.append(f"{packing}: {key} was read with other values")
    lost = ARRAYS.keys() - readable
    if report.damaged_clips != lost or report.exit_code != 12:
        figures.violations.append(
            f"{packing}: exit code {report.exit_code}; verify and a reader differ over "
            f"{', '.join(sorted(report.damaged_clips ^ lost))} ({'; '.join(map(str, harms))})"
        )


def _judge_table(figures: Figures, paths: StorePaths, harm: _Harm, *, packing: str) -> None:
    """No shard is damaged, so that HDF5 may read in this process."""
    with harm.done():
        report = verify_store(paths.root)
        clips: dict[str, dict[str, np.ndarray]] = {}
        try:
            with open_store(paths.root, verify=True) as store:
                clips = {key: store[key] for key in store}
        except DamageError:
            pass
    figures.tried += 1
    found = [(problem.kind, problem.place) for problem in report.problems]
    if found != [(TABLES[harm.path.name], harm.path.name)] or report.exit_code != 12:
        figures.violations.append(f"{packing}: {harm}: found as {found}")
    if report.damaged_clips or report.damaged_shards:
        figures.violations.append(f"{packing}: {harm}: laid at the door of clips")
    is_right = all(
        np.array_equal(rows, ARRAYS[key][name]) for key, clip in clips.items() for name, rows in clip.items()
    )
    if clips and (clips.keys() != ARRAYS.keys() or not is_right):
        figures.violations.append(f"{packing}: {harm}: read with other clips or values")


def _files(shard: Path) -> list[Path]:
    return [shard] if shard.is_file() else sorted(file for file in shard.rglob("*") if file.is_file())
