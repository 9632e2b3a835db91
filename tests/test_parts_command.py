"""``extract --part`` and ``commit`` as a user meets them: processes killed, processes there twice, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import (
    audiofeat,
    children_of,
    commits,
    differences,
    finish,
    kill_tree,
    left_over,
    start,
    wait_until,
)

JOB = ("--config", "kaldi-fbank80", "--set", "store.shard_clips=2", "--workers", "1")
UNREADABLE = {"AUDIOFEAT_TEST_OPEN_ERRORS": "EACCES=speaker1/take3"}


def shards_of(store: Path) -> list[Path]:
    return list((store / "shards").glob("*.h5"))


@pytest.fixture(scope="module")
def parted(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two parts have made of twenty clips, one of which could not be read; not to be written to."""
    store = tmp_path_factory.mktemp("parted") / "store"
    with start("extract", clips, store, *JOB, "--part", "1/2", AUDIOFEAT_TEST_FSYNC_SECONDS="0.1", **UNREADABLE) as one:
        assert wait_until(lambda: bool(commits(store)), one)
        tree = children_of(one)
        kill_tree(one)
    assert left_over(tree) == []
    finished = commits(store)
    metrics = store.parent / "metrics.json"
    runs = [
        start("extract", clips, store, *JOB, "--part", part, *more, **UNREADABLE)
        for part, more in (("1/2", ("--metrics", metrics)), ("1/2", ("--quiet",)), ("2/2", ()))
    ]
    loud, quiet, other = [finish(run) for run in runs]
    assert (loud.code, quiet.code, other.code) == (0, 0, 0), (loud.err, quiet.err, other.err)
    figures = json.loads(metrics.read_text())
    assert (figures["part"], figures["exit_code"]) == ("1/2", 0)
    assert 0 < figures["decoded"] <= figures["clips"] - len(finished)
    assert loud.out.startswith(
        f"{store}, part 1/2: {figures['shards']} shards of {figures['shards_in_all']}, all finished"
    )
    assert f"next      audiofeat commit {store}, once all parts have ended" in loud.out
    assert quiet.out == ""
    assert "io.permission 1" in loud.out + other.out
    assert not (store / "store.json").exists()
    return store


def test_parts_that_were_killed_and_there_twice_make_the_store_of_one_run(
    clips: Path, parted: Path, tmp_path: Path
) -> None:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow/__init__.py").write_text("raise ImportError('commit needs no TensorFlow')")
    told = audiofeat("info", parted)
    assert (told.code, f"`audiofeat commit {parted}` does that" in told.err) == (10, True), told.err
    done = audiofeat("commit", parted, "--expect-digest", "0" * 64, PYTHONPATH=str(tmp_path), PATH="")
    assert done.code == 12, done.err
    assert f"published {len(shards_of(parted))} shards, of 2 parts" in done.out
    done = audiofeat("commit", parted)
    assert (done.code, done.err) == (3, "")
    assert "reused" in done.out
    assert audiofeat("extract", clips, tmp_path / "whole", *JOB, "--quiet", **UNREADABLE).code == 3
    assert differences(parted, tmp_path / "whole") == []
    digest = json.loads((parted / "store.json").read_text())["content_digest"]
    assert audiofeat("commit", parted, "--expect-digest", digest, "--quiet").out == ""


def test_what_is_refused_touches_nothing(clips: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for part, words in (("0/2", "SLURM_ARRAY_TASK_ID + 1"), ("3/2", "there is no part 3 of 2"), ("two", "is not I/N")):
        done = audiofeat("extract", clips, store, *JOB, "--part", part)
        assert done.code == 2
        assert words in done.err
    done = audiofeat("extract", clips, store, *JOB, "--part", "1/2", "--expect-digest", "0" * 64)
    assert (done.code, f"audiofeat commit STORE --expect-digest {'0' * 64}" in done.err) == (2, True)
    assert audiofeat("commit", store).code == 10
    assert not store.exists()
