"""Publication: the next state replaces the last as if in one instant, and what no state names is swept away."""

from __future__ import annotations

import errno
import itertools
import json
import os
from pathlib import Path

import pytest

from audiofeat.errors import StorageError
from audiofeat.records import Failure
from audiofeat.store import publish as publishing
from audiofeat.store.layout import StorePaths
from audiofeat.store.publish import encode_quarantine, link_arrays, publish, roll_forward, sweep

PARTS = ("manifest.parquet", "quarantine.jsonl", "store.json")


@pytest.fixture
def paths(tmp_path: Path) -> StorePaths:
    paths = StorePaths(tmp_path / "store")
    paths.shards.mkdir(parents=True)
    paths.state.mkdir()
    return paths


def publish_state(paths: StorePaths, state: str) -> None:
    publish(paths, manifest=f"manifest {state}".encode(), quarantine=f"{state}\n".encode(), store_json={"state": state})


def state_of(paths: StorePaths) -> tuple[str, str, str]:
    """The state that each of the three parts belongs to."""
    manifest = paths.manifest.read_text().removeprefix("manifest ")
    quarantine = paths.quarantine.read_text().strip()
    return manifest, quarantine, json.loads(paths.store_json.read_text())["state"]


def test_a_state_is_published(paths: StorePaths) -> None:
    publish_state(paths, "first")
    assert state_of(paths) == ("first", "first", "first")
    assert not paths.pending.exists()


def test_the_next_state_replaces_it(paths: StorePaths) -> None:
    publish_state(paths, "first")
    publish_state(paths, "second")
    assert state_of(paths) == ("second", "second", "second")


def test_store_json_does_not_depend_on_the_order_of_what_it_says(paths: StorePaths) -> None:
    publish(paths, manifest=b"", quarantine=b"", store_json={"a": 1, "b": {"d": "ü", "c": 2}})
    before = paths.store_json.read_bytes()
    publish(paths, manifest=b"", quarantine=b"", store_json={"b": {"c": 2, "d": "ü"}, "a": 1})
    assert paths.store_json.read_bytes() == before
    assert before.isascii()


class Killed(BaseException):
    """Stands in for the end of the process."""


