"""``repair``: what verify finds is made again, nothing else is decoded, and the store has its old bytes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from running import audiofeat, commits, contents, kill_tree, start, wait_until, write_clip, write_clips
from small_store import make_store, settings_for

from audiofeat import open_store
from audiofeat.errors import ConfigError
from audiofeat.job import Job, tools_for
from audiofeat.remembered import remembered_job
from audiofeat.run_options import RunOptions
from audiofeat.source import Listing
from audiofeat.store.checked_json import write_checked_json

JOB = ("--config", "kaldi-fbank80", "--set", "store.shard_clips=2", "--quiet")
FORMATS = ["hdf5", "npy"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_clips(tmp_path_factory.mktemp("source"), count=12)
    write_clip(folder / "speaker0/take3.wav", seed=3, subtype="PCM_24")  # for soundfile
    return folder


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    stores = {name: tmp_path_factory.mktemp(name) / "store" for name in FORMATS}
    for name, path in stores.items():
        assert audiofeat("extract", source, path, *JOB, "--format", name).code == 0
    return stores.__getitem__


@pytest.fixture(params=FORMATS)
def store(request: pytest.FixtureRequest, finished: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(finished(request.param), tmp_path / "store", copy_function=shutil.copy2)


def harm_values(store: Path, key: str) -> None:
    """Flip one bit of a clip's values, wherever they lie."""
    with open_store(store) as opened:
        place = store / "shards" / next(row["shard"] for row in opened.manifest.to_pylist() if row["key"] == key)
        values = opened[key]["log_mel"].tobytes()
    for file in [place] if place.is_file() else sorted(place.rglob("*.npy")):
        content = bytearray(file.read_bytes())
        if values in content:
            content[content.index(values) + 100] ^= 4
            file.unlink()  # not through the hard link beside
            file.write_bytes(content)


def test_a_store_without_damage_is_left_alone(store: Path) -> None:
    before = contents(store)
    done = audiofeat("repair", store)
    assert (done.code, done.err) == (0, "")
    assert "nothing is damaged" in done.out
    assert contents(store) == before


def test_fault_43_damaged_clips_are_decoded_again_and_no_others(store: Path) -> None:
    before = contents(store)
    for key in ("speaker0/take3", "speaker1/take1"):
        harm_values(store, key)
    assert audiofeat("verify", store).code == 12
    done = audiofeat("repair", store)
    assert done.code == 0, done.out + done.err
    assert "speaker1/take1" in done.err
    assert "decoded   2 of 2 (damaged 2)" in done.out
    assert contents(store) == before
    assert audiofeat("verify", store).code == 0


def test_damage_around_the_clips_is_mended_without_decoding(store: Path) -> None:
    before = contents(store)
    shard = min((store / "shards").iterdir())
    if shard.is_dir():
        moments = min((shard / "moments").iterdir())
        moments.write_bytes(moments.read_bytes()[:-8] + np.float64(3.5).tobytes())
    else:
        content = bytearray(shard.read_bytes())
        with open_store(store) as opened:
            last = [row["key"] for row in opened.manifest.to_pylist() if row["shard"] == shard.name][-1]
            values = opened[last]["log_mel"].tobytes()
        content[content.index(values) + len(values) + 8] ^= 1  # the moments or the index behind the last row
        shard.write_bytes(content)
    done = audiofeat("repair", store)
    assert done.code == 0, done.out + done.err
    assert f"damaged   shards/{shard.name}" in done.err
    assert "reused    12" in done.out
    assert contents(store) == before


def test_fault_42_a_repair_survives_being_killed_and_a_crash_of_hdf5_over_a_damaged_shard(
    finished: Callable[[str], Path], tmp_path: Path
) -> None:
    """The crash costs the decoding of the shard's clips, which verify found well, and no clip."""
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    before = contents(store)
    shards = sorted((store / "shards").iterdir())
    for shard in shards:  # in the last dataset: no clip is hit
        content = shard.read_bytes()
        shard.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    with start("repair", store, "--quiet", "--workers", "1", AUDIOFEAT_TEST_FSYNC_SECONDS="0.2") as process:
        assert wait_until(lambda: len(commits(store)) > 0, process)
        kill_tree(process)
    after = contents(store)
    assert {name: after[name] for name in before if not name.startswith("shards/")} == {
        name: content for name, content in before.items() if not name.startswith("shards/")
    }
    found = [shard for shard in shards if after[f"shards/{shard.name}"] != before[f"shards/{shard.name}"]]
    assert found
    done = audiofeat("repair", store, AUDIOFEAT_TEST_CRASH_ON=found[-1].name)
    assert done.code == 0, done.out + done.err
    assert "quarantine" not in done.out
    assert contents(store) == before


