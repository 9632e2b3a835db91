"""One store read by several threads, and by processes that were forked or spawned."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from labelled_store import make_labelled_store
from small_store import small_arrays
from store_suite import FEATURES, shard_clip

from audiofeat import open_store
from audiofeat.reading import open_shards
from audiofeat.reading.open_shards import OpenShards
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget
from audiofeat.store.shard_format import Array, Location

ARRAYS = small_arrays(40)
KINDS = {
    "packed": ("hdf5",),
    "gzip": ("hdf5", "store.compression=gzip", "store.chunk_frames=16"),
    "blosc2": ("hdf5", "store.compression=blosc2"),
    "npy": ("npy",),
}


def make(root: Path, kind: str) -> StorePaths:
    store_format, *overrides = KINDS[kind]
    labels = [f"word{number}" for number in range(40)]
    return make_labelled_store(root, ARRAYS, {"label": labels}, *overrides, store_format=store_format)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_what_is_there(tmp_path: Path, method: str, kind: str) -> None:
    """With threads that read while the workers start, as a training process may have them."""
    paths = make(tmp_path / "store", kind)
    script = Path(__file__).with_name("reading_workers.py")
    command: Sequence[str] = [sys.executable, str(script), method, str(paths.root), "2"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
    sums = {key: float(arrays["mfcc"].sum()) for key, arrays in ARRAYS.items()}
    assert json.loads(done.stdout) == [[sums] * 4, [0] * 4]


@pytest.mark.parametrize("kind", KINDS)
def test_threads_share_a_store_that_keeps_letting_go_of_shards(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_shards, "_most_at_once", lambda: 2)
    paths = make(tmp_path / "store", kind)
    with open_store(paths.root) as store:
        assert len(store.shards) > 4
        start = threading.Barrier(4)

        def read(seed: int) -> int:
            start.wait(10)
            random = np.random.default_rng(seed)
            for number in random.integers(0, 40, 300).tolist():
                key = store.key_at(number)
                first = int(random.integers(0, number + 1))
                np.testing.assert_array_equal(store.read(key, "mfcc", first), ARRAYS[key]["mfcc"][first:])
            return 300

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(read, range(4))) == 1200


class CountedShards:
    """A kind of shard that does nothing but count how many are open, and how many readers there have been."""

    suffix = ""

    def __init__(self) -> None:
        self.n_open = self.n_readers = 0

    def open(self, path: Path) -> CountedReader:
        return CountedReader(self)


class CountedReader:
    def __init__(self, kind: CountedShards) -> None:
        self._kind, self._is_open = kind, False
        kind.n_readers += 1

    def read(self, feature: str, location: Location, start: int, stop: int) -> Array:
        self._kind.n_open += not self._is_open
        self._is_open = True
        return np.zeros((stop - start, 1))

    def rest(self) -> None:
        self._kind.n_open -= self._is_open
        self._is_open = False


def read_all(shards: OpenShards, numbers: Iterable[int]) -> None:
    for number in numbers:
        assert shards[number].read("mfcc", Location("key", 0, 5), 2, 4).shape == (2, 1)


def test_no_more_shards_stay_open_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_shards, "_most_at_once", lambda: 3)
    kind = CountedShards()
    shards = OpenShards(Path("shards"), [str(number) for number in range(10)], kind)  # type: ignore[arg-type]
    read_all(shards, (0, 1, 2, 1, 0, 2))
    assert (kind.n_open, kind.n_readers) == (3, 3)
    read_all(shards, range(10))
    read_all(shards, reversed(range(10)))
    assert (kind.n_open, kind.n_readers) == (3, 10)  # none is looked through twice


@pytest.mark.parametrize(("limit", "most"), [(64, 32), (1024, 256), (1 << 20, 1024), (resource.RLIM_INFINITY, 1024)])
def test_a_store_leaves_most_descriptors_to_others(monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    kind = CountedShards()
    shards = OpenShards(Path("shards"), [str(number) for number in range(1100)], kind)  # type: ignore[arg-type]
    read_all(shards, range(1100))
    assert kind.n_open == most


@pytest.mark.parametrize("kind", ["packed", "blosc2"])
def test_shards_at_rest_hold_no_file_open(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_shards, "_most_at_once", lambda: 2)
    paths = make(tmp_path / "store", kind)
    with open_store(paths.root) as store:
        for _ in range(2):
            for key in store:
                np.testing.assert_array_equal(store[key]["mfcc"], ARRAYS[key]["mfcc"])
        held = {os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if Path(entry.path).is_symlink()}
        assert len({path for path in held if path.startswith(str(paths.shards))}) == 2


def test_a_shard_at_rest_whose_file_becomes_another_is_looked_through_again(tmp_path: Path) -> None:
    """As when a run writes a damaged one anew; here the rows come to lie elsewhere."""
    clips = [shard_clip("a", ARRAYS["folder/030"], RowBudget(tmp_path))]
    kind = shard_format("hdf5")
    kind.write(tmp_path / "shard.h5", clips, FEATURES)
    kind.write(tmp_path / "other.h5", clips, FEATURES[::-1])
    reader, location = kind.open(tmp_path / "shard.h5"), Location("a", 0, 31)
    reader.rest()
    os.replace(tmp_path / "other.h5", tmp_path / "shard.h5")
    for feature in ("log_mel", "mfcc"):
        np.testing.assert_array_equal(reader.read(feature, location, 0, 31), ARRAYS["folder/030"][feature])
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read("mfcc", location, 0, 31)
