"""A store as tf.data.Dataset: clips, ragged and dense batches, in an order that follows from the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_store import make_labelled_store
from small_store import small_arrays

from audiofeat import open_store
from audiofeat.errors import ConfigError
from audiofeat.reading.store import Store

ARRAYS = small_arrays(20)
META = {
    "label": [None if number == 3 else f"wörd{number % 4}" for number in range(20)],
    "age": list(range(20)),
    "score": [None if number == 5 else number / 2 for number in range(20)],
    "is_loud": [number % 2 == 0 for number in range(20)],
    "gap": [None if number == 7 else number for number in range(20)],
}


pytestmark = pytest.mark.usefixtures("tensorflow_on_cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(make_labelled_store(tmp_path_factory.mktemp("tf") / "store", ARRAYS, META).root)


def keys_of(dataset: Any) -> list[Any]:
    """The keys of each element, in order."""
    return [np.asarray(element["key"]).tolist() for element in dataset.as_numpy_iterator()]


def test_each_element_is_a_clip(store: Store) -> None:
    dataset = store.to_tf("mfcc", meta=["label", "age", "score", "is_loud"])
    assert len(dataset) == 20
    assert dataset.element_spec["mfcc"].shape.as_list() == [None, 3]
    found = list(dataset.as_numpy_iterator())
    assert [element["key"].decode() for element in found] == list(store)
    for number, element in enumerate(found):
        np.testing.assert_array_equal(element["mfcc"], ARRAYS[element["key"].decode()]["mfcc"])
        assert element["frames"] == number + 1
        assert element["meta.label"].decode() == ("" if number == 3 else f"wörd{number % 4}")
        assert element["meta.age"] == number
        assert element["meta.is_loud"] == (number % 2 == 0)
        np.testing.assert_equal(element["meta.score"], np.nan if number == 5 else number / 2)


def test_ragged_batches_hold_the_clips_and_nothing_else(store: Store) -> None:
    dataset = store.to_tf(batch_size=6, meta=["age"])
    assert len(dataset) == 4
    batches = list(dataset)
    assert [len(batch["key"]) for batch in batches] == [6, 6, 6, 2]
    for batch in batches:
        assert batch["mfcc"].shape.as_list() == [len(batch["key"]), None, 3]
        for key, n_frames, age, rows in zip(
            batch["key"].numpy(), batch["frames"].numpy(), batch["meta.age"].numpy(), batch["mfcc"], strict=True
        ):
            np.testing.assert_array_equal(rows, ARRAYS[key.decode()]["mfcc"])
            assert n_frames == age + 1 == len(rows)


def test_dense_batches_are_filled_up_and_no_larger_than_asked_for(store: Store) -> None:
    batches = list(store.to_tf("log_mel", batch_frames=60, bucket_clips=10, pad=-16.0).as_numpy_iterator())
    assert sorted(key.decode() for batch in batches for key in batch["key"]) == list(store)
    for batch in batches:
        n_clips, longest, _ = batch["log_mel"].shape
        assert n_clips * longest <= 60
        assert longest == max(batch["frames"])
        for key, n_frames, rows in zip(batch["key"], batch["frames"], batch["log_mel"], strict=True):
            np.testing.assert_array_equal(rows[:n_frames], ARRAYS[key.decode()]["log_mel"])
            assert (rows[n_frames:] == -16.0).all()


@pytest.mark.parametrize("batched", [{}, {"batch_size": 3}, {"batch_frames": 40, "bucket_clips": 8}])
def test_the_order_follows_from_the_seed_and_the_pass(store: Store, batched: dict[str, int]) -> None:
    one, other = (store.to_tf("mfcc", shuffle=True, seed=5, **batched) for _ in range(2))
    first, second = keys_of(one), keys_of(one)
    assert first != second
    assert [keys_of(other), keys_of(other)] == [first, second]
    assert keys_of(store.to_tf("mfcc", shuffle=True, seed=6, **batched)) != first
    assert keys_of(store.to_tf("mfcc", shuffle=True, seed=5, **batched).repeat(2)) == first + second


def test_chosen_clips_come_in_their_order(store: Store) -> None:
    assert keys_of(store.to_tf("mfcc", keys=["folder/009", "folder/002"], batch_size=9)) == [
        [b"folder/009", b"folder/002"]
    ]
    assert keys_of(store.to_tf("mfcc", keys=[])) == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"pad": 0.0}, "for batches"),
        ({"bucket_clips": 5}, "for batches"),
        ({"batch_size": 2, "batch_frames": 9}, "give one of the two"),
        ({"meta": ["gap"]}, r"1 of 20 clips have no meta\.gap"),
    ],
)
def test_what_does_not_go_together_is_refused(store: Store, choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        store.to_tf("mfcc", **choice)


def test_damage_ends_the_reading(tmp_path: Path) -> None:
    import tensorflow as tf

    paths = make_labelled_store(tmp_path / "store", ARRAYS, {"age": list(range(20))})
    for shard in paths.shards.iterdir():
        shard.write_bytes(shard.read_bytes()[:-2_000])
    with pytest.raises(tf.errors.OpError, match="cannot be read"):
        list(open_store(paths.root).to_tf("mfcc"))