@pytest.mark.parametrize("name", ["store.json", "manifest.parquet", "quarantine.jsonl"])
def test_fault_43_a_damaged_description_costs_work_but_gives_the_old_bytes(
    finished: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    before = contents(store)
    content = (store / name).read_bytes()
    (store / name).write_bytes(content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :])
    done = audiofeat("repair", store)
    assert done.code == 0, done.out + done.err
    assert contents(store) == before


def test_a_clip_that_the_source_has_no_more_is_never_dropped(
    finished: Callable[[str], Path], source: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    less = shutil.copytree(source, tmp_path / "less")
    (less / "speaker0/take5.wav").unlink()
    harm_values(store, "speaker0/take3")
    before = contents(store)
    done = audiofeat("repair", store, "--source", less)
    assert done.code == 2
    assert "'speaker0/take5'" in done.err
    assert contents(store) == before


@pytest.mark.parametrize("name", ["manifest.parquet", "store.json"])
def test_where_nothing_vouches_for_the_clips_another_source_is_refused(
    finished: Callable[[str], Path], source: Path, tmp_path: Path, name: str
) -> None:
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    less = shutil.copytree(source, tmp_path / "less")
    shutil.rmtree(less / "speaker1")
    (store / name).write_bytes((store / name).read_bytes()[:-30])
    before = contents(store)
    done = audiofeat("repair", store, "--source", less)
    assert done.code == 2
    assert "cannot be" in done.err
    assert contents(store) == before


def test_what_has_changed_or_is_new_in_the_source_waits(
    finished: Callable[[str], Path], source: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    other = shutil.copytree(source, tmp_path / "other")
    write_clip(other / "speaker0/take7.wav", seed=500)
    write_clip(other / "speaker0/more.wav", seed=501)
    before = contents(store)
    harm_values(store, "speaker0/take3")
    done = audiofeat("repair", store, "--source", other)
    assert done.code == 0, done.err
    assert "decoded   1 of 1 (damaged 1)" in done.out
    assert contents(store) == before
    planned = json.loads(audiofeat("plan", other, store, *JOB[:-1], "--json").out)
    assert planned["clips_to_decode"] == 2


def test_a_clip_whose_own_file_is_another_is_not_repaired(
    finished: Callable[[str], Path], source: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    other = shutil.copytree(source, tmp_path / "other")
    write_clip(other / "speaker0/take3.wav", seed=500)
    harm_values(store, "speaker0/take3")
    before = contents(store)
    done = audiofeat("repair", store, "--source", other)
    assert done.code == 2
    assert "'speaker0/take3'" in done.err
    assert contents(store) == before


def test_a_damaged_quarantine_is_written_anew(source: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(source, tmp_path / "source")
    (broken / "speaker0/take1.wav").write_bytes(b"no sound at all")
    store = tmp_path / "store"
    assert audiofeat("extract", broken, store, *JOB).code == 3
    before = contents(store)
    quarantine = store / "quarantine.jsonl"
    quarantine.write_bytes(quarantine.read_bytes().replace(b"hint", b"hunt"))
    assert audiofeat("repair", store).code == 3
    assert contents(store) == before


def test_a_damaged_description_does_not_make_a_store_of_a_gpu_one_of_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings = settings_for()
    paths = make_store(tmp_path / "store", settings, {}, failing=["broken"])
    write_checked_json(paths.source, {"config": settings.stored, "source": str(tmp_path), "device": "gpu"})
    config, options = remembered_job(str(paths.root), RunOptions(repair=True))
    job = Job(config, options, str(tmp_path), paths, Listing(str(tmp_path), []), 0, ())
    assert tools_for(job).settings.device == "cpu"  # the description is whole, and tells it itself
    paths.store_json.write_bytes(paths.store_json.read_bytes()[:-3])
    with pytest.raises(ConfigError, match="made on a GPU") as caught:
        tools_for(job)
    assert "audiofeat extract --device cpu" in (caught.value.hint or "")


def test_where_versions_are_others_a_repair_would_give_other_bits(
    finished: Callable[[str], Path], tmp_path: Path
) -> None:
    store = shutil.copytree(finished("hdf5"), tmp_path / "store")
    harm_values(store, "speaker0/take3")
    before = contents(store)
    done = audiofeat("repair", store, AUDIOFEAT_TEST_SOUNDFILE="99.0")
    assert done.code == 2
    assert "'speaker0/take3'" in done.err
    assert contents(store) == before
