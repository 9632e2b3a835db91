"""How shards are packed: smaller files of the same values, the same bytes whatever the machine does besides."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from running import differences
from small_store import make_store, settings_for, small_arrays
from store_suite import FEATURES, random_arrays, shard_clip, tree

import audiofeat as package
from audiofeat import open_store
from audiofeat.config import load_config
from audiofeat.store import hdf5
from audiofeat.store.description import encode_description, read_description
from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.packing import Packing, packing_of
from audiofeat.store.rows import BLOCK_ROWS, RowBudget
from audiofeat.store.shard_format import Array

GZIP = Packing("hdf5", "gzip", 4, 100)
BLOSC2 = Packing("hdf5", "blosc2", 5, 100)
COMPRESSED = pytest.mark.parametrize("packing", [GZIP, BLOSC2], ids=["gzip", "blosc2"])


def slow_values(n_frames: int) -> dict[str, Array]:
    """Values that change slowly, as those of features do."""
    steps = random_arrays(n_frames, seed=n_frames)
    return {name: (np.cumsum(rows, axis=0) / 64).round(1).astype(rows.dtype) for name, rows in steps.items()}


ARRAYS = {key: slow_values(n) for key, n in (("a", 50), ("b", BLOCK_ROWS + 77), ("c", 3_000))}


@pytest.fixture
def budget(tmp_path: Path) -> RowBudget:
    return RowBudget(tmp_path)


def write(path: Path, packing: Packing, budget: RowBudget) -> bytes:
    Hdf5Shards(packing).write(path, [shard_clip(key, arrays, budget) for key, arrays in ARRAYS.items()], FEATURES)
    return path.read_bytes()


@COMPRESSED
def test_compression_makes_shards_smaller(packing: Packing, budget: RowBudget, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.h5", Packing(), budget)
    assert len(write(tmp_path / "shard.h5", packing, budget)) < 0.7 * len(plain)


@COMPRESSED
def test_no_variable_of_the_environment_and_no_thread_changes_a_byte(
    packing: Packing, budget: RowBudget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = write(tmp_path / "first.h5", packing, budget)
    for name, value in (("NTHREADS", "4"), ("CLEVEL", "9"), ("SHUFFLE", "NOSHUFFLE"), ("COMPRESSOR", "lz4")):
        monkeypatch.setenv(f"BLOSC_{name}", value)
    monkeypatch.setattr(hdf5, "_hdf5plugin", hdf5._hdf5plugin.__wrapped__)  # as in a process that begins like that
    found: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: write(tmp_path / f"{n}.h5", packing, budget)}))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [content == wanted for content in found.values()] == [True] * 3


def test_any_hdf5_reads_gzip_and_hdf5plugin_reads_blosc2(budget: RowBudget, tmp_path: Path) -> None:
    rows = np.concatenate([arrays["log_mel"] for arrays in ARRAYS.values()])
    for packing, filters in ((GZIP, [2, 1]), (BLOSC2, [hdf5plugin.BLOSC2_ID])):
        write(tmp_path / packing.word, packing, budget)
        with h5py.File(tmp_path / packing.word) as file:
            dataset = file["log_mel"]
            assert dataset.chunks == (100, 5)
            created = dataset.id.get_create_plist()
            assert [created.get_filter(n)[0] for n in range(created.get_nfilters())] == filters
            np.testing.assert_array_equal(dataset[:], rows)


def test_a_process_that_only_reads_finds_the_blosc2_filter_by_itself(budget: RowBudget, tmp_path: Path) -> None:
    write(tmp_path / "shard.h5", BLOSC2, budget)
    program = (
        "import sys; from pathlib import Path; from audiofeat.store.hdf5_reading import Hdf5Reader\n"
        "from audiofeat.store.shard_format import Location\n"
        "print(Hdf5Reader(Path(sys.argv[1])).read('log_mel', Location('a', 0, 50), 3, 50).sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "shard.h5")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(float(ARRAYS["a"]["log_mel"][3:].sum()))


def test_a_chunk_is_no_longer_than_its_feature_and_not_beyond_64_mb(budget: RowBudget, tmp_path: Path) -> None:
    long = Packing("hdf5", "gzip", 1, 65_536)
    clips = [shard_clip("a", slow_values(50), budget)]
    Hdf5Shards(long).write(tmp_path / "shard.h5", clips, FEATURES)
    with h5py.File(tmp_path / "shard.h5") as file:
        assert file["log_mel"].chunks == (50, 5)
        assert file["mfcc"].chunks == (50, 3)


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        ((), "hdf5-3"),
        (("store.format=npy",), "npy-3"),
        (("store.compression_level=9", "store.chunk_frames=7"), "hdf5-3"),
        (("store.format=npy", "store.chunk_frames=7"), "npy-3"),
        (("store.compression=gzip",), "hdf5-3-gzip-3-128"),
        (("store.compression=blosc2", "store.compression_level=9", "store.chunk_frames=7"), "hdf5-3-blosc2-9-7"),
    ],
)
def test_equal_words_mean_equal_bytes(overrides: tuple[str, ...], word: str) -> None:
    assert packing_of(load_config("kaldi-fbank80", overrides=overrides).store).word == word


def test_stores_have_one_content_however_they_are_packed(tmp_path: Path) -> None:
    options = {
        "plain": (),
        "gzip": ("store.compression=gzip", "store.chunk_frames=5"),
        "blosc2": ("store.compression=blosc2",),
        "npy": ("store.format=npy",),
    }
    arrays = small_arrays(12)
    digests, files = set(), set()
    for name, overrides in options.items():
        paths = make_store(tmp_path / name, settings_for(*overrides), arrays)
        with open_store(paths.root, verify=True) as store:
            digests.add(store.digest)
            for key, features in arrays.items():
                for feature, rows in features.items():
                    np.testing.assert_array_equal(store.read(key, feature, 0, len(rows)), rows)
        files.add(frozenset(tree(paths.shards).values()))
    assert len(digests) == 1
    assert len(files) == len(options)


@pytest.fixture(scope="module")
def plain(clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uncompressed store of twenty clips. Not to be written to."""
    store = tmp_path_factory.mktemp("plain") / "store"
    package.extract(clips, store, job, workers=2)
    return store


def test_other_packing_copies_every_row_and_decodes_none(plain: Path, clips: Path, job: Path, tmp_path: Path) -> None:
    store, scratch = shutil.copytree(plain, tmp_path / "store"), tmp_path / "scratch"
    gzip, blosc2 = ["store.compression=gzip", "store.compression_level=9"], ["store.compression=blosc2"]
    package.extract(clips, scratch, job, overrides=blosc2, workers=2)
    for overrides in (gzip, [*gzip, "store.chunk_frames=50"], blosc2):
        report = package.extract(clips, store, job, overrides=overrides, workers=2)
        assert (report.exit_code, report.decoded, report.reused) == (0, 0, 20)
        assert report.digest == open_store(plain).digest
    assert differences(store, scratch) == []


def test_shards_from_before_their_packing_was_told_are_written_anew(
    plain: Path, clips: Path, job: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(plain, tmp_path / "store")
    values = read_description(store / "store.json")
    for shard in values["shards"]:
        del shard["packing"]
    (store / "store.json").write_bytes(encode_description(values))
    report = package.extract(clips, store, job, workers=2)
    assert (report.exit_code, report.decoded, report.reused) == (0, 0, 20)
    assert differences(store, plain) == []
