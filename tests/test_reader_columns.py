"""Clips by number, and what the manifest says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelled_store import make_labelled_store
from small_store import small_arrays

from audiofeat import open_store
from audiofeat.errors import DamageError
from audiofeat.reading.store import Store

ARRAYS = small_arrays(20)
LABELS = [None if number == 3 else f"word{number % 4}" for number in range(20)]


@pytest.fixture(scope="module", params=["hdf5", "npy"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    # "label" and "label.first": Parquet takes the dot for a way into a structure.
    meta = {"label": LABELS, "label.first": list(range(20))}
    root = tmp_path_factory.mktemp("columns") / "store"
    return open_store(make_labelled_store(root, ARRAYS, meta, store_format=request.param).root)


def test_keys_numbers_and_frames_belong_together(store: Store) -> None:
    assert [store.key_at(number) for number in range(len(store))] == list(store)
    assert [store.index_of(key) for key in store] == list(range(20))
    assert store.frame_counts.tolist() == list(range(1, 21))
    assert store.key_at(np.int64(4)) == "folder/004"


def test_a_clip_is_read_by_its_number(store: Store) -> None:
    np.testing.assert_array_equal(store.read_at(7, "mfcc", 2, 6), ARRAYS["folder/007"]["mfcc"][2:6])
    np.testing.assert_array_equal(store.read_at(np.int64(7), "mfcc"), ARRAYS["folder/007"]["mfcc"])
    clip = store.clip_at(19, ["mfcc"])
    assert clip.keys() == {"mfcc"}
    np.testing.assert_array_equal(clip["mfcc"], ARRAYS["folder/019"]["mfcc"])
    assert store.clip_at(19).keys() == {"log_mel", "mfcc"}


@pytest.mark.parametrize("index", [-1, 20, 1 << 40])
def test_a_number_that_no_clip_has_is_an_index_error(store: Store, index: int) -> None:
    for read in (store.key_at, store.clip_at, lambda number: store.read_at(number, "mfcc")):
        with pytest.raises(IndexError, match=f"clip {index} of 20"):
            read(index)


def test_a_feature_says_what_it_is(store: Store) -> None:
    assert (store.feature("mfcc").dims, store.feature("mfcc").dtype) == (3, "float64")
    for read in (store.feature, lambda name: store.read_at(0, name), lambda name: store.clip_at(0, [name])):
        with pytest.raises(KeyError, match=r"no feature 'chroma' in .*: log_mel, mfcc"):
            read("chroma")


def test_columns_are_those_of_the_manifest(store: Store) -> None:
    assert store.column("meta.label").to_pylist() == LABELS
    assert store.column("meta.label.first").to_pylist() == list(range(20))
    for name in store.manifest.column_names:
        assert store.column(name).to_pylist() == store.manifest.column(name).to_pylist()
    with pytest.raises(KeyError, match=r"no column 'label' in the manifest: key, source, .*meta\.label"):
        store.column("label")


def test_rows_are_those_of_the_manifest(store: Store) -> None:
    assert list(store.rows()) == store.manifest.to_pylist()
    rows = list(store.rows(["meta.label", "key"]))
    assert rows[4] == {"meta.label": "word0", "key": "folder/004"}
    assert list(rows[4]) == ["meta.label", "key"]
    with pytest.raises(KeyError, match="no column 'length'"):
        next(store.rows(["length"]))


def test_to_numpy_reads_what_is_asked_for(store: Store) -> None:
    everything = store.to_numpy()
    assert list(everything) == list(store)
    assert everything["folder/007"].keys() == {"log_mel", "mfcc"}
    some = store.to_numpy(["folder/009", "folder/001"], ["log_mel"])
    assert list(some) == ["folder/009", "folder/001"]
    assert some["folder/009"].keys() == {"log_mel"}
    np.testing.assert_array_equal(some["folder/009"]["log_mel"], ARRAYS["folder/009"]["log_mel"])
    with pytest.raises(KeyError, match="nobody"):
        store.to_numpy(["nobody"])


def test_with_verify_one_feature_is_checked_as_the_whole_clip_is(tmp_path: Path) -> None:
    """The digest is that of all features: damage in another one is told too."""
    paths = make_labelled_store(tmp_path / "store", ARRAYS, {"label": LABELS})
    for shard in paths.shards.iterdir():
        content = shard.read_bytes()
        rows = ARRAYS["folder/019"]["mfcc"].tobytes()
        shard.write_bytes(content.replace(rows, bytes([rows[0] ^ 1]) + rows[1:]))
    with open_store(paths.root, verify=True) as store:
        np.testing.assert_array_equal(store.clip_at(18, ["mfcc"])["mfcc"], ARRAYS["folder/018"]["mfcc"])
        for read in (lambda: store.clip_at(19, ["log_mel"]), lambda: store.read_at(19, "log_mel", 0, 1)):
            with pytest.raises(DamageError, match=r"'folder/019' are not those that were written"):
                read()
