"""A store's means and variances: those of all its rows, from its shards alone, and good for normalising it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from damage import flip
from running import audiofeat
from small_store import make_store, settings_for, small_arrays
from store_suite import FEATURES

from audiofeat.config import Config, load_config, resolve_features
from audiofeat.dsp.cmvn import Cmvn
from audiofeat.errors import REPAIR_HINT, DamageError, StorageError
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.store import Store
from audiofeat.report import size_text
from audiofeat.stats import Statistics, store_statistics, write_statistics
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.moments import Moments, as_array
from audiofeat.store.shard_format import Array

ARRAYS = small_arrays(20)
PACKINGS = {
    "hdf5": (),
    "npy": ("store.format=npy",),
    "gzip": ("store.compression=gzip", "store.chunk_frames=3"),
    "blosc2": ("store.compression=blosc2",),
}
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])


def all_rows(feature: str) -> Array:
    return np.concatenate([features[feature] for features in ARRAYS.values()]).astype(np.float64)


def assert_right(statistics: dict[str, Statistics]) -> None:
    assert statistics.keys() == {spec.name for spec in FEATURES}
    for name, found in statistics.items():
        rows = all_rows(name)
        assert found.n_frames == len(rows)
        np.testing.assert_allclose(found.mean, rows.mean(axis=0), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(found.variance, rows.var(axis=0), rtol=1e-12)


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_statistics_are_those_of_all_rows_and_no_row_is_read(
    tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_store(tmp_path / "store", settings_for(*PACKINGS[packing]), ARRAYS, failing=["broken"])
    monkeypatch.setattr(Store, "__init__", None)
    info = StoreInfo(paths.root)
    assert len(info.shards) > 1
    assert_right(store_statistics(info))


@FORMATS
def test_a_store_from_before_its_shards_had_moments_is_read_through(tmp_path: Path, store_format: str) -> None:
    paths = make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS)
    for shard in paths.shards.iterdir():
        if shard.is_dir():
            (shard / "moments").rename(shard / "sums")
        else:
            with h5py.File(shard, "r+") as file:
                file.move("moments", "sums")
    assert_right(store_statistics(StoreInfo(paths.root)))


def test_a_store_without_clips_has_no_statistics_to_speak_of(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), {}, failing=["broken"])
    for found in store_statistics(StoreInfo(paths.root)).values():
        assert (found.n_frames, found.constant_columns) == (0, [])
        assert found.to_json() == {"frames": 0, "mean": None, "variance": None, "constant_columns": []}
    done = audiofeat("stats", paths.root)
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()[2:]] == [
        ["log_mel", "5", "0", *"------"],
        ["mfcc", "3", "0", *"------"],
    ]
    done = audiofeat("stats", paths.root, "--out", tmp_path / "cmvn.npz")
    assert (done.code, done.out) == (2, "")
    assert "holds no frames" in done.err
    assert not (tmp_path / "cmvn.npz").exists()


def job_with(statistics: Path) -> Config:
    cmvn = {"mode": "meanvar", "over": "global", "file": str(statistics), "eps": 0.0}
    return load_config(
        {"mel": {"bands": 5}, "mfcc": {"n": 3}, "cmvn": cmvn, "features": {"log_mel": {}, "mfcc": {}}},
        overrides=["compute.precision=float64"],
    )


def test_a_job_that_is_given_them_has_columns_of_mean_0_and_deviation_1(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    write_statistics(tmp_path / "cmvn.npz", store_statistics(StoreInfo(paths.root)))
    for name, feature in resolve_features(job_with(tmp_path / "cmvn.npz")).items():
        given = feature.cmvn
        step = Cmvn(
            mode=given.mode,
            over=given.over,
            ddof=given.ddof,
            eps=given.eps,
            eps_at=given.eps_at,
            window_frames=given.window_frames,
            min_frames=given.min_frames,
            center=given.center,
            mean=given.mean,
            variance=given.variance,
        )
        clips = [features[name] for features in ARRAYS.values()]
        done = [
            block
            for rows in clips
            for block in step.apply(lambda rows=rows: iter([rows]), n_rows=len(rows), dims=rows.shape[1])
        ]
        normalised = np.concatenate(done)
        np.testing.assert_allclose(normalised.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(normalised.std(axis=0), 1.0, rtol=1e-12)


@pytest.mark.slow
def test_a_store_made_with_them_has_columns_of_mean_0_and_deviation_1(clips: Path, job: Path, tmp_path: Path) -> None:
    assert audiofeat("extract", clips, tmp_path / "plain", "--config", job).code == 0
    assert audiofeat("stats", tmp_path / "plain", "--out", tmp_path / "cmvn.npz").code == 0
    settings = ["cmvn.mode=meanvar", "cmvn.over=global", f"cmvn.file={tmp_path / 'cmvn.npz'}"]
    options = [word for setting in settings for word in ("--set", setting)]
    assert audiofeat("extract", clips, tmp_path / "normalised", "--config", job, *options).code == 0
    for name, found in store_statistics(StoreInfo(tmp_path / "normalised")).items():
        np.testing.assert_allclose(found.mean, 0.0, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(found.variance, 1.0, atol=1e-5, err_msg=name)


def test_equal_statistics_are_equal_bytes(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    statistics = store_statistics(StoreInfo(paths.root))
    write_statistics(tmp_path / "one.npz", statistics)
    write_statistics(tmp_path / "other.npz", dict(reversed(statistics.items())))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as arrays:
        assert sorted(arrays) == ["log_mel.mean", "log_mel.variance", "mfcc.mean", "mfcc.variance"]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    statistics = store_statistics(StoreInfo(paths.root))
    out = tmp_path / "cmvn.npz"
    out.write_bytes(b"before")

    def fsync(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(StorageError, match=r"cmvn\.npz"):
        write_statistics(out, statistics)
    assert out.read_bytes() == b"before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cmvn.npz", "store"]


@FORMATS
def test_a_missing_shard_is_damage(tmp_path: Path, store_format: str) -> None:
    paths = make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS)
    shard = sorted(paths.shards.iterdir())[0]
    shutil.rmtree(shard) if shard.is_dir() else shard.unlink()
    for verify in (False, True):
        with pytest.raises(DamageError, match=shard.name) as caught:
            store_statistics(StoreInfo(paths.root), verify=verify)
        assert caught.value.hint == REPAIR_HINT
        assert "errno = 2" not in caught.value.problem  # HDF5 would have a lot to say


@FORMATS
def test_moments_are_believed_unless_they_are_to_be_verified(tmp_path: Path, store_format: str) -> None:
    paths = make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS)
    right = audiofeat("stats", paths.root, "--verify", "--json").out
    assert "log_mel" in right
    mean = as_array(store_moments(paths))[0, 2].tobytes()
    file = next(file for file in paths.shards.rglob("*") if file.is_file() and mean in file.read_bytes())
    flip(file, 8 * (file.read_bytes().index(mean) + 6) + 1)
    believed = audiofeat("stats", paths.root, "--json")
    assert believed.code == 0
    assert believed.out != right
    done = audiofeat("stats", paths.root, "--verify", "--out", tmp_path / "cmvn.npz")
    assert (done.code, done.out) == (12, "")
    assert REPAIR_HINT in done.err
    assert not (tmp_path / "cmvn.npz").exists()


def store_moments(paths: StorePaths) -> Moments:
    """Of log_mel in the first shard."""
    info = StoreInfo(paths.root)
    name, entry = min(info.shards.items())
    reader = shard_format(info.description["store_format"]).open(paths.shards / name)
    found = reader.moments("log_mel", n_rows=entry.rows)
    reader.close()
    assert found is not None
    return found


@pytest.fixture
def with_constants(tmp_path: Path) -> StorePaths:
    """A store in which three columns never change."""
    arrays = {key: {name: rows.copy() for name, rows in features.items()} for key, features in ARRAYS.items()}
    for features in arrays.values():
        features["log_mel"][:, [1, 4]] = -4.6
        features["mfcc"][:, 0] = 0.1
    return make_store(tmp_path / "store", settings_for(), arrays)


def test_the_command_names_constant_columns(with_constants: StorePaths) -> None:
    done = audiofeat("stats", with_constants.root)
    assert done.code == 0
    assert "constant: columns 1, 4, counted from 0" in done.out
    assert "constant: column 0, counted from 0" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[:3] for line in lines if line and line[0] in ("log_mel", "mfcc")] == [
        ["log_mel", "5", "210"],
        ["mfcc", "3", "210"],
    ]


def test_the_command_as_json_has_every_column(with_constants: StorePaths, tmp_path: Path) -> None:
    done = audiofeat("stats", with_constants.root, "--json", "--out", tmp_path / "cmvn.npz")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    size_bytes = (tmp_path / "cmvn.npz").stat().st_size
    said = audiofeat("stats", with_constants.root, "--out", tmp_path / "cmvn.npz").out
    assert said.splitlines()[-1] == f"{tmp_path}/cmvn.npz: mean and variance of log_mel, mfcc, {size_text(size_bytes)}"
    assert found["log_mel"]["constant_columns"] == [1, 4]
    assert found["mfcc"]["frames"] == 210
    with np.load(tmp_path / "cmvn.npz") as arrays:
        assert arrays["log_mel.mean"].tolist() == found["log_mel"]["mean"]
        assert arrays["log_mel.variance"][4] == 0.0


def test_what_cannot_be_done_has_its_exit_code(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    assert audiofeat("stats", tmp_path / "nothing").code == 10
    done = audiofeat("stats", paths.root, "--out", tmp_path / "no" / "folder" / "cmvn.npz")
    assert (done.code, done.out) == (2, "")
    assert "make it first" in done.err
    done = audiofeat("stats", paths.root, "--out", tmp_path / "cmvn.npy")
    assert (done.code, done.out) == (2, "")
    assert "does not end in .npz" in done.err
    for shard in paths.shards.iterdir():
        shard.write_bytes(shard.read_bytes()[:1_000])
    done = audiofeat("stats", paths.root)
    assert done.code == 12
    assert REPAIR_HINT in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
