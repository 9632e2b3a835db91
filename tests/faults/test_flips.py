"""Single bits turned and files cut off in a store: each is found, and laid at the right door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest
from damage import flip, flipped
from faults import flips
from faults.figures import Figures
from faults.flips import ARRAYS
from small_store import make_store, settings_for
from store_suite import FEATURES

from audiofeat.reading.store import Store
from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.layout import StorePaths
from audiofeat.verify import verify_store

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


@pytest.mark.parametrize("packing", flips.PACKINGS)
def test_fault_43_row_93_flips_and_cuts_are_found_and_none_is_read_as_if_it_were_nothing(
    tmp_path: Path, packing: str
) -> None:
    figures = Figures("flips")
    flips.sweep(figures, tmp_path, packing, flips=24, cuts=12, table_flips=9, table_cuts=3)
    assert figures.violations == []
    assert figures.tried == 48


def test_a_sweep_sees_a_digest_that_nobody_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hdf5Shards, "digest", lambda self, path: path.name[13:29])
    figures = Figures("flips")
    flips.sweep(figures, tmp_path, "hdf5", flips=10, cuts=0, table_flips=0, table_cuts=0)
    assert any("not found" in violation for violation in figures.violations)


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


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and ".state" not in file.parts)
