"""Means and deviations of a feature's columns: right where sums of squares are not, the same however rows came."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.errors import ConfigError
from audiofeat.store.moments import Moments, RunningMoments, as_array, from_array
from audiofeat.store.rows import BLOCK_ROWS
from audiofeat.store.shard_format import Array

NOISE = np.random.default_rng(11).standard_normal((40_000, 3))


def moments_of(*blocks: Array) -> Moments:
    running = RunningMoments(blocks[0].shape[1])
    for block in blocks:
        running.add(block)
    return running.finish()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [0.0, 1.0, -1e6, 1e6])
def test_a_deviation_of_1_is_found_beside_a_mean_of_a_million(mean: float, dtype: type) -> None:
    rows = (NOISE + mean).astype(dtype)
    found = moments_of(rows[:20_000], rows[20_000:20_001], rows[20_001:])
    exact = rows.astype(np.float64) - mean  # exact: the values lie on a grid around the mean
    np.testing.assert_allclose(found.mean - mean, exact.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.variance, exact.var(axis=0), rtol=1e-11)
    assert found.n_rows == 40_000


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_neither_tiny_nor_huge_float32_values_leave_the_range(scale: float) -> None:
    rows = (NOISE * scale).astype(np.float32)
    np.testing.assert_allclose(moments_of(rows).variance / scale**2, np.var(NOISE, axis=0), rtol=1e-6)


@pytest.mark.parametrize("value", [0.1, -4.6, 1e-20, 1.0 / 3.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [1, 3, 257, 20_000])
def test_a_constant_column_has_its_value_for_a_mean_and_no_deviation_at_all(
    value: float, dtype: type, n_rows: int
) -> None:
    rows = np.full((n_rows, 2), value, dtype)
    found = moments_of(*np.array_split(rows, 3))
    assert found.mean.tolist() == [float(rows[0, 0])] * 2
    assert found.squares.tolist() == [0.0, 0.0]


@given(st.lists(st.integers(0, 3 * BLOCK_ROWS), min_size=1, max_size=4))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_blocks_kept_back_and_blocks_packed_give_the_same_bits(lengths: list[int]) -> None:
    """NPY hands on each clip's blocks; HDF5 packs them first, and cuts where the moments would have."""
    rows = NOISE[: sum(lengths)].astype(np.float32)
    clips = np.split(rows, np.cumsum(lengths)[:-1])
    packed: list[Array] = []
    waiting: list[Array] = []
    for clip in clips:
        waiting.append(clip)
        if sum(map(len, waiting)) >= BLOCK_ROWS:
            packed.append(np.concatenate(waiting))
            waiting = []
    one, other = moments_of(*clips), moments_of(*packed, *waiting)
    assert as_array(one).tobytes() == as_array(other).tobytes()


def test_complex_values_count_by_their_magnitudes() -> None:
    rows = (NOISE[:, :2] + 1j * NOISE[:, 1:]).astype(np.complex64)
    magnitudes = np.abs(rows.astype(np.complex128))
    found = moments_of(rows)
    np.testing.assert_allclose(found.mean, magnitudes.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, magnitudes.var(axis=0), rtol=1e-12)


def test_the_moments_of_shards_are_those_of_all_rows() -> None:
    parts = [moments_of(part) for part in np.array_split(NOISE + 1e4, 7)] + [Moments.of_nothing(3)]
    found = Moments.merged(parts, dims=3)
    np.testing.assert_allclose(found.mean, np.mean(NOISE, axis=0) + 1e4, rtol=1e-12)
    np.testing.assert_allclose(found.variance, np.var(NOISE, axis=0), rtol=1e-9)
    assert found.n_rows == len(NOISE)


def test_three_rows_by_hand() -> None:
    """In exact fractions."""
    rows = np.array([[1.0], [2.0], [4.5]], np.float32)
    mean = Fraction(15, 6)
    squares = sum((Fraction(float(value)) - mean) ** 2 for value in rows[:, 0])
    found = moments_of(rows)
    assert math.isclose(found.mean[0], mean, rel_tol=1e-15)
    assert math.isclose(found.squares[0], squares, rel_tol=1e-15)


def test_no_rows_have_no_moments_to_speak_of() -> None:
    nothing = Moments.merged([moments_of(np.zeros((0, 4)))], dims=4)
    assert (nothing.n_rows, nothing.mean.tolist(), nothing.variance.tolist()) == (0, [0.0] * 4, [0.0] * 4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 300, 8_999])
def test_one_value_that_is_no_number_is_refused_wherever_it_stands(value: float, row: int) -> None:
    rows = NOISE[:9_000].astype(np.float32)
    rows[row, 1] = value
    with pytest.raises(ConfigError, match="NaN or infinity"):
        moments_of(rows)


@pytest.mark.parametrize("values", [np.zeros((3, 4)), np.zeros(8), np.zeros((2, 4), np.float32)])
def test_an_array_that_holds_no_moments_is_refused(values: Array) -> None:
    with pytest.raises(ValueError, match="moments"):
        from_array(values, n_rows=1)
