"""A reader and a run that replaces the store meanwhile: the old state, the new one, or a word; never a mixture."""

from __future__ import annotations

import pickle
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_store import make_store, settings_for, small_arrays
from store_suite import random_arrays

from audiofeat import open_store
from audiofeat.errors import DamageError
from audiofeat.reading import reader
from audiofeat.reading.store import Store
from audiofeat.store.layout import StorePaths
from audiofeat.store.shard_format import Array
from audiofeat.store.staging import commit

OLD = small_arrays(24)
NEW = {key: random_arrays(len(arrays["mfcc"]), seed=100) for key, arrays in OLD.items()}
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])
REPLACED = "was replaced since it was opened"


@pytest.fixture
def paths(tmp_path: Path, store_format: str) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(store_format=store_format), OLD)


def replace(paths: StorePaths, store_format: str) -> None:
    """What a run does whose clips have the same keys and lengths, but other values."""
    make_store(paths.root, settings_for(store_format=store_format), NEW)


def mix(old: StorePaths, new: StorePaths) -> None:
    """Leave the files of ``old`` as they are just before ``store.json``, the last of them, is replaced."""
    shutil.copytree(new.shards, old.shards, dirs_exist_ok=True)
    old.pending.mkdir(parents=True)
    shutil.copyfile(new.store_json, old.pending / "store.json")
    shutil.copyfile(new.manifest, old.manifest)


def clip_or_complaint(store: Store, key: str) -> Array | str:
    try:
        return store[key]["mfcc"]
    except DamageError as error:
        return str(error)


@FORMATS
def test_fault_35_a_reader_keeps_its_state_or_says_that_it_is_gone(paths: StorePaths, store_format: str) -> None:
    with open_store(paths.root) as store:
        shards = dict(zip(store, store.column("shard").to_pylist(), strict=True))
        store.read("folder/002", "mfcc")
        replace(paths, store_format)
        found = {key: clip_or_complaint(store, key) for key in store}
        # The shard that was open stays readable; an NPY store keeps no file open.
        kept = {key for key, shard in shards.items() if shard == shards["folder/002"] and store_format == "hdf5"}
        assert {key for key, clip in found.items() if not isinstance(clip, str)} == kept != shards.keys()
        for key, clip in found.items():
            if isinstance(clip, str):
                assert REPLACED in clip
                assert "open the store again" in clip
            else:
                np.testing.assert_array_equal(clip, OLD[key]["mfcc"])
        for ask in (lambda: store.manifest, lambda: store.column("key"), lambda: list(store.rows())):
            with pytest.raises(DamageError, match=REPLACED):
                ask()
    for key, clip in open_store(paths.root).items():
        np.testing.assert_array_equal(clip["mfcc"], NEW[key]["mfcc"])


@FORMATS
def test_a_run_that_changes_nothing_disturbs_nobody(paths: StorePaths, store_format: str) -> None:
    with open_store(paths.root) as store:
        make_store(paths.root, settings_for(store_format=store_format), OLD)
        assert store.manifest.num_rows == 24
        np.testing.assert_array_equal(store["folder/007"]["mfcc"], OLD["folder/007"]["mfcc"])


@FORMATS
def test_damage_is_not_taken_for_a_rerun(paths: StorePaths) -> None:
    with open_store(paths.root) as store:
        shutil.rmtree(paths.shards)
        with pytest.raises(DamageError, match="cannot be read"):
            store.read("folder/007", "mfcc")


@FORMATS
def test_a_store_that_is_gone_altogether_is_told(paths: StorePaths) -> None:
    with open_store(paths.root) as store:
        shutil.rmtree(paths.root)
        with pytest.raises(DamageError, match=REPLACED):
            store.read("folder/007", "mfcc")


def between_the_two(tmp_path: Path) -> tuple[StorePaths, StorePaths]:
    old, new = (make_store(tmp_path / name, settings_for(), arrays) for name, arrays in (("store", OLD), ("new", NEW)))
    mix(old, new)
    return old, new


def test_fault_35_opening_waits_for_a_run_that_is_just_publishing(tmp_path: Path) -> None:
    old, _ = between_the_two(tmp_path)
    publishing = threading.Timer(0.3, lambda: commit(old.pending / "store.json", old.store_json))
    publishing.start()
    begun = time.monotonic()
    with open_store(old.root) as store:
        assert time.monotonic() - begun > 0.1
        for key, clip in store.items():
            np.testing.assert_array_equal(clip["mfcc"], NEW[key]["mfcc"])
    publishing.join()


def test_opening_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_PATIENCE_SECONDS", 0.2)
    old, _ = between_the_two(tmp_path)
    with pytest.raises(DamageError, match=r"is not the one that store\.json names"):
        open_store(old.root)


def test_a_store_json_that_changes_while_the_manifest_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run replaces all of it between the reading of the one and of the other."""
    paths = make_store(tmp_path / "store", settings_for(), OLD)
    opened: Callable[..., object] = reader.open_manifest
    replaced: list[bool] = []

    def open_late(path: Path, *, digest: str | None) -> object:
        if not replaced:
            replaced.append(True)
            replace(paths, "hdf5")
        return opened(path, digest=digest)

    monkeypatch.setattr(reader, "open_manifest", open_late)
    with open_store(paths.root) as store:
        assert replaced
        np.testing.assert_array_equal(store["folder/007"]["mfcc"], NEW["folder/007"]["mfcc"])
        assert store.shards.keys() == open_store(paths.root).shards.keys()


def test_fault_35_many_openings_during_many_runs_never_see_a_mixture(tmp_path: Path) -> None:
    """All values of a store have one sign: the old ones are positive, the new ones negative."""
    states = [
        {key: {name: sign * np.abs(rows) for name, rows in clip.items()} for key, clip in OLD.items()}
        for sign in (1, -1)
    ]
    paths = make_store(tmp_path / "store", settings_for(), states[0])
    is_over = threading.Event()

    def run_again_and_again() -> None:
        for number in range(1, 13):
            make_store(paths.root, settings_for(), states[number % 2])
        is_over.set()

    runs = threading.Thread(target=run_again_and_again)
    runs.start()
    seen: set[bool] = set()
    while not is_over.is_set():
        with open_store(paths.root) as store:
            clips = [clip_or_complaint(store, key) for key in store]
        complaints = [clip for clip in clips if isinstance(clip, str)]
        assert [complaint for complaint in complaints if REPLACED not in complaint] == []
        signs = {bool((clip >= 0).all()) for clip in clips if not isinstance(clip, str)}
        assert len(signs) <= 1
        seen |= signs
    runs.join()
    assert seen


@FORMATS
def test_a_pickled_store_is_refused_once_it_holds_other_clips(paths: StorePaths, store_format: str) -> None:
    pickled = pickle.dumps(open_store(paths.root))
    again: Store = pickle.loads(pickled)
    np.testing.assert_array_equal(again["folder/007"]["mfcc"], OLD["folder/007"]["mfcc"])
    replace(paths, store_format)
    with pytest.raises(DamageError, match=REPLACED):
        pickle.loads(pickled)


def test_a_pickled_store_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path / "store", settings_for(), OLD)
    monkeypatch.chdir(tmp_path)
    store = open_store("store", verify=True)
    pickled = pickle.dumps(store)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for opened in (store, pickle.loads(pickled)):
        np.testing.assert_array_equal(opened["folder/007"]["mfcc"], OLD["folder/007"]["mfcc"])
