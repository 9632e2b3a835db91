"""Running again: only what is missing or changed is done, it is said why, and the bytes are those of a fresh start."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import age, audiofeat, contents, differences, write_clip

import audiofeat as package
from audiofeat.report import RunReport

FORMATS = ["hdf5", "npy"]


class Workplace:
    """A source of twenty clips that may be changed, and a store of it."""

    def __init__(self, folder: Path, *, clips: Path, job: Path, finished: Path, store_format: str) -> None:
        self._folder, self._job, self._store_format = folder, job, store_format
        self.source = shutil.copytree(clips, folder / "source")
        self.store = shutil.copytree(finished, folder / "store")

    def run(self, *overrides: str, store_format: str | None = None) -> RunReport:
        self._options: dict[str, Any] = {
            "overrides": overrides,
            "store_format": store_format or self._store_format,
            "workers": 2,
        }
        return package.extract(self.source, self.store, self._job, **self._options)

    def differences_from_scratch(self) -> list[str]:
        """Against a store made of the same source in one go, with the options of the last run."""
        scratch = self._folder / "scratch"
        package.extract(self.source, scratch, self._job, **self._options)
        return differences(self.store, scratch)


@pytest.fixture(scope="module")
def finished(clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Finished stores of the twenty clips, by format."""
    stores = {name: tmp_path_factory.mktemp(name) / "store" for name in FORMATS}
    for name, path in stores.items():
        assert package.extract(clips, path, job, store_format=name, workers=2).exit_code == 0
    return stores.__getitem__


@pytest.fixture(params=FORMATS)
def place(
    request: pytest.FixtureRequest, clips: Path, job: Path, finished: Callable[[str], Path], tmp_path: Path
) -> Workplace:
    return Workplace(tmp_path, clips=clips, job=job, finished=finished(request.param), store_format=request.param)


@pytest.fixture
def hdf5_place(clips: Path, job: Path, finished: Callable[[str], Path], tmp_path: Path) -> Workplace:
    return Workplace(tmp_path, clips=clips, job=job, finished=finished("hdf5"), store_format="hdf5")


def test_nothing_changed_nothing_done(clips: Path, job: Path, finished: Callable[[str], Path], tmp_path: Path) -> None:
    """TensorFlow is not imported, nothing is written but the lock, and no worker is started."""
    store = finished("hdf5")
    before, logs = contents(store), sorted((store / ".state/logs").iterdir())
    log_times = [log.stat().st_mtime_ns for log in logs]
    (tmp_path / "tensorflow.py").write_text("raise ImportError('an unchanged rerun has no use for TensorFlow')\n")
    metrics = tmp_path / "run.json"
    done = audiofeat(
        "extract", clips, store, "--config", job, "--metrics", metrics, "--workers", "2", PYTHONPATH=os.fspath(tmp_path)
    )
    assert (done.code, done.err) == (0, "")
    figures = json.loads(metrics.read_text())
    assert (figures["decoded"], figures["reused"], figures["workers"]) == (0, 20, 0)
    assert contents(store) == before
    assert [log.stat().st_mtime_ns for log in logs] == log_times


def test_each_change_costs_only_what_it_changed(place: Workplace) -> None:
    changed = place.source / "speaker0/take3.wav"
    write_clip(changed, seed=99, seconds=0.7)
    report = place.run()
    assert (report.decoded, report.reused, report.reasons) == (1, 19, {"changed": 1})

    write_clip(place.source / "speaker1/take3b.wav", seed=100)
    report = place.run()
    assert (report.decoded, report.reused, report.reasons) == (1, 20, {"new": 1})

    (place.source / "speaker1/take4.wav").unlink()
    report = place.run()
    assert (report.decoded, report.reused, report.deleted, report.clips) == (0, 20, 1, 20)
    assert "speaker1/take4" not in package.open_store(place.store)

    os.rename(place.source / "speaker0/take5.wav", place.source / "speaker0/retake5.wav")
    report = place.run()
    assert (report.decoded, report.reused, report.deleted) == (1, 19, 1)

    assert place.differences_from_scratch() == []


