"""Pieces of a fixed number of frames: how many there are, where each lies, and what stands in it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_store import make_store, settings_for
from store_suite import random_arrays

from audiofeat import open_store
from audiofeat.errors import ConfigError
from audiofeat.reading.patches import PatchPlace
from audiofeat.reading.store import Store
from audiofeat.store.shard_format import Array

ARRAYS = {f"clip{n_frames:02d}": random_arrays(n_frames, seed=n_frames) for n_frames in (0, 1, 4, 5, 6, 9, 20)}


@pytest.fixture(scope="module", params=["hdf5", "npy"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("patches") / "store"
    return open_store(make_store(root, settings_for(store_format=request.param), ARRAYS).root)


def cut_slowly(length: int, step: int, pad: float | None) -> Iterator[tuple[PatchPlace, Array]]:
    """The patches as one would cut them by hand, clip after clip."""
    for key, arrays in ARRAYS.items():
        rows = arrays["log_mel"]
        covered = 0
        for start in range(0, len(rows), step):
            piece = rows[start : start + length]
            if len(piece) == length:
                yield PatchPlace(key, start, length), piece
            elif pad is not None and covered < len(rows):
                filling = np.full((length - len(piece), rows.shape[1]), pad, rows.dtype)
                yield PatchPlace(key, start, len(piece)), np.concatenate([piece, filling])
            covered = start + length


@given(length=st.integers(1, 12), step=st.integers(1, 25), pad=st.sampled_from([None, 0.0, -16.0]))
def test_patches_are_those_that_one_cuts_by_hand(store: Store, length: int, step: int, pad: float | None) -> None:
    patches = store.patches("log_mel", length=length, step=step, pad=pad)
    wanted = list(cut_slowly(length, step, pad))
    assert len(patches) == len(wanted)
    assert [patches.place(number) for number in range(len(patches))] == [place for place, _ in wanted]
    for found, (_, piece) in zip(patches, wanted, strict=True):
        assert found.dtype == piece.dtype
        np.testing.assert_array_equal(found, piece)


def test_the_step_is_the_length_if_nothing_is_said(store: Store) -> None:
    patches = store.patches("mfcc", length=4)
    assert len(patches) == 1 + 1 + 1 + 2 + 5
    np.testing.assert_array_equal(patches[-1], ARRAYS["clip20"]["mfcc"][16:])


def test_patches_of_chosen_clips_come_in_their_order(store: Store) -> None:
    patches = store.patches("log_mel", length=5, keys=["clip20", "clip05"])
    assert [patches.place(number).key for number in range(len(patches))] == ["clip20"] * 4 + ["clip05"]


def test_patches_may_be_pickled(store: Store) -> None:
    patches = store.patches("log_mel", length=3, step=2, pad=1.0)
    again = pickle.loads(pickle.dumps(patches))
    assert len(again) == len(patches)
    for found, wanted in zip(again, patches, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_there_is_none_where_all_clips_are_too_short(store: Store) -> None:
    assert len(store.patches("log_mel", length=21)) == 0
    assert list(store.patches("log_mel", length=3, keys=[])) == []


def test_what_is_not_there_is_refused(store: Store) -> None:
    patches = store.patches("log_mel", length=20)
    for index in (1, -2):
        with pytest.raises(IndexError, match="of 1"):
            patches[index]
    with pytest.raises(KeyError, match="no feature 'chroma'"):
        store.patches("chroma", length=3)
    with pytest.raises(KeyError, match="nobody"):
        store.patches("log_mel", length=3, keys=["nobody"])
    for length, step in ((0, 1), (1, 0), (-3, None)):
        with pytest.raises(ConfigError, match="1 frame or more"):
            store.patches("log_mel", length=length, step=step)
