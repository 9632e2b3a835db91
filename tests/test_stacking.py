"""Rows joined with their neighbours, fixed numbers of rows, and whole tails, of real and complex rows."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_tails import after, cuts_of, in_blocks, some_rows
from tail_twins import joined

from audiofeat.dsp.row_blocks import Array
from audiofeat.dsp.tail import Cmvn, Deltas, FixedLength, Stack, Tail, apply_tail, fewest_rows, tail_dims, tail_rows

MEAN_OF_CLIP = Cmvn("mean", "clip", 0, 0.0, "std_add", 600, 100, False, None, None)


def complex_rows(n_rows: int, dims: int) -> npt.NDArray[np.complex64]:
    return (some_rows(n_rows, dims) + 1j * some_rows(n_rows, dims, seed=6)).astype(np.complex64)


def stacked_twin(rows: Array, step: Stack) -> Array:
    return joined(rows, **asdict(step))


@pytest.mark.parametrize("order", ["rows", "columns"])
@pytest.mark.parametrize("edge", ["replicate", "zero"])
@pytest.mark.parametrize("tail", ["pad", "drop"])
@pytest.mark.parametrize(
    ("left", "right", "stride"), [(0, 0, 1), (5, 5, 1), (0, 1, 2), (3, 0, 3), (0, 4, 7), (2, 6, 1)]
)
def test_each_row_joins_its_neighbours(left: int, right: int, stride: int, edge: str, tail: str, order: str) -> None:
    step = Stack(left, right, stride, edge, tail, order)
    for n_rows in (1, 2, 5, 6, 7, 8, 100):
        rows = complex_rows(n_rows, 2)
        np.testing.assert_array_equal(after((step,), rows, dtype=np.complex64), stacked_twin(rows, step))


def test_pairs_of_rows_as_seamless_takes_them() -> None:
    rows = np.arange(10.0).reshape(5, 2)
    padded = after((Stack(0, 1, 2, "zero", "pad"),), rows)
    assert padded.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0]]
    assert after((Stack(0, 1, 2, "zero", "drop"),), rows).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_the_values_of_each_column_side_by_side_as_speechbrain_has_them() -> None:
    rows = np.arange(6.0).reshape(3, 2)
    by_column = after((Stack(1, 1, 1, "zero", "pad", "columns"),), rows)
    assert by_column.tolist() == [[0, 0, 2, 0, 1, 3], [0, 2, 4, 1, 3, 5], [2, 4, 0, 3, 5, 0]]


@pytest.mark.parametrize("n_rows", [1, 99, 100, 101, 30_000])
def test_any_clip_gets_the_same_number_of_rows(n_rows: int) -> None:
    rows = some_rows(n_rows, 4)
    fixed = after((FixedLength(100, -1.5),), rows, cuts=[n_rows // 3, n_rows // 2], dtype=np.float32)
    np.testing.assert_array_equal(fixed[:n_rows], rows[:100])
    assert (fixed[n_rows:] == -1.5).all()


def test_a_cut_takes_no_more_blocks_than_it_needs() -> None:
    rows = some_rows(100, 4)
    blocks = iter(np.split(rows, 10))
    fixed = list(apply_tail((FixedLength(15, 0.0),), lambda: blocks, n_rows=100, dims=4, dtype=np.float32))
    np.testing.assert_array_equal(np.concatenate(fixed), rows[:15])
    assert len(list(blocks)) == 8


def test_no_tail_hands_on_the_blocks_themselves() -> None:
    rows = complex_rows(20, 4)
    (through,) = apply_tail((), in_blocks(rows), n_rows=20, dims=4, dtype=np.complex64)
    assert np.shares_memory(through, rows)


def test_the_fewest_rows_of_a_tail_make_one_row() -> None:
    tails: list[Tail] = [
        (),
        (Stack(2, 3, 4, "zero", "drop"),),
        (Stack(2, 3, 4, "zero", "pad"),),
        (Deltas(2, 2, "savgol", "interp"), Stack(0, 3, 1, "zero", "drop")),
        (Deltas(2, 2, "savgol", "interp"), Stack(0, 9, 1, "zero", "drop"), FixedLength(5, 0.0)),
        (Stack(0, 1, 2, "zero", "drop"), Deltas(1, 1, "savgol", "interp")),
    ]
    assert [fewest_rows(tail) for tail in tails] == [1, 4, 1, 5, 10, 6]
    assert tail_rows(tails[1], 3) == 0
    for tail in tails:
        assert len(after(tail, some_rows(fewest_rows(tail)))) >= 1


def test_a_whole_tail_is_its_steps_in_turn() -> None:
    rows = some_rows(230, 13)
    tail = (Deltas(2, 2, "sequential", "replicate"), MEAN_OF_CLIP, Stack(1, 1, 2, "zero", "pad"), FixedLength(200, 7.0))
    assert (tail_rows(tail, 230), tail_dims(tail, 13)) == (200, 117)
    step_by_step: Array = rows
    for step in tail:
        step_by_step = after((step,), step_by_step)
    np.testing.assert_array_equal(after(tail, rows), step_by_step)


def test_missing_rows_are_a_defect_and_said() -> None:
    blocks = in_blocks(some_rows(10))
    with pytest.raises(ValueError, match="hold 10 rows, not the 11"):
        list(apply_tail((MEAN_OF_CLIP,), blocks, n_rows=11, dims=3, dtype=np.float32))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_rows=st.integers(1, 200), is_complex=st.booleans())
def test_no_bit_depends_on_where_blocks_end(data: st.DataObject, n_rows: int, is_complex: bool) -> None:
    few = st.integers(0, 40)
    step = Stack(
        data.draw(few),
        data.draw(few),
        data.draw(st.integers(1, 9)),
        data.draw(st.sampled_from(["replicate", "zero"])),
        data.draw(st.sampled_from(["pad", "drop"])),
        data.draw(st.sampled_from(["rows", "columns"])),
    )
    rows: Array = complex_rows(n_rows, 3) if is_complex else some_rows(n_rows, 3)
    tail = (step, FixedLength(data.draw(st.integers(1, 300)), 0.5))
    cut = after(tail, rows, cuts=data.draw(cuts_of(n_rows)), dtype=rows.dtype)
    twin = stacked_twin(rows, step)[: tail[1].frames]
    np.testing.assert_array_equal(cut[: len(twin)], twin)
    assert (cut[len(twin) :] == 0.5).all()


def test_wide_rows_are_joined_a_few_at_a_time() -> None:
    rows = np.repeat(some_rows(100, 2), 1_000, axis=1)  # 11 joined rows of 2,000 values: 16 at a time
    step = Stack(5, 5, 3, "replicate", "pad", "columns")
    np.testing.assert_array_equal(after((step,), rows, dtype=np.float32), stacked_twin(rows, step))