def kill_at_rename(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The process ends just before its rename ``number``, counted from 0."""
    renames = itertools.count()
    replace = os.replace

    def replace_or_die(source: Path, target: Path) -> None:
        if next(renames) == number:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_or_die)


# Renames 0 to 2 make the three parts pending, 3 to 5 move them to their places.
@pytest.mark.parametrize("has_a_last_state", [True, False])
@pytest.mark.parametrize("number", range(6))
def test_a_publication_that_was_cut_off_is_finished_or_forgotten_by_the_next_run(
    paths: StorePaths, monkeypatch: pytest.MonkeyPatch, number: int, *, has_a_last_state: bool
) -> None:
    if has_a_last_state:
        publish_state(paths, "first")
    with monkeypatch.context() as patch:
        kill_at_rename(patch, number)
        with pytest.raises(Killed):
            publish_state(paths, "second")
    if number < 5 and not has_a_last_state:
        assert not paths.store_json.exists(), "unfinished until the last rename"
    roll_forward(paths)
    if number >= 3:
        assert state_of(paths) == ("second", "second", "second")
    elif has_a_last_state:
        assert state_of(paths) == ("first", "first", "first")
    else:
        assert not any((paths.root / part).exists() for part in PARTS)
    assert not paths.pending.exists()


def test_rolling_forward_may_itself_be_cut_off(paths: StorePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_state(paths, "first")
    with monkeypatch.context() as patch:
        kill_at_rename(patch, 3)
        with pytest.raises(Killed):
            publish_state(paths, "second")
    for number in (0, 1, 1):  # each time one rename further, the last one just before store.json
        with monkeypatch.context() as patch:
            kill_at_rename(patch, number)
            with pytest.raises(Killed):
                roll_forward(paths)
    roll_forward(paths)
    assert state_of(paths) == ("second", "second", "second")


def test_a_cut_before_the_folder_of_pending_parts_is_gone_does_no_harm(paths: StorePaths) -> None:
    publish_state(paths, "first")
    paths.pending.mkdir()
    roll_forward(paths)
    assert state_of(paths) == ("first", "first", "first")
    assert not paths.pending.exists()


def test_rolling_forward_with_nothing_pending_changes_nothing(paths: StorePaths) -> None:
    roll_forward(paths)
    assert list(paths.root.glob("*.json")) == []


def test_a_full_disk_leaves_the_last_state(paths: StorePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    publish_state(paths, "first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(StorageError, match="No space left"):
            publish_state(paths, "second")
    roll_forward(paths)
    assert state_of(paths) == ("first", "first", "first")


def test_the_quarantine_is_sorted_ascii_lines() -> None:
    failures = [
        Failure(key, source, "input.truncated", "line\nbreak \u2028 \x1b[31m", "", None, None)
        for key, source in (("b", "b.wav"), ("ä", "ä.wav"), ("a", "a.wav"))
    ]
    encoded = encode_quarantine(failures)
    assert encoded.isascii()
    assert not set(encoded) & set(range(32)) - {10}
    lines = encoded.decode().splitlines()
    assert [Failure.from_json(json.loads(line)).key for line in lines] == ["a", "b", "ä"]
    assert Failure.from_json(json.loads(lines[0])) == failures[2]
    assert encode_quarantine([]) == b""


# Sweeping


def test_sweeping_keeps_what_is_named_and_removes_all_else(paths: StorePaths) -> None:
    kept, stale = paths.shards / "0123456789ab-kept.h5", paths.shards / "0123456789ab-stale.h5"
    old_folder, partial = paths.shards / "ba9876543210-old", paths.shards / ".0123456789ab.123.partial"
    foreign, fingerprints = paths.root / "README.txt", paths.fingerprints
    for file in (
        kept,
        stale,
        partial,
        foreign,
        paths.shards / "precious.h5",
        fingerprints,
        paths.root / ".store.json.1.partial",
        paths.state / ".x.partial",
    ):
        file.write_bytes(b"")
    (old_folder / "log_mel").mkdir(parents=True)
    (old_folder / "log_mel" / "a.npy").write_bytes(b"")
    for folder in (paths.commits, paths.tasks, paths.spool, paths.pending):
        folder.mkdir()
        (folder / "file").write_bytes(b"")
    sweep(paths, keep=["0123456789ab-kept.h5"])
    left = sorted(path.relative_to(paths.root).as_posix() for path in paths.root.rglob("*"))
    assert left == [
        ".state",
        ".state/fingerprints",
        "README.txt",
        "shards",
        "shards/0123456789ab-kept.h5",
        "shards/precious.h5",
    ]


# Hard links


@pytest.fixture
def arrays(paths: StorePaths) -> dict[str, str]:
    """Two shards with arrays of two features: key -> shard."""
    arrays = {"a": "one", "b/c": "one", "d": "two"}
    for key, shard in arrays.items():
        for feature in ("log_mel", "mfcc"):
            file = paths.shards / shard / feature / f"{key}.npy"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{feature} of {key}")
    return arrays


def shown(paths: StorePaths) -> dict[str, str]:
    """What scripts see: path -> content."""
    files = [file for feature in ("log_mel", "mfcc") for file in (paths.root / feature).rglob("*") if file.is_file()]
    return {file.relative_to(paths.root).as_posix(): file.read_text() for file in files}


def test_arrays_are_shown_under_their_keys_without_a_copy(paths: StorePaths, arrays: dict[str, str]) -> None:
    link_arrays(paths, arrays.items(), features=["log_mel", "mfcc"], possible=[])
    assert shown(paths) == {f"{name}/{key}.npy": f"{name} of {key}" for name in ("log_mel", "mfcc") for key in arrays}
    link, target = paths.root / "mfcc" / "b" / "c.npy", paths.shards / "one" / "mfcc" / "b" / "c.npy"
    assert link.samefile(target)


def test_links_follow_the_next_state(paths: StorePaths, arrays: dict[str, str]) -> None:
    link_arrays(paths, arrays.items(), features=["log_mel", "mfcc"], possible=[])
    new = paths.shards / "three" / "log_mel" / "a.npy"
    new.parent.mkdir(parents=True)
    new.write_text("new log_mel of a")
    link_arrays(paths, {"a": "three", "d": "two"}.items(), features=["log_mel"], possible=["log_mel", "mfcc"])
    assert shown(paths) == {"log_mel/a.npy": "new log_mel of a", "log_mel/d.npy": "log_mel of d"}
    assert not (paths.root / "mfcc").exists()
    assert not (paths.root / "log_mel" / "b").exists()


def test_a_clip_may_take_the_place_of_a_folder_and_back(paths: StorePaths, arrays: dict[str, str]) -> None:
    nested = paths.shards / "one" / "log_mel" / "d.npy" / "e.npy"
    nested.parent.mkdir(parents=True)
    nested.write_text("log_mel of d.npy/e")
    one, other = {"d": "two"}, {"d.npy/e": "one"}
    for state in (one, other, one):
        link_arrays(paths, state.items(), features=["log_mel"], possible=["log_mel"])
        assert list(shown(paths).values()) == [f"log_mel of {key}" for key in state]


def test_what_others_put_in_a_links_place_ends_no_run(paths: StorePaths, arrays: dict[str, str]) -> None:
    """Files where its folders were to be stay, and the link is not made; links that lead nowhere go."""
    (paths.root / "log_mel").mkdir()
    (paths.root / "log_mel" / "a.npy").symlink_to(paths.root / "nowhere")
    for mine in ("log_mel/b", "mfcc"):
        (paths.root / mine).write_text("mine")
    link_arrays(paths, arrays.items(), features=["log_mel", "mfcc"], possible=["log_mel", "mfcc"])
    assert {name for name in shown(paths) if "/b/" not in name} == {
        "log_mel/b", *(f"log_mel/{key}.npy" for key in arrays if "/" not in key)
    }  # fmt: skip
    assert (paths.root / "log_mel" / "b").read_text() == (paths.root / "mfcc").read_text() == "mine"


def test_a_damaged_link_is_made_again(paths: StorePaths, arrays: dict[str, str]) -> None:
    link_arrays(paths, arrays.items(), features=["log_mel"], possible=[])
    link = paths.root / "log_mel" / "a.npy"
    link.unlink()
    link.write_text("written by somebody else")
    link_arrays(paths, arrays.items(), features=["log_mel"], possible=["log_mel"])
    assert link.read_text() == "log_mel of a"


def test_linking_twice_changes_nothing(paths: StorePaths, arrays: dict[str, str]) -> None:
    link_arrays(paths, arrays.items(), features=["log_mel"], possible=[])
    before = (paths.root / "log_mel").stat().st_mtime_ns, shown(paths)
    link_arrays(paths, arrays.items(), features=["log_mel"], possible=["log_mel"])
    assert ((paths.root / "log_mel").stat().st_mtime_ns, shown(paths)) == before


@pytest.mark.parametrize("number", sorted(publishing._NO_HARD_LINKS))
def test_where_there_are_no_hard_links_the_store_does_without(
    paths: StorePaths, arrays: dict[str, str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    link_arrays(paths, arrays.items(), features=["log_mel"], possible=[])
    assert shown(paths) == {}


def test_a_full_disk_while_linking_is_a_storage_error(
    paths: StorePaths, arrays: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StorageError, match="No space left"):
        link_arrays(paths, arrays.items(), features=["log_mel"], possible=[])
