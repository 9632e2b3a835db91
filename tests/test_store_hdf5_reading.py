"""Rows straight from an HDF5 shard's file: the same as HDF5 gives, from any thread and process, and never others'."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from store_suite import FEATURES, locations, random_arrays, shard_clip

from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.hdf5_reading import Hdf5Reader
from audiofeat.store.rows import RowBudget
from audiofeat.store.shard_format import Array, Location

ARRAYS = {key: random_arrays(n, seed=n) for key, n in (("a", 5), ("b", 70), ("c", 9))}
PLACES = locations(ARRAYS)
B = ARRAYS["b"]["log_mel"]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    budget = RowBudget(tmp_path)
    clips = [shard_clip(key, arrays, budget) for key, arrays in ARRAYS.items()]
    Hdf5Shards().write(tmp_path / "shard.h5", clips, FEATURES)
    return tmp_path / "shard.h5"


def replace_dataset(shard: Path, values: Array, **storage: object) -> None:
    """Store the log-mels in another way."""
    with h5py.File(shard, "r+") as file:
        del file["log_mel"]
        file.create_dataset("log_mel", data=values, **storage)


def all_rows() -> Array:
    return np.concatenate([arrays["log_mel"] for arrays in ARRAYS.values()])


def test_no_slice_of_a_contiguous_dataset_asks_hdf5(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Hdf5Reader(shard)
    monkeypatch.setattr(h5py, "Dataset", None)
    monkeypatch.setattr(h5py, "File", None)
    for spec in FEATURES:
        np.testing.assert_array_equal(reader.read(spec.name, PLACES["b"], 10, 50), ARRAYS["b"][spec.name][10:50])
    reader.close()


@pytest.mark.parametrize(
    "storage",
    [{"chunks": (7, 5)}, {"chunks": (7, 5), "compression": "gzip", "shuffle": True}, {"fletcher32": True}],
    ids=" ".join,
)
def test_rows_that_are_not_contiguous_come_through_hdf5(shard: Path, storage: dict[str, object]) -> None:
    replace_dataset(shard, all_rows(), **storage)
    reader = Hdf5Reader(shard)
    for start, stop in ((0, 70), (10, 50), (70, 70)):
        np.testing.assert_array_equal(reader.read("log_mel", PLACES["b"], start, stop), B[start:stop])
    reader.close()


@pytest.mark.parametrize("dtype", [">f4", "<f2", "<i4"])
def test_a_type_that_is_not_the_machines_own_is_read_by_its_meaning(shard: Path, dtype: str) -> None:
    replace_dataset(shard, all_rows().astype(dtype))
    reader = Hdf5Reader(shard)
    np.testing.assert_array_equal(reader.read("log_mel", PLACES["b"], 10, 50), B[10:50].astype(dtype))
    reader.close()


def read_b(reader: Hdf5Reader, queue: multiprocessing.Queue[Array]) -> None:
    queue.put(reader.read("log_mel", PLACES["b"], 0, 70))


@pytest.mark.parametrize("storage", [{}, {"compression": "gzip"}], ids=["contiguous", "compressed"])
def test_a_reader_is_good_on_both_sides_of_a_fork(shard: Path, storage: dict[str, object]) -> None:
    replace_dataset(shard, all_rows(), **storage)
    reader = Hdf5Reader(shard)
    np.testing.assert_array_equal(reader.read("log_mel", PLACES["a"], 0, 5), ARRAYS["a"]["log_mel"])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=read_b, args=(reader, queue)) for _ in range(3)]
    for child in children:
        child.start()
    for _ in range(200):
        np.testing.assert_array_equal(reader.read("log_mel", PLACES["c"], 0, 9), ARRAYS["c"]["log_mel"])
    for child in children:
        np.testing.assert_array_equal(queue.get(timeout=30), B)
        child.join()
        assert child.exitcode == 0
    reader.close()


def test_a_fork_that_comes_while_another_thread_reads_leaves_the_child_no_lock_to_wait_for(shard: Path) -> None:
    replace_dataset(shard, all_rows(), compression="gzip")
    reader = Hdf5Reader(shard)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=read_b, args=(reader, queue))
    with reader._hdf5.of_this_process():
        child.start()
        np.testing.assert_array_equal(queue.get(timeout=30), B)
    child.join()
    assert child.exitcode == 0
    reader.close()


def test_threads_read_compressed_rows_side_by_side(shard: Path) -> None:
    replace_dataset(shard, all_rows(), compression="gzip")
    reader = Hdf5Reader(shard)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda start: reader.read("log_mel", PLACES["b"], start, 70), range(70))
        for start, rows in enumerate(found):
            np.testing.assert_array_equal(rows, B[start:])
    reader.close()


def test_a_reader_closed_while_it_reads_never_gives_another_files_bytes(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_bytes(b"\xff" * shard.stat().st_size)
    reader = Hdf5Reader(shard)
    others = []
    preadv = os.preadv

    def late_preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        reader.close()
        others.append(os.open(tmp_path / "other", os.O_RDONLY))  # takes a number that the reader may have left
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", late_preadv)
    np.testing.assert_array_equal(reader.read("log_mel", PLACES["b"], 0, 70), B)
    for descriptor in others:
        os.close(descriptor)


def test_a_closed_reader_keeps_no_descriptor_and_gives_no_rows(shard: Path) -> None:
    before = os.listdir("/proc/self/fd")
    reader = Hdf5Reader(shard)
    reader.index()
    reader.close()
    assert os.listdir("/proc/self/fd") == before
    for feature in ("log_mel", "other"):
        with pytest.raises(ValueError, match="closed"):
            reader.read(feature, PLACES["a"], 0, 1)


def test_a_file_cut_off_while_it_is_open_is_an_error(shard: Path) -> None:
    reader = Hdf5Reader(shard)
    os.truncate(shard, 1_000)
    with pytest.raises(OSError, match="shorter"):
        reader.read("log_mel", PLACES["b"], 0, 70)
    reader.close()


@pytest.mark.parametrize("storage", [{}, {"compression": "gzip"}], ids=["contiguous", "compressed"])
@pytest.mark.parametrize("place", [Location("x", 80, 5), Location("x", -1, 5), Location("x", 1 << 62, 5)])
def test_rows_outside_the_dataset_are_refused(shard: Path, place: Location, storage: dict[str, object]) -> None:
    replace_dataset(shard, all_rows(), **storage)
    reader = Hdf5Reader(shard)
    with pytest.raises(ValueError, match="rows"):
        reader.read("log_mel", place, 0, 5)
    reader.close()


def external_link(file: h5py.File, other: Path) -> None:
    file["log_mel"] = h5py.ExternalLink(str(other), "log_mel")


def soft_link(file: h5py.File, other: Path) -> None:
    file["log_mel"] = h5py.SoftLink("/mfcc")


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=(84, 5), dtype="f4")
    layout[:] = h5py.VirtualSource(str(other), "log_mel", shape=(84, 5))
    file.create_virtual_dataset("log_mel", layout)


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("log_mel", (84, 5), "f4", external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def a_group(file: h5py.File, other: Path) -> None:
    file.create_group("log_mel")


def never_written(file: h5py.File, other: Path) -> None:
    file.create_dataset("log_mel", (84, 5), "f4")


def strange_filter(file: h5py.File, other: Path) -> None:
    file.create_dataset("log_mel", data=all_rows(), compression="lzf")


@pytest.mark.parametrize(
    "way", [external_link, soft_link, virtual, external_storage, a_group, never_written, strange_filter]
)
def test_row_94_97_what_no_shard_of_ours_has_is_damage_and_shows_no_other_file(
    shard: Path, tmp_path: Path, way: object
) -> None:
    assert callable(way)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["log_mel"] = np.ones((84, 5), "f4")
    with h5py.File(shard, "r+") as file:
        del file["log_mel"]
        way(file, other)
    reader = Hdf5Reader(shard)
    with pytest.raises(ValueError, match="log_mel"):
        reader.read("log_mel", PLACES["b"], 0, 1)
    np.testing.assert_array_equal(reader.read("mfcc", PLACES["b"], 0, 70), ARRAYS["b"]["mfcc"])
    reader.close()


def test_a_feature_that_is_not_there_is_a_key_error(shard: Path) -> None:
    reader = Hdf5Reader(shard)
    for feature in ("chroma", "index/chroma", "none/at/all"):
        with pytest.raises(KeyError):
            reader.read(feature, PLACES["b"], 0, 1)
    reader.close()


def test_the_index_is_what_was_written(shard: Path) -> None:
    reader = Hdf5Reader(shard)
    assert reader.index() == list(PLACES.values())
    reader.close()


def test_a_dataset_of_other_length_than_the_clips_is_told(shard: Path) -> None:
    replace_dataset(shard, B)
    reader = Hdf5Reader(shard)
    names = [spec.name for spec in FEATURES]
    assert list(reader.differences(list(PLACES.values()), names)) == [
        ("", "log_mel has 70 rows where the clips have 84")
    ]
    reader.close()
