"""One store read by several threads, and by processes that were forked or spawned."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from labelled_store import make_labelled_store
from small_store import small_arrays

from audiofeat import open_store
from audiofeat.store import open_shards
from audiofeat.store.layout import StorePaths
from audiofeat.store.open_shards import OpenShards
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
    """A kind of shard that does nothing but count how many readers there are, and how many there have been."""

    suffix = ""

    def __init__(self) -> None:
        self.n_open = self.n_opened = 0

    def open(self, path: Path) -> CountedReader:
        return CountedReader(self)


class CountedReader:
    def __init__(self, kind: CountedShards) -> None:
        self._kind = kind
        kind.n_open += 1
        kind.n_opened += 1

    def __del__(self) -> None:
        self._kind.n_open -= 1

    def read(self, feature: str, location: Location, start: int, stop: int) -> Array:
        return np.zeros((stop - start, 1))


def test_no_more_shards_stay_open_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_shards, "_most_at_once", lambda: 3)
    kind = CountedShards()
    shards = OpenShards(Path("shards"), [str(number) for number in range(10)], kind)  # type: ignore[arg-type]
    for number in (0, 1, 2, 1, 0, 2):
        assert shards[number] is shards[number]
    assert (kind.n_open, kind.n_opened) == (3, 3)
    held = shards[0]
    for number in range(3, 10):
        shards[number]
    assert (kind.n_open, kind.n_opened) == (4, 10)  # the one that is held is not closed under anybody's hands
    del held
    shards.start_anew()
    assert kind.n_open == 0


@pytest.mark.parametrize(("limit", "most"), [(64, 32), (1024, 256), (1 << 20, 1024), (resource.RLIM_INFINITY, 1024)])
def test_a_store_leaves_most_descriptors_to_others(monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    kind = CountedShards()
    shards = OpenShards(Path("shards"), [str(number) for number in range(1100)], kind)  # type: ignore[arg-type]
    for number in range(1100):
        shards[number]
    assert kind.n_open == most
