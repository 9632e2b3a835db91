"""Deltas: each form against a twin in plain loops, Savitzky-Golay against librosa itself."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_tails import after, cuts_of, some_rows
from tail_twins import kaldis_deltas, open_ended, parabolas, regression

from audiofeat.dsp.deltas import composed_kernel, parabola_kernel
from audiofeat.dsp.tail import Deltas, fewest_rows

LENGTHS = [1, 2, 3, 5, 17, 300]
WINDOWS = [1, 2, 4, 100]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_rows", LENGTHS)
def test_sequential_deltas_are_regression_twice(n_rows: int, window: int) -> None:
    rows = some_rows(n_rows)
    first = regression(rows.astype(np.float64), window)
    wanted = np.concatenate([rows, first, regression(first, window)], axis=1)
    np.testing.assert_allclose(after((Deltas(2, window, "sequential", "replicate"),), rows), wanted, atol=1e-11)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_rows", LENGTHS)
def test_open_ended_deltas_are_those_of_a_clip_that_stays_at_its_last_row(n_rows: int, window: int) -> None:
    rows = some_rows(n_rows)
    exact = rows.astype(np.float64)
    wanted = np.concatenate([rows, regression(exact, window), open_ended(exact, window)], axis=1)
    np.testing.assert_allclose(after((Deltas(2, window, "open_end", "replicate"),), rows), wanted, atol=1e-11)


@pytest.mark.parametrize("orders", [1, 2])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_rows", LENGTHS)
def test_composed_deltas_are_those_of_kaldi(n_rows: int, window: int, orders: int) -> None:
    rows = some_rows(n_rows, 2)
    wanted = kaldis_deltas(rows.astype(np.float64), window, orders)
    np.testing.assert_allclose(after((Deltas(orders, window, "composed", "replicate"),), rows), wanted, atol=1e-11)


@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("n_rows", LENGTHS)
def test_savgol_double_deltas_are_those_of_parabolas(n_rows: int, window: int) -> None:
    rows = some_rows(n_rows)
    found = after((Deltas(2, window, "savgol", "replicate"),), rows)
    np.testing.assert_allclose(found[:, 6:], parabolas(rows.astype(np.float64), window), atol=1e-10)


@pytest.mark.parametrize(("edge", "mode"), [("replicate", "nearest"), ("interp", "interp")])
@pytest.mark.parametrize("width", [3, 5, 9, 201])
@pytest.mark.parametrize("extra_rows", [0, 1, 5, 150])
def test_savgol_deltas_are_those_of_librosa(edge: str, mode: str, width: int, extra_rows: int) -> None:
    rows = some_rows(width + extra_rows, 2)
    columns = [rows.astype(np.float64).T]
    columns += [librosa.feature.delta(columns[0], width=width, order=order, mode=mode) for order in (1, 2)]
    for orders in (1, 2):
        found = after((Deltas(orders, width // 2, "savgol", edge),), rows)
        np.testing.assert_allclose(found, np.concatenate(columns[: orders + 1]).T, atol=1e-10)


@pytest.mark.parametrize("form", ["sequential", "open_end", "composed", "savgol"])
def test_what_does_not_change_has_no_deltas_at_all(form: str) -> None:
    rows = np.full((50, 2), -15.942385)
    assert not after((Deltas(2, 3, form, "replicate"),), rows)[:, 2:].any()


@pytest.mark.parametrize("form", ["sequential", "open_end", "composed", "savgol"])
def test_a_line_has_its_slope_and_a_parabola_its_curvature(form: str) -> None:
    times = np.arange(40.0)
    found = after((Deltas(2, 2, form, "replicate"),), np.stack([3.0 * times, times**2], axis=1))
    np.testing.assert_allclose(found[4:-4, 2], 3.0)
    np.testing.assert_allclose(found[4:-4, 5], 2.0)


def test_weights_are_whole_numbers() -> None:
    assert composed_kernel(2).weights == (-4, 1, 4, 4)  # Kaldi's -10 -4 1 4 4, over 100
    assert composed_kernel(2).divisor == 100
    assert parabola_kernel(1).weights == (2,)  # 3 * 1 - 2, twice, over 3 * 2 - 4
    assert parabola_kernel(1).divisor == 2


def test_interpolated_edges_need_a_whole_window() -> None:
    assert fewest_rows((Deltas(1, 4, "savgol", "interp"),)) == 9
    assert fewest_rows((Deltas(1, 4, "savgol", "replicate"),)) == 1
    assert after((Deltas(2, 4, "savgol", "interp"),), some_rows(9)).shape == (9, 9)


def test_two_kinds_of_rows_give_one_kind_of_bits() -> None:
    rows, tail = some_rows(100, 13), (Deltas(2, 2, "sequential", "replicate"),)
    singles = after(tail, rows, dtype=np.float32)
    np.testing.assert_array_equal(singles, after(tail, rows.astype(np.float64)).astype(np.float32))
    np.testing.assert_array_equal(singles, after(tail, np.asfortranarray(rows), dtype=np.float32))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), n_rows=st.integers(1, 400), window=st.integers(1, 30), dims=st.sampled_from([1, 5, 5_000]))
def test_no_bit_depends_on_where_blocks_end(data: st.DataObject, n_rows: int, window: int, dims: int) -> None:
    form, edge = data.draw(
        st.sampled_from(
            [(form, "replicate") for form in ("sequential", "open_end", "composed", "savgol")] + [("savgol", "interp")]
        )
    )
    tail = (Deltas(2, window, form, edge),)
    # 5,000 columns make blocks of a few rows, so that all seams between stretches are met.
    n_rows = max(n_rows if dims < 100 else n_rows % 60 + 1, fewest_rows(tail))
    rows = np.repeat(some_rows(n_rows, min(dims, 5)), max(1, dims // 5), axis=1)
    cut = after(tail, rows, cuts=data.draw(cuts_of(n_rows)))
    np.testing.assert_array_equal(cut, after(tail, rows))
    narrow = after(tail, rows[:, :1])  # in another number of stretches
    np.testing.assert_array_equal(cut[:, [0, dims, 2 * dims]], narrow)
