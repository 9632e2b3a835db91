"""Where stores may have to live: file systems that lack things, locks that are not to be had, other people's masks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest
from faults.children import in_child
from faults.scenes import Scene, scenes
from faults.small_run import run_small
from running import contents, differences
from small_store import settings_for, small_arrays, write_shards

from audiofeat.errors import LockedError, StorageError
from audiofeat.store.layout import StorePaths
from audiofeat.store.lock import store_lock
from audiofeat.store.staging import commit, storage_errors


@pytest.fixture(scope="module")
def npy(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scenes(tmp_path_factory.mktemp("scenes"), formats=["npy"])[0]


@pytest.mark.parametrize(("mask", "file_mode", "folder_mode"), [(0o002, 0o664, 0o775), (0o077, 0o600, 0o700)])
def test_fault_45_everything_new_has_the_modes_of_the_mask(
    npy: Scene, tmp_path: Path, mask: int, file_mode: int, folder_mode: int
) -> None:
    def run() -> None:
        os.umask(mask)
        run_small(npy.source, tmp_path / "store", "npy")

    assert in_child(run).status == 0
    paths = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in paths}
    assert modes == {(False, file_mode), (True, folder_mode)}


def test_fault_37_without_hard_links_a_store_lacks_nothing_but_the_links(npy: Scene, tmp_path: Path) -> None:
    def link(source: object, target: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def run() -> None:
        os.link = link
        run_small(npy.source, tmp_path / "store", "npy")

    assert in_child(run).status == 0
    missing = differences(tmp_path / "store", npy.expected)
    assert missing == sorted(name for name in contents(npy.expected) if name.startswith("log_mel/"))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_fault_32_where_there_are_no_locks_a_run_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with store_lock(StorePaths(tmp_path)):
        assert (tmp_path / ".state/lock").exists()


def test_fault_11_a_lock_that_cannot_be_written_to_is_held_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwrite(descriptor: int, content: bytes, position: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", pwrite)
    with store_lock(StorePaths(tmp_path)), pytest.raises(LockedError), store_lock(StorePaths(tmp_path)):
        pass


@pytest.mark.parametrize("is_folder", [True, False])
def test_fault_36_a_rename_that_was_done_and_called_failed_has_been_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    replace = os.replace

    def done_but_failed(source: object, target: object) -> None:
        replace(source, target)  # type: ignore[type-var]
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    partial = tmp_path / ".x.partial"
    partial.mkdir() if is_folder else partial.write_bytes(b"new")
    monkeypatch.setattr(os, "replace", done_but_failed)
    commit(partial, tmp_path / "final")
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_fault_10_the_message_says_what_is_needed_and_what_is_there(tmp_path: Path) -> None:
    words = r"\(needs 12\.5 MB, has [\d,.]+ MB of [\d,.]+ MB free at"
    with pytest.raises(StorageError, match=words), storage_errors(tmp_path, needs_bytes=12_500_000):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_fault_1_a_note_that_was_half_written_goes_with_the_next_run(npy: Scene, tmp_path: Path) -> None:
    store = npy.begin(tmp_path / "store")
    assert in_child(lambda: run_small(npy.source, store, "npy")).status == 0
    (store / ".state/.source.json.0123456789ab.partial").write_bytes(b"{")
    assert in_child(lambda: run_small(npy.source, store, "npy")).status == 0
    assert list(store.rglob("*.partial")) == []


@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_fault_1_a_shard_that_is_there_already_is_not_replaced(tmp_path: Path, store_format: str) -> None:
    settings = settings_for(store_format=store_format)
    paths = StorePaths(tmp_path / "store")
    write_shards(paths, settings, small_arrays(2))
    before = {path.name: path.stat().st_ino for path in paths.shards.iterdir()}
    write_shards(paths, settings, small_arrays(2))
    assert {path.name: path.stat().st_ino for path in paths.shards.iterdir()} == before
