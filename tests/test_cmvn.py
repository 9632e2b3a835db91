"""Normalisation of mean and variance: each kind against a twin in plain loops."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tail_twins
from hypothesis import given, settings
from hypothesis import strategies as st
from row_tails import Reals, after, cuts_of, some_rows

from audiofeat.dsp.tail import Cmvn, Deltas, fewest_rows

PLAIN = Cmvn(
    mode="meanvar",
    over="clip",
    ddof=0,
    eps=0.0,
    eps_at="std_add",
    window_frames=600,
    min_frames=100,
    center=False,
    mean=None,
    variance=None,
)


def clip_twin(rows: Reals, step: Cmvn) -> Reals:
    return tail_twins.normalised(rows, mode=step.mode, over=step.over, ddof=step.ddof, eps=step.eps, eps_at=step.eps_at)


def kaldi_sliding_twin(rows: Reals, step: Cmvn) -> Reals:
    """SlidingWindowCmnInternal as it is written, with each window summed anew."""
    n_rows = len(rows)
    found = np.empty_like(rows)
    for t in range(n_rows):
        if step.center:
            start = t - step.window_frames // 2
            end = start + step.window_frames
        else:
            start, end = t - step.window_frames, t + 1
        if start < 0:
            end -= start
            start = 0
        if not step.center and end > t:
            end = max(t + 1, step.min_frames)
        if end > n_rows:
            start -= end - n_rows
            end = n_rows
            start = max(start, 0)
        window = rows[start:end]
        found[t] = rows[t] - window.mean(axis=0)
        if step.mode == "meanvar" and len(window) == 1:
            found[t] = 0.0
        elif step.mode == "meanvar":
            found[t] /= np.sqrt(np.maximum(window.var(axis=0, ddof=step.ddof), 1e-10))
    return found


@pytest.mark.parametrize("eps_at", sorted(tail_twins.EPS_RULES))
@pytest.mark.parametrize("eps", [0.0, 1e-5, 3.0])
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("over", ["clip", "clip_all"])
@pytest.mark.parametrize("mode", ["mean", "meanvar"])
def test_clips_are_normalised_as_the_formulas_say(mode: str, over: str, ddof: int, eps: float, eps_at: str) -> None:
    step = replace(PLAIN, mode=mode, over=over, ddof=ddof, eps=eps, eps_at=eps_at)
    for n_rows in (1, 2, 40):
        rows = some_rows(n_rows)
        np.testing.assert_allclose(after((step,), rows), clip_twin(rows.astype(np.float64), step), atol=1e-12)


@pytest.mark.parametrize("over", ["clip", "clip_all"])
def test_a_clip_of_many_blocks_is_normalised_as_one(over: str) -> None:
    step = replace(PLAIN, over=over)
    rows = some_rows(9_000, 40)  # blocks are of 1,638 rows
    np.testing.assert_allclose(after((step,), rows), clip_twin(rows.astype(np.float64), step), atol=1e-10)


@pytest.mark.parametrize("level", [0.1, -15.942385, math.log(1e-10), 1e30])
def test_a_column_that_does_not_change_becomes_zero_whatever_it_holds(level: float) -> None:
    rows = some_rows(5_001, 20).astype(np.float64)
    rows[:, 7] = level
    for over in ("clip", "sliding"):
        normalised = after((replace(PLAIN, over=over),), rows)
        assert not normalised[:, 7].any()
        assert np.abs(normalised[:, 6]).max() > 1.0
    assert not after((replace(PLAIN, over="clip_all"),), np.full((77, 3), level)).any()


def test_a_normalised_clip_has_mean_0_and_deviation_1_far_from_zero_too() -> None:
    rows = 1e6 + some_rows(2_000, 5).astype(np.float64)
    normalised = after((PLAIN,), rows)
    np.testing.assert_allclose(normalised.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(normalised.std(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("mode", ["mean", "meanvar"])
@pytest.mark.parametrize("window", [1, 2, 7, 8, 100, 2**31])
@pytest.mark.parametrize("least", [1, 5, 100])
def test_sliding_windows_are_those_of_kaldi(center: bool, mode: str, window: int, least: int) -> None:
    step = replace(PLAIN, mode=mode, over="sliding", window_frames=window, min_frames=least, center=center)
    for n_rows in (1, 2, 6, 7, 99, 100, 230):
        rows = some_rows(n_rows)
        twin = kaldi_sliding_twin(rows.astype(np.float64), step)
        np.testing.assert_allclose(after((step,), rows), twin, atol=1e-7)


def test_sliding_windows_pass_from_block_to_block() -> None:
    step = replace(PLAIN, over="sliding", window_frames=50, min_frames=30, ddof=1)
    rows = np.repeat(some_rows(900, 2), 500, axis=1)  # blocks of 65 rows
    twin = kaldi_sliding_twin(rows[:, ::500].astype(np.float64), step)
    np.testing.assert_allclose(after((step,), rows)[:, ::500], twin, atol=1e-9)


@pytest.mark.parametrize("center", [False, True])
def test_a_window_of_one_row_leaves_nothing(center: bool) -> None:
    step = replace(PLAIN, over="sliding", window_frames=1, min_frames=1, center=center)
    normalised = after((step,), some_rows(20))
    assert not normalised[0].any()
    assert normalised.any() is np.bool_(not center)


def test_given_statistics_are_taken_as_they_are() -> None:
    rows = some_rows(11, 2)
    step = replace(PLAIN, over="global", mean=(1.0, -2.0), variance=(4.0, 0.0), eps=0.5, eps_at="std_max")
    wanted = (rows - np.array([1.0, -2.0])) / np.array([2.0, 0.5])
    np.testing.assert_allclose(after((step,), rows), wanted, rtol=1e-15)
    mean_alone = replace(step, mode="mean", variance=None)
    np.testing.assert_array_equal(after((mean_alone,), rows), rows - np.array([1.0, -2.0]))


def test_where_the_deviation_is_zero_the_mean_alone_is_subtracted() -> None:
    rows = some_rows(11, 2)
    step = replace(PLAIN, over="global", mean=(1.0, -2.0), variance=(4.0, 0.0))
    np.testing.assert_array_equal(after((step,), rows)[:, 1], rows[:, 1] + 2.0)


def test_one_row_is_enough() -> None:
    assert fewest_rows((Deltas(2, 2, "sequential", "replicate"), PLAIN)) == 1
    assert not after((replace(PLAIN, ddof=1),), some_rows(1)).any()


@settings(max_examples=50, deadline=None)
@given(
    data=st.data(),
    over=st.sampled_from(["clip", "clip_all", "sliding", "global"]),
    n_rows=st.integers(1, 300),
    dims=st.sampled_from([1, 3, 2_000]),
    window=st.integers(1, 400),
)
def test_no_bit_depends_on_where_blocks_end(
    data: st.DataObject, over: str, n_rows: int, dims: int, window: int
) -> None:
    given_statistics = (0.25,) * dims
    step = replace(
        PLAIN,
        over=over,
        window_frames=window,
        min_frames=data.draw(st.integers(1, 400)),
        center=data.draw(st.booleans()),
        mean=given_statistics,
        variance=given_statistics,
    )
    rows = np.repeat(some_rows(n_rows, min(dims, 4)), max(1, dims // 4), axis=1)[:, :dims]
    tail = (Deltas(1, 2, "sequential", "replicate"), step) if over != "global" else (step,)
    cut = after(tail, rows, cuts=data.draw(cuts_of(n_rows)))
    np.testing.assert_array_equal(cut, after(tail, rows))
    np.testing.assert_array_equal(cut, after(tail, np.asfortranarray(rows)))