def test_a_change_that_keeps_size_and_time_but_not_the_inode_is_seen(hdf5_place: Workplace) -> None:
    changed = hdf5_place.source / "speaker0/take3.wav"
    size_bytes = changed.stat().st_size
    beside = write_clip(changed.with_name("new.wav"), seed=99, seconds=(size_bytes - 44) / 2 / 16_000)
    os.replace(beside, changed)
    assert (changed.stat().st_size, age(changed)) == (size_bytes, changed)
    report = hdf5_place.run()
    assert report.reasons == {"changed": 1}


def test_a_touched_file_is_not_decoded(place: Workplace) -> None:
    os.utime(place.source / "speaker0/take5.wav")
    before = contents(place.store)
    report = place.run()
    assert (report.decoded, report.reused, report.workers) == (0, 20, 0)
    assert contents(place.store) == before


def test_a_changed_setting_redoes_all_and_says_which(hdf5_place: Workplace) -> None:
    report = hdf5_place.run("mfcc.n=20")
    assert (report.decoded, report.reused) == (20, 0)
    (reason,) = report.reasons
    assert "mfcc.n: 13 -> 20" in reason
    assert report.reasons[reason] == 20
    assert package.open_store(hdf5_place.store)["speaker0/take0"]["mfcc"].shape[1] == 20
    assert hdf5_place.differences_from_scratch() == []


def test_a_feature_that_goes_away_costs_no_decoding_and_leaves_nothing_behind(place: Workplace) -> None:
    report = place.run('features={"mel": {}}')
    assert (report.decoded, report.reused, report.reasons) == (0, 20, {})
    assert not (place.store / "mfcc").exists()
    assert place.differences_from_scratch() == []


def test_a_feature_that_is_added_is_computed_beside_the_others(place: Workplace) -> None:
    before = package.open_store(place.store)
    rows = {key: features["mel"] for key, features in before.items()}
    report = place.run("features.stft={}")
    assert (report.decoded, report.reused, report.reasons) == (20, 0, {"feature stft added": 20})
    after = package.open_store(place.store)
    assert all(np.array_equal(after[key]["mel"], mel) for key, mel in rows.items())
    assert place.differences_from_scratch() == []


def test_one_features_setting_leaves_the_others_as_they_are(hdf5_place: Workplace) -> None:
    report = hdf5_place.run("features.mfcc.mfcc.n=20", "features.spectrogram={}")
    (reason,) = report.reasons
    assert reason == "settings changed (features.mfcc.mfcc.n: 13 -> 20; feature spectrogram added)"
    assert (report.decoded, report.reused) == (20, 0)
    assert hdf5_place.differences_from_scratch() == []


def test_a_damaged_row_is_not_joined_with_new_features(hdf5_place: Workplace) -> None:
    """The clip is then decoded for all of them."""
    store = package.open_store(hdf5_place.store)
    shard = hdf5_place.store / "shards" / store.manifest.to_pylist()[3]["shard"]
    content = bytearray(shard.read_bytes())
    content[content.index(store[next(iter(store))]["mel"].tobytes()[:64])] ^= 1
    shard.write_bytes(content)
    report = hdf5_place.run("features.stft={}")
    assert report.decoded == 20
    assert hdf5_place.differences_from_scratch() == []


@pytest.mark.parametrize(("before", "after"), [("hdf5", "npy"), ("npy", "hdf5")])
def test_another_format_copies_the_rows(
    clips: Path, job: Path, finished: Callable[[str], Path], tmp_path: Path, before: str, after: str
) -> None:
    place = Workplace(tmp_path, clips=clips, job=job, finished=finished(before), store_format=before)
    report = place.run(store_format=after)
    assert (report.decoded, report.reused, report.reasons) == (0, 20, {})
    assert differences(place.store, finished(after)) == []


def test_other_shard_borders_copy_the_rows(place: Workplace) -> None:
    report = place.run("store.shard_clips=3")
    assert (report.decoded, report.reused) == (0, 20)
    assert place.differences_from_scratch() == []


def test_without_its_state_a_store_is_known_by_content(place: Workplace) -> None:
    before = contents(place.store)
    shutil.rmtree(place.store / ".state")
    report = place.run()
    assert (report.decoded, report.reused) == (0, 20)
    assert contents(place.store) == before


