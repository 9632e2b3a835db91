"""The Python interface: two functions and a mapping, usable from a plain script and from a thread."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from running import differences, environment

import audiofeat
from audiofeat.errors import ConfigError, DamageError, NoStoreError, NothingMatchedError, TooManyFailuresError
from audiofeat.reading.store import Store

KEY = "speaker0/take0"


@pytest.fixture(scope="module", params=["hdf5", "npy"])
def path(request: pytest.FixtureRequest, clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("api") / "store"
    report = audiofeat.extract(clips, store, job, store_format=request.param)
    assert (report.exit_code, report.clips, report.decoded) == (0, 20, 20)
    return store


@pytest.fixture
def store(path: Path) -> Store:
    return audiofeat.open_store(path)


def test_a_store_is_a_mapping_in_key_order(store: Store) -> None:
    keys = [f"speaker{speaker}/take{take}" for speaker in range(2) for take in range(10)]
    assert list(store) == list(store.keys()) == keys
    assert len(store) == 20
    assert KEY in store
    assert "speaker0/take10" not in store
    with pytest.raises(KeyError, match="speaker0/take10"):
        store["speaker0/take10"]


def test_a_clip_is_its_features_by_name(store: Store) -> None:
    clip = store[KEY]
    n_frames = store.manifest.to_pylist()[0]["frames"]
    assert {name: (rows.shape, rows.dtype.name) for name, rows in clip.items()} == {
        "mel": ((n_frames, 40), "float32"),
        "log_mel": ((n_frames, 40), "float32"),
        "mfcc": ((n_frames, 13), "float32"),
    }
    decibels = 10 * np.log10(np.maximum(clip["mel"], 1e-10))
    np.testing.assert_allclose(clip["log_mel"], np.maximum(decibels, decibels.max() - 80), atol=1e-3)


def test_frames_are_read_without_the_rest(store: Store) -> None:
    whole = store[KEY]["mfcc"]
    np.testing.assert_array_equal(store.read(KEY, "mfcc", 3, 9), whole[3:9])
    np.testing.assert_array_equal(store.read(KEY, "mfcc", len(whole) - 1), whole[-1:])
    np.testing.assert_array_equal(store.read(KEY, "mfcc"), whole)
    assert store.read(KEY, "mfcc", 5, 5).shape == (0, 13)


@pytest.mark.parametrize(("start", "stop"), [(0, 10_000), (-1, 3), (5, 4)])
def test_frames_outside_the_clip_are_refused(store: Store, path: Path, start: int, stop: int) -> None:
    with pytest.raises(IndexError, match=KEY):
        store.read(KEY, "mfcc", start, stop)
    with pytest.raises(IndexError, match=KEY):
        audiofeat.open_store(path, verify=True).read(KEY, "mfcc", start, stop)


def test_an_unknown_feature_is_refused(store: Store) -> None:
    with pytest.raises(KeyError, match="no feature 'pitch'"):
        store.read(KEY, "pitch")


def test_the_manifest_the_configuration_and_the_digest_are_at_hand(store: Store, clips: Path, job: Path) -> None:
    row = store.manifest.to_pylist()[0]
    assert (row["key"], row["source"]) == (KEY, f"{KEY}.wav")
    assert (row["sample_rate"], row["channels"]) == (16_000, 1)
    assert row["decoder"] == "pcm 1"
    assert 0.4 < row["peak"] <= 0.5
    assert 0.25 < row["rms"] < 0.33
    assert store.config["features"]["mfcc"]["mel"]["bands"] == 40
    assert "source" not in store.config
    assert len(store.digest) == 64


def test_the_right_digest_is_accepted_and_a_wrong_one_refused(store: Store, path: Path, clips: Path, job: Path) -> None:
    options = {"store_format": store.description["store_format"]}
    assert audiofeat.extract(clips, path, job, **options, expect_digest=store.digest).reused == 20
    with pytest.raises(DamageError, match=store.digest):
        audiofeat.extract(clips, path, job, **options, expect_digest="0" * 64)


def test_verifying_finds_a_flipped_byte(path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(path, tmp_path / "copy")
    rows = audiofeat.open_store(copy)[KEY]["mfcc"]
    (damaged,) = [
        file for file in (copy / "shards").rglob("*") if file.is_file() and rows.tobytes() in file.read_bytes()
    ]
    content = bytearray(damaged.read_bytes())
    content[content.index(rows.tobytes()) + 5] ^= 0x10
    damaged.write_bytes(content)

    assert (audiofeat.open_store(copy)[KEY]["mfcc"] != rows).any()
    checking = audiofeat.open_store(copy, verify=True)
    with pytest.raises(DamageError, match=f"'{KEY}' are not those that were written"):
        checking[KEY]
    with pytest.raises(DamageError, match=f"'{KEY}' are not those that were written"):
        checking.read(KEY, "mfcc", 3, 9)
    assert checking["speaker1/take9"].keys() == {"mel", "log_mel", "mfcc"}


def test_a_damaged_manifest_is_found_on_opening(path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(path, tmp_path / "copy")
    content = bytearray((copy / "manifest.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "manifest.parquet").write_bytes(content)
    with pytest.raises(DamageError, match=r"manifest\.parquet is not the one that store\.json names"):
        audiofeat.open_store(copy)


def test_no_store_is_told_from_an_unfinished_one(tmp_path: Path) -> None:
    with pytest.raises(NoStoreError, match="is not a store"):
        audiofeat.open_store(tmp_path)
    (tmp_path / ".state").mkdir()
    with pytest.raises(NoStoreError, match="unfinished store"):
        audiofeat.open_store(tmp_path)


def test_mistakes_are_raised_as_errors_of_their_kind(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mel\.band .*did you mean 'bands'"):
        audiofeat.extract(clips, tmp_path / "store", overrides=["mel.band=40"])
    with pytest.raises(ConfigError, match="SOURCE"):
        audiofeat.extract(store=tmp_path / "store")
    with pytest.raises(ConfigError, match="neither a number"):
        audiofeat.extract(clips, tmp_path / "store", max_failures="many")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingMatchedError, match="no audio file"):
        audiofeat.extract(tmp_path / "empty", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_too_many_failures_are_raised(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/text.wav").write_text("not audio")
    with pytest.raises(TooManyFailuresError, match="1 of 1 clips failed"):
        audiofeat.extract(tmp_path / "source", tmp_path / "store", max_failures="0")


def test_a_configuration_may_be_a_mapping(clips: Path, job: Path, path: Path, tmp_path: Path) -> None:
    ranged = {"log": {"kind": "db", "range": 80.0}}
    config = {
        "mel": {"bands": 40},
        "features": {"mel": {}, "log_mel": ranged, "mfcc": ranged},
        "store": {"shard_clips": 8},
    }
    report = audiofeat.extract(clips, tmp_path / "store", config)
    assert report.digest == audiofeat.open_store(path).digest


def test_it_works_from_a_thread(clips: Path, job: Path, path: Path, tmp_path: Path) -> None:
    store_format = audiofeat.open_store(path).description["store_format"]
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(audiofeat.extract, clips, tmp_path / "store", job, store_format=store_format).result()
        assert report.decoded == 20
        assert len(pool.submit(audiofeat.open_store, tmp_path / "store").result()) == 20
    assert differences(tmp_path / "store", path) == []


def test_a_script_needs_no_guard(clips: Path, job: Path, tmp_path: Path) -> None:
    """Workers are programs of their own: they do not import the script that started the run."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, audiofeat\n"
        "source, store, job = sys.argv[1:]\n"
        "report = audiofeat.extract(source, store, job, workers=2)\n"
        "print(report.decoded, 'tensorflow' in sys.modules)\n"
    )
    command = [sys.executable, *map(str, (script, clips, tmp_path / "store", job))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "20 False\n", "")
