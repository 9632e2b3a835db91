"""What a comparison is made of: distances of arrays, and two manifests walked in step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest_stores import manifest_of

from audiofeat.compare.manifests import COLUMNS, stretches
from audiofeat.compare.values import apart


def test_nan_is_equal_to_nan_and_infinitely_far_from_anything_else() -> None:
    here = np.array([[math.nan, 1.0, math.inf, -math.inf]], np.float32)
    assert apart([(here, here.copy())]).max_difference == 0
    assert not apart([(here, here.copy())]).is_other
    for column, value in ((0, 1.0), (1, math.nan), (2, -math.inf), (3, 0.0)):
        there = here.copy()
        there[0, column] = value
        found = apart([(here, there)])
        assert (found.max_difference, found.frame, found.column) == (math.inf, 0, column)


def test_types_are_compared_in_double_precision_and_complex_values_by_magnitude() -> None:
    here = np.array([[1.0, 0.1]], np.float32)
    assert apart([(here, here.astype(np.float64))]) == apart([])
    assert apart([(here, np.array([[1.0, 0.1]]))]).max_difference == pytest.approx(1.49e-9, rel=1e-2)
    assert apart([(here, here.astype(np.float16))]).is_other
    turned = np.array([[1.0 + 3j, 0.1 + 4j]], np.complex64)
    assert apart([(here, turned)]).max_difference == pytest.approx(4.0)


def test_places_are_counted_over_blocks_and_the_first_of_equal_ones_is_told() -> None:
    zeros = np.zeros((4, 2))
    ones = np.zeros((4, 2))
    ones[3, 1] = ones[2, 0] = -1.0
    found = apart([(zeros, zeros), (zeros[:0], zeros[:0]), (zeros, ones), (zeros, ones)])
    assert (found.max_difference, found.frame, found.column, found.is_other) == (1.0, 6, 0, True)


keys = st.lists(st.text("ab/é", min_size=1, max_size=4), unique=True, max_size=12)


@given(keys, keys, st.integers(1, 4), st.data())
def test_manifests_walked_in_batches_of_any_size_give_what_sets_do(
    ours: list[str], theirs: list[str], batch_rows: int, data: st.DataObject
) -> None:
    class Batches:
        def __init__(self, clips: dict[str, str]) -> None:
            self.table = manifest_of({key: {"feature_digest": digest} for key, digest in clips.items()})
            self.schema = self.table.schema

        def read(self, columns: tuple[str, ...]) -> object:
            yield from self.table.select(list(columns)).to_batches(max_chunksize=batch_rows)

    digests = st.sampled_from(["0", "1"])
    here = {key: data.draw(digests) for key in ours}
    there = {key: data.draw(digests) for key in theirs}
    found = list(stretches(Batches(here), Batches(there)))  # type: ignore[arg-type]
    assert [key for stretch in found for key in stretch.only_a.to_pylist()] == sorted(here.keys() - there.keys())
    assert [key for stretch in found for key in stretch.only_b.to_pylist()] == sorted(there.keys() - here.keys())
    other = sorted(key for key in here.keys() & there.keys() if here[key] != there[key])
    for side, digests_of in (("a", here), ("b", there)):
        rows = [row for stretch in found for row in getattr(stretch, side).to_pylist()]
        assert [row["key"] for row in rows] == other
        assert [row["feature_digest"] for row in rows] == [digests_of[key] for key in other]
        assert all(row.keys() == set(COLUMNS) for row in rows)
