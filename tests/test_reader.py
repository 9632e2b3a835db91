"""Reading a finished store: as a mapping, by slices, and with every kind of damage told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_store import make_store, settings_for, small_arrays
from store_suite import tree

from audiofeat import open_store
from audiofeat.errors import REPAIR_HINT, DamageError, NoStoreError
from audiofeat.manifest import batches
from audiofeat.reading import manifest_file
from audiofeat.reading.info import StoreInfo
from audiofeat.store.description import encode_description
from audiofeat.store.layout import FORMAT_VERSION, StorePaths

ARRAYS = small_arrays(20)
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])


@pytest.fixture
def paths(tmp_path: Path, store_format: str) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS, failing=["broken"])


@FORMATS
def test_a_store_is_a_mapping_in_key_order(paths: StorePaths) -> None:
    with open_store(paths.root) as store:
        assert list(store) == sorted(ARRAYS)
        assert len(store) == 20
        assert "folder/007" in store
        assert "folder/0070" not in store
        assert "broken" not in store
        assert not any(key in store for key in ("", "folder", "zzz"))
        assert store.get("nothing") is None
        assert dict(store.failures) == {"input.truncated": 1}
        assert "20 clips" in repr(store)


@FORMATS
@pytest.mark.parametrize("verify", [False, True])
def test_every_clip_comes_back(paths: StorePaths, *, verify: bool) -> None:
    with open_store(paths.root, verify=verify) as store:
        assert len(store.shards) > 1
        for key, features in store.items():
            assert features.keys() == ARRAYS[key].keys()
            for name, rows in features.items():
                assert rows.dtype == ARRAYS[key][name].dtype
                np.testing.assert_array_equal(rows, ARRAYS[key][name])


@FORMATS
@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(("start", "stop"), [(0, 20), (0, 0), (20, 20), (3, 17), (19, 20), (0, None), (5, None)])
def test_a_slice_comes_back(paths: StorePaths, start: int, stop: int | None, *, verify: bool) -> None:
    with open_store(paths.root, verify=verify) as store:
        rows = store.read("folder/019", "mfcc", start, stop)
        np.testing.assert_array_equal(rows, ARRAYS["folder/019"]["mfcc"][start:stop])


@FORMATS
@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(("start", "stop"), [(0, 21), (-1, 5), (5, 4), (21, None), (0, -1)])
def test_frames_outside_a_clip_are_refused(paths: StorePaths, start: int, stop: int | None, *, verify: bool) -> None:
    with open_store(paths.root, verify=verify) as store, pytest.raises(IndexError, match="which has 20"):
        store.read("folder/019", "mfcc", start, stop)


@FORMATS
def test_an_unknown_clip_or_feature_is_a_key_error(paths: StorePaths) -> None:
    with open_store(paths.root) as store:
        with pytest.raises(KeyError, match="nobody"):
            store["nobody"]
        with pytest.raises(KeyError, match=r"no feature 'chroma' in .*: log_mel, mfcc"):
            store.read("folder/001", "chroma")


def test_both_kinds_of_store_have_one_content_digest(tmp_path: Path) -> None:
    stores = [make_store(tmp_path / kind, settings_for(store_format=kind), ARRAYS) for kind in ("hdf5", "npy")]
    hdf5, npy = (StoreInfo(paths.root) for paths in stores)
    assert hdf5.digest == npy.digest
    assert hdf5.shards.keys() != npy.shards.keys()


@FORMATS
def test_the_same_clips_make_the_same_bytes(tmp_path: Path, store_format: str) -> None:
    settings = settings_for(store_format=store_format)
    one, other = (make_store(tmp_path / name, settings, ARRAYS, failing=["x"]) for name in ("one", "other"))
    contents = [
        {name: content for name, content in tree(paths.root).items() if not name.startswith(".state/")}
        for paths in (one, other)
    ]
    assert contents[0] == contents[1]
    assert {"store.json", "manifest.parquet", "quarantine.jsonl"} < contents[0].keys()


# No store, or a damaged one


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(NoStoreError, match="is not a store"):
        open_store(tmp_path)


def test_what_is_no_store_is_told_by_what_it_is(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "store.json").mkdir(parents=True)
    told = {
        tmp_path / "nothing": ("is not a store: it does not exist", "check the path"),
        paths.manifest: ("is not a store: it is a file", f"name the store's folder, {paths.root}"),
        tmp_path / "empty": ("is not a store: the folder is empty", "audiofeat extract"),
        paths.shards: ("is not a store: the folder holds no store.json", "audiofeat extract"),
        tmp_path / "odd": ("store.json cannot be read: Is a directory", "check what it is"),
    }
    for path, (problem, hint) in told.items():
        with pytest.raises(NoStoreError) as caught:
            StoreInfo(path)
        assert problem in caught.value.problem
        assert hint in caught.value.hint


def test_an_unfinished_store(tmp_path: Path) -> None:
    (tmp_path / ".state").mkdir()
    with pytest.raises(NoStoreError, match="unfinished") as caught:
        open_store(tmp_path)
    assert caught.value.exit_code == 10


@FORMATS
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format_version": 1}', '{"format_version": "one"}'])
def test_a_description_that_makes_no_sense_is_damage(paths: StorePaths, content: str) -> None:
    paths.store_json.write_text(content)
    with pytest.raises(DamageError, match=r"store\.json is not a store's description") as caught:
        open_store(paths.root)
    assert caught.value.hint == REPAIR_HINT


@FORMATS
def test_a_newer_format_is_refused(paths: StorePaths) -> None:
    values = json.loads(paths.store_json.read_text())
    paths.store_json.write_bytes(encode_description(values | {"format_version": FORMAT_VERSION + 1}))
    with pytest.raises(DamageError, match=f"has format version {FORMAT_VERSION + 1}"):
        open_store(paths.root)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@FORMATS
@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_a_harmed_manifest_is_damage(paths: StorePaths, harm: Callable[[Path], None]) -> None:
    harm(paths.manifest)
    with pytest.raises(DamageError, match=r"is not the one that store\.json names") as caught:
        open_store(paths.root)
    assert caught.value.hint == REPAIR_HINT


def test_no_thread_of_arrows_holds_the_manifests_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would still be at work when a short command ends, and abort it."""
    readers = set()

    class Watched(FileIO):
        def read(self, *arguments: Any) -> Any:
            readers.add(threading.get_ident())
            return super().read(*arguments)

    paths = make_store(tmp_path / "store", settings_for(), ARRAYS)
    monkeypatch.setattr(manifest_file, "FileIO", Watched)
    with open_store(paths.root, verify=True) as store:
        assert store.manifest.num_rows == len(store.column("frames")) == len(list(store.rows())) == 20
    with batches.open_manifest(store) as manifest:
        assert sum(batch.num_rows for batch in manifest.read(["key"])) == 20
    assert readers == {threading.get_ident()}


