"""A clip that fails for a reason that may pass is tried again in the same run, after a pause, and others go first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from audiofeat.config import load_config
from audiofeat.decode import Shared
from audiofeat.engine import feed as feeding
from audiofeat.engine.feed import PAUSES_SECONDS, ShardFeed
from audiofeat.errors import ClipError
from audiofeat.frontend.recipe import Recipe, feature_specs
from audiofeat.lane import Lane, LaneJob, Tally
from audiofeat.records import Failure
from audiofeat.shard import ShardWork
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget
from audiofeat.tasks import ClipTask, ShardTask

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

KILLED = ClipError("decoder.killed", "ffmpeg was killed by SIGKILL (out of memory?)")
DISK = ClipError("io.read", "the file cannot be read: Input/output error")
CORRUPT = ClipError("input.corrupt", "damaged")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {reason: tuple(pause / 20 for pause in pauses) for reason, pauses in PAUSES_SECONDS.items()}
    monkeypatch.setattr(feeding, "PAUSES_SECONDS", short)


def shard_of(*keys: str) -> ShardWork:
    return ShardWork(ShardTask("0" * 12, tuple(ClipTask(key, f"{key}.wav") for key in keys)))


def run_lane(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ends: dict[str, list[Exception]]
) -> tuple[dict[str, Failure], list[str], Tally]:
    """A lane whose decoders raise, for each clip, one after another of these."""
    opened: list[str] = []
    left: dict[str, Iterator[Exception]] = {f"{folder}/{key}.wav": iter(errors) for key, errors in ends.items()}

    def open_clip(path: str, **options: object) -> None:
        opened.append(Path(path).stem)
        raise next(left[path])

    def no_programs(recipe: Recipe) -> Frontend:
        raise AssertionError("nothing is computed")

    monkeypatch.setattr("audiofeat.lane.open_clip", open_clip)
    config = load_config("kaldi-fbank80")
    paths = StorePaths(folder / "store")
    job = LaneJob(str(folder), paths, config, feature_specs(config), None, RowBudget(paths.spool), Shared())
    finished: list[ShardWork] = []
    feed = ShardFeed()
    feed.add(shard_of(*ends))
    feed.close()
    lane = Lane(job, feed, frontend=no_programs, complete=finished.append)
    lane.run()
    failures = {failure.key: failure for result in finished[0].results for failure in result.failures}
    return failures, opened, lane.tally


def test_fault_3_what_may_pass_is_tried_again_and_the_last_failure_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: dict[str, list[Exception]] = {
        "a": [KILLED, KILLED],
        "b": [DISK, DISK, CORRUPT],
        "c": [DISK] * 3,
        "d": [CORRUPT],
        "e": [ClipError("io.permission", "no permission")],
        "f": [ClipError("decoder.missing", "no ffmpeg")],
        "g": [ClipError("limit.time", "nothing came")],
    }
    failures, opened, tally = run_lane(tmp_path, monkeypatch, ends)
    reasons = {key: failure.reason for key, failure in failures.items()}
    assert reasons == {
        "a": "decoder.killed",
        "b": "input.corrupt",
        "c": "io.read",
        "d": "input.corrupt",
        "e": "io.permission",
        "f": "decoder.missing",
        "g": "limit.time",
    }
    assert opened[:7] == list("abcdefg")  # others go first
    assert (tally.retries, tally.clips_failed) == (5, 7)
    assert len(opened) == 7 + 5
    assert (
        "again" not in failures["c"].message
    )  # how often is no business of the quarantine's, which is the same each time


def test_fault_21_want_of_memory_is_the_clips_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, opened, _ = run_lane(tmp_path, monkeypatch, {"a": [MemoryError(), MemoryError()], "b": [CORRUPT]})
    assert {key: failure.reason for key, failure in failures.items()} == {"a": "limit.memory", "b": "input.corrupt"}
    assert opened == ["a", "b", "a"]


def test_fault_49_what_nobody_foresaw_is_the_clips_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, opened, _ = run_lane(tmp_path, monkeypatch, {"a": [ZeroDivisionError()], "b": [CORRUPT]})
    assert failures["a"].reason == "decoder.failed"
    assert "ZeroDivisionError" in failures["a"].message
    assert opened == ["a", "b"]


def taken_in_time(feed: ShardFeed) -> list[int]:
    taken: list[int] = []
    while (item := feed.next(wait=True)) is not None:
        taken.append(item[1])
    return taken


def test_a_pause_is_waited_for_and_grows() -> None:
    feed, shard = ShardFeed(), shard_of("a")
    begun = time.monotonic()
    for pause in feeding.PAUSES_SECONDS["io.read"]:
        assert feed.put_off(shard, 0, reason="io.read")
        assert feed.next(wait=False) is None
        assert feed.next(wait=True) == (shard, 0)
        assert time.monotonic() - begun >= pause
        begun = time.monotonic()
    assert not feed.put_off(shard, 0, reason="io.read")
    assert feed.put_off(shard, 0, reason="io.read")  # of another failure's making, and counted from the start


def test_a_feed_that_is_closed_still_gives_what_rests() -> None:
    feed, shard = ShardFeed(), shard_of("a", "b")
    feed.put_off(shard, 1, reason="decoder.killed")
    feed.put_off(shard, 0, reason="decoder.killed")
    feed.close()
    assert taken_in_time(feed) == [1, 0]


@pytest.mark.parametrize("act", [ShardFeed.close, ShardFeed.drain], ids=["closed", "drained"])
def test_a_lane_that_waits_is_woken(act: Callable[[ShardFeed], None]) -> None:
    feed = ShardFeed()
    taken: list[list[int]] = []
    lane = threading.Thread(target=lambda: taken.append(taken_in_time(feed)))
    lane.start()
    time.sleep(0.02)
    act(feed)
    lane.join(timeout=2)
    assert taken == [[]]


def test_fault_4_a_decoder_that_dies_while_the_run_is_stopped_says_nothing_of_its_clip() -> None:
    feed, shard = ShardFeed(), shard_of("a", "b")
    feed.put_off(shard, 0, reason="decoder.killed")
    feed.drain()
    assert feed.put_off(shard, 0, reason="decoder.killed")
    assert feed.put_off(shard, 1, reason="decoder.killed")
    assert taken_in_time(feed) == []
    assert not feed.put_off(shard, 1, reason="input.corrupt")
