"""What PyTorch's DataLoader is given: items, batches, and padded tensors. A stand-in plays torch."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
from labelled_store import make_labelled_store
from small_store import small_arrays

from audiofeat import open_store
from audiofeat.reading.padding import padded
from audiofeat.reading.store import Store
from audiofeat.store.shard_format import Array

ARRAYS = small_arrays(20)
LABELS = [None if number == 3 else f"word{number % 4}" for number in range(20)]


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the stand-in's ``from_numpy`` returns."""

    values: Array


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    meta = {"label": LABELS, "age": list(range(20))}
    return open_store(make_labelled_store(tmp_path_factory.mktemp("torch") / "store", ARRAYS, meta).root)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torch")
    module.from_numpy = Tensor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)


def test_an_item_is_a_clip_with_what_was_asked_for(store: Store) -> None:
    clips = store.to_torch("mfcc", meta=["label", "age"])
    assert len(clips) == 20
    item = clips[6]
    assert list(item) == ["key", "frames", "mfcc", "meta.label", "meta.age"]
    assert (item["key"], item["frames"], item["meta.label"], item["meta.age"]) == ("folder/006", 7, "word2", 6)
    np.testing.assert_array_equal(item["mfcc"], ARRAYS["folder/006"]["mfcc"])
    assert store.to_torch()[0].keys() == {"key", "frames", "log_mel", "mfcc"}


def test_chosen_clips_come_in_their_order(store: Store) -> None:
    clips = store.to_torch(["log_mel"], keys=["folder/009", "folder/002"], meta=["age"])
    assert [(item["key"], item["meta.age"]) for item in (clips[0], clips[1])] == [("folder/009", 9), ("folder/002", 2)]
    assert clips.frame_counts.tolist() == [10, 3]
    with pytest.raises(IndexError):  # so that a plain loop over it ends
        clips[2]


@pytest.mark.usefixtures("torch")
def test_a_batch_is_padded_and_says_how_long_each_clip_is(store: Store) -> None:
    clips = store.to_torch(meta=["label", "age"], pad=-1.0)
    batch = clips.collate([clips[position] for position in (4, 1, 3)])
    assert batch["key"] == ["folder/004", "folder/001", "folder/003"]
    assert batch["meta.label"] == ["word0", "word1", None]
    assert batch["meta.age"] == [4, 1, 3]
    assert (batch["frames"].values.tolist(), batch["frames"].values.dtype) == ([5, 2, 4], np.int64)
    for feature, dims in (("log_mel", 5), ("mfcc", 3)):
        values = batch[feature].values
        assert values.shape == (3, 5, dims)
        assert values.dtype == ARRAYS["folder/004"][feature].dtype
        for row, key, n_frames in zip(values, batch["key"], (5, 2, 4), strict=True):
            np.testing.assert_array_equal(row[:n_frames], ARRAYS[key][feature])
            assert (row[n_frames:] == -1.0).all()


def test_batches_go_by_the_lengths_of_the_chosen_clips(store: Store) -> None:
    clips = store.to_torch("mfcc", keys=["folder/019", "folder/000", "folder/001"])
    assert list(clips.batches(batch_frames=20)) == [[0], [1, 2]]
    assert list(clips.batches(batch_size=2)) == [[0, 1], [2]]


def test_pickled_clips_are_the_same_clips(store: Store) -> None:
    clips = store.to_torch("mfcc", meta=["label"], keys=["folder/009", "folder/002"], pad=2.0)
    again = pickle.loads(pickle.dumps(clips))
    assert (again[1]["key"], again[1]["meta.label"]) == ("folder/002", "word2")
    np.testing.assert_array_equal(again.stacked([again[1], again[0]])["mfcc"][0, 3:], np.full((7, 3), 2.0))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"features": "chroma"}, "no feature 'chroma'"),
        ({"keys": ["nobody"]}, "nobody"),
        ({"meta": ["speaker"]}, r"no column 'meta\.speaker'"),
    ],
)
def test_what_is_not_there_is_told_at_once(store: Store, choice: dict[str, str], message: str) -> None:
    with pytest.raises(KeyError, match=message):
        store.to_torch(**choice)  # type: ignore[arg-type]


def test_padding_keeps_the_type_and_refuses_what_does_not_fit() -> None:
    clips = [np.full((n_frames, 2), 1 + 1j, np.complex64) for n_frames in (1, 3)]
    batch = padded(clips, n_frames=4)
    assert (batch.shape, batch.dtype) == ((2, 4, 2), np.complex64)
    assert batch[0, 1:].any() == batch[1, 3:].any() == False  # noqa: E712
    with pytest.raises(ValueError, match="3 frames, more than the 2"):
        padded(clips, n_frames=2)
    with pytest.raises(ValueError, match="no clips"):
        padded([])
