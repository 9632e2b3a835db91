"""Two hundred single bits, turned at random places of a store's files: each is found, and laid at the right door."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import pytest
from damage import flip, flipped, readable_keys
from small_store import make_store, settings_for, small_arrays
from store_suite import FEATURES, random_arrays

from audiofeat.reading.store import Store
from audiofeat.store.layout import StorePaths
from audiofeat.verify import verify_store

ARRAYS = {f"folder/{number:03d}": random_arrays(3 + number % 9, seed=number) for number in range(150)}
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])


@pytest.fixture
def paths(tmp_path: Path, store_format: str) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS, failing=["broken"])


@FORMATS
def test_a_whole_store_is_whole(paths: StorePaths) -> None:
    report = verify_store(paths.root)
    assert report.problems == report.notes == ()
    assert report.exit_code == 0
    assert (report.clips, report.shards) == (150, len(list(paths.shards.iterdir())))


@FORMATS
def test_every_flipped_bit_of_a_shard_is_found_and_hits_the_clips_that_it_hits(paths: StorePaths) -> None:
    generator = random.Random(20)
    shards = sorted(paths.shards.iterdir())
    rounds = -(-150 // len(shards))
    for _ in range(rounds):
        places = [_random_bit(shard, generator) for shard in shards]
        with ExitStack() as stack:
            for path, bit in places:
                stack.enter_context(flipped(path, bit))
            report = verify_store(paths.root)
            damaged = ARRAYS.keys() - readable_keys(paths.root)
        assert report.damaged_shards == {shard.name for shard in shards}
        assert report.damaged_clips == damaged
        told = {problem.keys for problem in report.problems if problem.kind.startswith("clip.")}
        assert told == {(key,) for key in damaged}
    assert verify_store(paths.root).problems == ()


@FORMATS
@pytest.mark.parametrize("part", ["store.json", "manifest.parquet", "quarantine.jsonl"])
def test_every_flipped_bit_of_what_tells_of_the_store_is_found_and_hits_no_clip(
    tmp_path: Path, store_format: str, part: str
) -> None:
    paths = make_store(tmp_path, settings_for(store_format=store_format), small_arrays(5), failing=["broken"])
    path = tmp_path / part
    generator = random.Random(part)
    for _ in range(17):
        with flipped(path, generator.randrange(8 * path.stat().st_size)):
            report = verify_store(tmp_path)
        assert [(problem.kind, problem.place) for problem in report.problems] == [
            (part.partition(".")[0].replace("store", "store_json"), part)
        ]
        assert report.damaged_clips == report.damaged_shards == frozenset()
        assert report.exit_code == 12
    assert verify_store(paths.root).problems == ()


def test_a_flipped_bit_in_a_packed_dataset_damages_one_clip(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    with Store(paths.root) as store:
        for key in list(store)[::30]:
            index = list(store).index(key)
            row, shard = (store.manifest.column(name)[index].as_py() for name in ("row_offset", "shard"))
            with h5py.File(paths.shards / shard, "r") as file:
                dataset = file[FEATURES[0].name]
                first = dataset.id.get_offset() + row * dataset.shape[1] * dataset.dtype.itemsize
            with flipped(paths.shards / shard, 8 * first + 3):
                report = verify_store(paths.root)
            assert report.damaged_clips == {key}
            assert [problem.kind for problem in report.problems] == ["shard.digest", "clip.values"]
            assert report.problems[1].place == f"shards/{shard}: {key}"


def test_a_flipped_bit_in_a_shards_own_index_is_told_and_hits_no_clip(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    shard = next(shard for shard in paths.shards.iterdir() if b"folder/008" in shard.read_bytes())
    with flipped(shard, 8 * (shard.read_bytes().index(b"folder/008") + 9) + 4):
        report = verify_store(paths.root)
    assert [problem.kind for problem in report.problems] == ["shard.digest", "index", "index"]
    assert report.problems[1].place == f"shards/{shard.name}: folder/008"
    assert "folder/00(" in report.problems[2].message
    assert report.damaged_clips == frozenset()


def test_flips_everywhere_at_once(tmp_path: Path) -> None:
    """Where the manifest cannot be trusted nobody can name clips, and verification still comes to its end."""
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS, failing=["broken"])
    for file in _files(paths.root):
        flip(file, 8 * (file.stat().st_size // 2))
    report = verify_store(paths.root)
    assert report.problems[0].kind == "store_json"
    assert report.damaged_shards == {shard.name for shard in paths.shards.iterdir()}


def _random_bit(shard: Path, generator: random.Random) -> tuple[Path, int]:
    """A bit of one of a shard's files, each bit as likely as any other."""
    files = [shard] if shard.is_file() else sorted(_files(shard))
    position = generator.randrange(sum(8 * file.stat().st_size for file in files))
    for file in files:
        size_bits = 8 * file.stat().st_size
        if position < size_bits:
            return file, position
        position -= size_bits
    raise ValueError("the shard is empty")


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and ".state" not in file.parts)
