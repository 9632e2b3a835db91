"""Staging: a file appears whole or not at all, and nothing is left behind, whatever ends the writing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from audiofeat.errors import StorageError
from audiofeat.store import staging
from audiofeat.store.staging import (
    commit,
    make_folder,
    remove,
    staged,
    storage_errors,
    write_file,
)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("error", [ValueError, OSError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("is_folder", [False, True])
def test_nothing_is_left_behind_whatever_ends_the_block(
    tmp_path: Path, error: type[BaseException], *, is_folder: bool
) -> None:
    def fill() -> None:
        with staged(tmp_path, name="shard") as partial:
            if is_folder:
                (partial / "a" / "b").mkdir(parents=True)
                (partial / "a" / "b" / "c.npy").write_bytes(b"half")
            else:
                partial.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fill()
    assert names(tmp_path) == []


def test_what_is_committed_stays(tmp_path: Path) -> None:
    with staged(tmp_path, name="shard") as partial:
        partial.write_bytes(b"whole")
        assert partial.name.startswith(".shard.")
        assert partial.name.endswith(".partial")
        commit(partial, tmp_path / "final")
    assert names(tmp_path) == ["final"]
    assert (tmp_path / "final").read_bytes() == b"whole"


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    with staged(tmp_path, name="shard") as one, staged(tmp_path, name="shard") as other:
        assert one != other


def test_a_folder_replaces_a_folder_whole(tmp_path: Path) -> None:
    final = tmp_path / "final"
    final.mkdir()
    (final / "old").write_bytes(b"old")
    with staged(tmp_path, name="new") as partial:
        partial.mkdir()
        (partial / "new").write_bytes(b"new")
        commit(partial, final)
    assert names(tmp_path) == ["final", "final/new"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("fault", "wanted"),
    [(OSError(errno.ENOSPC, "No space left"), StorageError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_file_that_cannot_be_replaced_keeps_its_old_bytes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    fault: BaseException,
    wanted: type[BaseException],
) -> None:
    def fail(*_: object) -> None:
        raise fault

    path = tmp_path / "store.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(wanted):
        write_file(path, b"new")
    assert names(tmp_path) == ["store.json"]
    assert path.read_bytes() == b"old"


def test_bytes_are_durable_before_they_get_their_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{descriptor}")
        calls.append("fsync folder" if is_folder else "fsync file")
        fsync(descriptor)

    def noting_replace(source: Path, target: Path) -> None:
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    write_file(tmp_path / "file", b"content")
    assert calls == ["fsync file", "rename", "fsync folder"]


def test_a_storage_fault_says_where_what_and_how_full(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "folder"
    words = rf"cannot write {missing}: No space left on device .* MB free at"
    with pytest.raises(StorageError, match=words) as caught, storage_errors(missing):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.exit_code == 14
    assert "what is finished stays" in caught.value.hint
    assert isinstance(caught.value.__cause__, OSError)


def test_a_storage_error_is_not_wrapped_twice(tmp_path: Path) -> None:
    first = StorageError("first")
    with pytest.raises(StorageError, match=r"^first$") as caught, storage_errors(tmp_path):
        raise first
    assert caught.value is first


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), storage_errors(tmp_path):
        raise ZeroDivisionError


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="Not a directory"):
        make_folder(tmp_path / "file" / "folder")


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")
    assert names(tmp_path) == ["a", "a/b", "a/b/c"]


def test_removing_takes_files_folders_and_links_but_not_what_links_point_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"")
    for name in ("link", "folder", "file", "missing"):
        remove(tmp_path / name)
    assert names(tmp_path) == ["kept", "kept/file"]


def test_partial_names_are_told_by_their_suffix(tmp_path: Path) -> None:
    with staged(tmp_path, name="x") as partial:
        assert partial.suffix == staging.PARTIAL_SUFFIX
