"""The same bytes whatever happens: any number of workers, any tape, any order of listing, any way to be ended.

Everything but ``.state`` is compared, file by file.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running import (
    Finished,
    audiofeat,
    children_of,
    commits,
    contents,
    differences,
    finish,
    kill_tree,
    left_over,
    start,
    wait_until,
    write_clip,
    write_clips,
)

import audiofeat as package

SLOW = {"AUDIOFEAT_TEST_FSYNC_SECONDS": "0.05"}
HARDLY_MOVING = {"AUDIOFEAT_TEST_FSYNC_SECONDS": "3"}
ENDING_SECONDS = 7.0


@pytest.fixture(scope="module")
def many_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred clips of noise, and three in forms that take other ways through the decoders."""
    folder = write_clips(tmp_path_factory.mktemp("many_clips"), count=300)
    write_clip(folder / "music/stereo.flac", seed=200, seconds=3.0, sample_rate=44_100)
    write_clip(folder / "music/long.wav", seed=201, seconds=50.0)
    (folder / "music/broken.wav").write_bytes((folder / "speaker0/take0.wav").read_bytes()[:1000])
    return folder


@pytest.fixture(scope="module")
def expected(many_clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that one worker makes undisturbed."""
    store = tmp_path_factory.mktemp("expected") / "store"
    report = package.extract(many_clips, store, job, workers=1)
    assert (report.clips, report.failures) == (302, {"input.truncated": 1})
    assert len(package.open_store(store).shards) > 25
    return store


def extract(source: Path, store: Path, job: Path, *options: str, **variables: str) -> Finished:
    return audiofeat("extract", source, store, "--config", job, "--quiet", *options, **variables)


@pytest.mark.parametrize("workers", [2, 9], ids=lambda count: f"{count} workers")
def test_fault_41_workers_change_no_byte(
    many_clips: Path, expected: Path, job: Path, tmp_path: Path, workers: int
) -> None:
    package.extract(many_clips, tmp_path / "store", job, workers=workers)
    assert differences(tmp_path / "store", expected) == []


@pytest.mark.parametrize("slots", [256, 4096], ids=lambda count: f"{count} slots")
def test_the_length_of_the_tape_changes_no_byte(
    many_clips: Path, expected: Path, job: Path, tmp_path: Path, slots: int
) -> None:
    package.extract(many_clips, tmp_path / "store", job, overrides=[f"compute.tape_slots={slots}"], workers=2)
    assert differences(tmp_path / "store", expected) == []


def test_fault_41_the_order_of_the_listing_changes_no_byte(
    many_clips: Path, expected: Path, job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    scandir = os.scandir

    @contextmanager
    def shuffled(path: Any) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as entries:
            order = sorted(entries, key=lambda entry: str(entry.name))
        random.Random(len(order)).shuffle(order)
        listed.extend(entry.name for entry in order)
        yield iter(order)

    class Shuffled:
        """What ``os.scandir`` returns may also be closed without being entered."""

        def __init__(self, path: Any) -> None:
            self._entries = shuffled(path)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return self._entries.__enter__()

        def __exit__(self, *error: Any) -> None:
            self._entries.__exit__(*error)

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr("audiofeat.source.scan.os.scandir", Shuffled)
    package.extract(many_clips, tmp_path / "store", job, workers=2)
    monkeypatch.undo()
    assert [name for name in listed if name.startswith("take")] != sorted(n for n in listed if n.startswith("take"))
    assert differences(tmp_path / "store", expected) == []


def test_hdf5_and_npy_have_one_content_digest(many_clips: Path, expected: Path, job: Path, tmp_path: Path) -> None:
    report = package.extract(many_clips, tmp_path / "npy", job, store_format="npy", workers=2)
    assert report.digest == package.open_store(expected).digest
    again = package.extract(many_clips, tmp_path / "again", job, store_format="npy", workers=1)
    assert again.digest == report.digest
    assert differences(tmp_path / "npy", tmp_path / "again") == []


def test_fault_1_41_three_times_killed_and_resumed_changes_no_byte(
    many_clips: Path, expected: Path, job: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    moments = random.Random(0)
    for _ in range(3):
        before = commits(store)
        process = start("extract", many_clips, store, "--config", job, "--workers", "2", **SLOW)
        assert wait_until(lambda before=before: len(commits(store)) > len(before), process)  # type: ignore[misc]
        time.sleep(moments.uniform(0, 0.05))  # anywhere between one fsync and the next
        kill_tree(process)
        assert before <= commits(store)
        assert not (store / "store.json").exists()
    assert extract(many_clips, store, job).code == 3
    assert differences(store, expected) == []


def test_fault_2_a_killed_worker_does_not_end_the_run(
    many_clips: Path, expected: Path, job: Path, tmp_path: Path
) -> None:
    store, metrics = tmp_path / "store", tmp_path / "run.json"
    options = ("--config", job, "--workers", "2", "--metrics", metrics, "--max-failures", "1")
    process = start("extract", many_clips, store, *options, **SLOW)
    assert wait_until(lambda: len(commits(store)) >= 3, process)
    worker = children_of(process)[0]
    worker.kill()
    assert finish(process).code == 3
    figures = json.loads(metrics.read_text())
    assert (figures["worker_deaths"], figures["failures"]) == (1, {"input.truncated": 1})
    assert figures["decoded"] == 302  # what the dead worker had done twice is counted once
    assert differences(store, expected) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_fault_4_6_a_signal_ends_the_run_in_order(
    many_clips: Path, expected: Path, job: Path, tmp_path: Path, number: signal.Signals
) -> None:
    store = tmp_path / "store"
    process = start("extract", many_clips, store, "--config", job, "--workers", "5", **SLOW)
    assert wait_until(lambda: len(commits(store)) > 0, process)
    children = children_of(process)
    process.send_signal(number)
    done = finish(process, timeout_seconds=ENDING_SECONDS)
    assert done.code == -number
    assert done.out == ""
    assert f"stopped by {number.name}" in done.err
    assert "goes on where this one stopped" in done.err
    assert left_over(children) == []
    assert not list(store.rglob("*.partial"))
    assert extract(many_clips, store, job).code == 3
    assert differences(store, expected) == []


def test_fault_6_a_signal_while_tensorflow_is_loading_ends_the_run(many_clips: Path, job: Path, tmp_path: Path) -> None:
    process = start("extract", many_clips, tmp_path / "store", "--config", job)
    assert wait_until(lambda: len(children_of(process)) > 0, process)
    time.sleep(0.3)
    children = children_of(process)
    process.send_signal(signal.SIGTERM)
    assert finish(process, timeout_seconds=ENDING_SECONDS).code == -signal.SIGTERM
    assert left_over(children) == []


def test_fault_5_a_second_signal_ends_the_run_at_once(many_clips: Path, job: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    process = start("extract", many_clips, store, "--config", job, "--workers", "5", **HARDLY_MOVING)
    assert wait_until(lambda: any((store / "shards").glob(".*.partial")), process)
    children = children_of(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finish(process, timeout_seconds=1.5).code == -signal.SIGINT
    assert left_over(children) == []


@pytest.mark.parametrize("workers", [1, 5], ids=lambda count: f"{count} workers")
def test_fault_2_a_clip_that_kills_its_process_is_quarantined_alone(
    clips: Path, job: Path, tmp_path: Path, workers: int
) -> None:
    options = ("--set", "features={log_mel: {}}", "--workers", str(workers))
    done = extract(clips, tmp_path / "store", job, *options, AUDIOFEAT_TEST_CRASH_ON="speaker1/take4.")
    assert (done.code, done.err) == (3, "")
    store = package.open_store(tmp_path / "store", verify=True)
    assert len(store) == 19
    assert store.failures == {"decoder.crashed": 1}
    quarantine = (tmp_path / "store/quarantine.jsonl").read_text()
    assert '"key": "speaker1/take4"' in quarantine
    assert "SIGSEGV" in quarantine


def test_a_crashed_clip_is_left_alone_by_the_next_run(clips: Path, job: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert extract(clips, store, job, AUDIOFEAT_TEST_CRASH_ON="speaker1/take4.").code == 3
    before = contents(store)
    assert extract(clips, store, job, AUDIOFEAT_TEST_CRASH_ON="speaker1/take4.").code == 3
    assert contents(store) == before