def test_a_shard_that_is_gone_is_made_again(place: Workplace) -> None:
    before = contents(place.store)
    shard = min((place.store / "shards").iterdir())
    shutil.rmtree(shard) if shard.is_dir() else shard.unlink()
    report = place.run()
    assert 0 < report.decoded < 20
    assert report.decoded + report.reused == 20
    assert report.reasons == {"lost or damaged in the store": report.decoded}
    assert contents(place.store) == before


def test_a_damaged_row_is_not_copied_but_made_again(hdf5_place: Workplace) -> None:
    key = package.open_store(hdf5_place.store).manifest.to_pylist()[0]
    shard = hdf5_place.store / "shards" / key["shard"]
    content = bytearray(shard.read_bytes())
    rows = package.open_store(hdf5_place.store)[key["key"]]["mel"].tobytes()
    content[content.index(rows[:64])] ^= 1
    shard.write_bytes(content)
    write_clip(hdf5_place.source / "speaker0/take00.wav", seed=99)  # the shard's keys change: it is written anew
    report = hdf5_place.run()
    assert report.decoded == 2
    assert hdf5_place.differences_from_scratch() == []


def test_a_lost_manifest_costs_work_but_no_correctness(hdf5_place: Workplace) -> None:
    before = contents(hdf5_place.store)
    (hdf5_place.store / "manifest.parquet").unlink()
    assert hdf5_place.run().exit_code == 0
    assert contents(hdf5_place.store) == before


def test_a_broken_file_stays_in_quarantine_without_being_decoded_and_is_done_once_repaired(
    hdf5_place: Workplace,
) -> None:
    broken = hdf5_place.source / "speaker0/take2.wav"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    age(broken)

    report = hdf5_place.run()
    assert (report.exit_code, report.decoded, report.reused) == (3, 0, 19)
    assert report.failures == {"input.truncated": 1}
    assert hdf5_place.differences_from_scratch() == []

    report = hdf5_place.run()
    assert (report.exit_code, report.workers, report.reasons) == (3, 0, {})
    assert report.failures == {"input.truncated": 1}

    broken.write_bytes(whole)
    age(broken)
    report = hdf5_place.run()
    assert (report.exit_code, report.decoded, report.reused, report.failures) == (0, 1, 19, {})
    assert (hdf5_place.store / "quarantine.jsonl").read_bytes() == b""


def test_a_changed_clip_is_redone_beside_a_broken_one_that_is_not(hdf5_place: Workplace) -> None:
    (hdf5_place.source / "speaker0/take2.wav").write_bytes(b"not audio at all" * 8)
    age(hdf5_place.source / "speaker0/take2.wav")
    hdf5_place.run()
    write_clip(hdf5_place.source / "speaker0/take3.wav", seed=99)
    report = hdf5_place.run()
    assert (report.exit_code, report.decoded, report.reused, report.reasons) == (3, 1, 18, {"changed": 1})
    assert hdf5_place.differences_from_scratch() == []


def test_links_of_a_feature_that_went_while_a_run_was_killed_go_with_the_next(
    clips: Path, job: Path, finished: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace(tmp_path, clips=clips, job=job, finished=finished("npy"), store_format="npy")
    with monkeypatch.context() as patch:
        patch.setattr("audiofeat.store.publish.link_arrays", killed)
        with pytest.raises(KeyboardInterrupt):
            place.run('features={"mel": {}}')
    place.run('features={"mel": {}}')
    assert place.differences_from_scratch() == []


def killed(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_a_link_that_led_elsewhere_in_a_killed_run_is_not_taken_for_what_it_was(
    clips: Path, job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that a fingerprint is of must be the one that the rows are of, at every instant."""
    source, store = tmp_path / "source", tmp_path / "store"
    source.mkdir()
    one, two = sorted(clips.rglob("*.wav"))[:2]
    link = source / "a.wav"
    link.symlink_to(one)
    package.extract(source, store, job, workers=1)
    wanted = contents(store)

    def point_to(path: Path) -> None:
        link.unlink()
        link.symlink_to(path)

    point_to(two)
    with monkeypatch.context() as patch:
        patch.setattr("audiofeat.store.publish.sweep", killed)
        with pytest.raises(KeyboardInterrupt):
            package.extract(source, store, job, workers=1)
    point_to(one)
    package.extract(source, store, job, workers=1)
    assert contents(store) == wanted