@FORMATS
@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_with_verify_nothing_is_returned_but_what_was_written(paths: StorePaths, harm: Callable[[Path], None]) -> None:
    for file in paths.shards.rglob("*"):
        if file.is_file() and "moments" not in file.parts:
            harm(file)
    damaged = 0
    with open_store(paths.root, verify=True) as store:
        for key in store:
            try:
                found = store[key]
            except DamageError as error:
                damaged += error.hint == REPAIR_HINT
            else:
                np.testing.assert_array_equal(found["mfcc"], ARRAYS[key]["mfcc"])
                np.testing.assert_array_equal(found["log_mel"], ARRAYS[key]["log_mel"])
        # One bit of an HDF5 file is at home in one clip; all else that was done here hits every clip.
        assert damaged == (len(store.shards) if harm is flip and store.description["store_format"] == "hdf5" else 20)


@FORMATS
@pytest.mark.parametrize("harm", [cut, Path.unlink])
def test_without_verify_a_missing_part_still_is_damage(paths: StorePaths, harm: Callable[[Path], None]) -> None:
    for file in paths.shards.rglob("*"):
        if file.is_file() and "moments" not in file.parts:
            harm(file)
    with open_store(paths.root) as store:
        for key in store:
            with pytest.raises(DamageError, match="cannot be read"):
                store.read(key, "mfcc")


@FORMATS
def test_more_shards_than_may_be_open_at_once(tmp_path: Path, store_format: str) -> None:
    arrays = small_arrays(200)
    paths = make_store(tmp_path / "many", settings_for(store_format=store_format), arrays)
    with open_store(paths.root) as store:
        assert len(store.shards) > 32
        for key in [*store, *reversed(list(store))]:
            np.testing.assert_array_equal(store.read(key, "log_mel"), arrays[key]["log_mel"])
