"""Levels: peak, RMS, clipped and silent share of a clip, the same bits every time, and NaN found out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from signals import noise, tone

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.levels import FULL_SCALE, PART_SAMPLES, SILENCE, Levels


def levels_of(*blocks: Samples) -> Levels:
    levels = Levels()
    passed = list(levels.watch(iter(blocks)))
    assert len(passed) == len(blocks)
    for block, out in zip(blocks, passed, strict=True):
        np.testing.assert_array_equal(out, block)
    return levels


def array(*samples: float) -> Samples:
    return np.array(samples, np.float32)


@pytest.mark.parametrize("cuts", [[], [1], [256], [255, 257, 9_000]])
def test_levels_are_those_of_all_samples(cuts: Sequence[int]) -> None:
    samples = noise(16_000)
    levels = levels_of(*np.split(samples, cuts))
    assert levels.n_samples == 16_000
    assert levels.peak == np.abs(samples).max()
    assert levels.rms == pytest.approx(np.sqrt(np.mean(samples.astype(np.float64) ** 2)), rel=1e-7)
    assert levels.silent_share < 1e-3  # a lone sample may be near zero
    assert levels.clipped_share == 0.0
    assert levels.is_finite


def test_a_sine_has_its_amplitude_over_the_root_of_two() -> None:
    levels = levels_of(tone(16_000))
    assert levels.peak == pytest.approx(0.5, rel=1e-4)
    assert levels.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-6)


def test_the_same_blocks_give_the_same_bits() -> None:
    blocks = np.split(noise(100_000), [7_777, 50_000])
    assert levels_of(*blocks).rms == levels_of(*(block.copy() for block in blocks)).rms


def test_the_largest_16_bit_samples_count_as_clipped() -> None:
    levels = levels_of(array(FULL_SCALE, -1.0, 1.5, 32766 / 32768))
    assert levels.clipped_share == 0.75
    assert levels.peak == 1.5


def test_parts_whose_rms_lies_below_60_db_count_as_silent() -> None:
    loud, quiet = np.full(PART_SAMPLES, 2 * SILENCE, np.float32), np.full(PART_SAMPLES, SILENCE / 2, np.float32)
    assert levels_of(np.concatenate([loud, quiet, quiet, quiet])).silent_share == 0.75
    assert levels_of(np.concatenate([loud, quiet[:64]])).silent_share == 0.2


def test_a_loud_sine_is_not_silent_where_it_crosses_zero() -> None:
    assert levels_of(tone(16_000)).silent_share == 0.0


def test_nothing_at_all() -> None:
    levels = levels_of()
    assert (levels.n_samples, levels.peak, levels.rms) == (0, 0.0, 0.0)
    assert (levels.clipped_share, levels.silent_share, levels.is_finite) == (0.0, 0.0, True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 499, 500, 999])
def test_one_bad_sample_anywhere_is_found_whatever_follows(value: float, place: int) -> None:
    samples = noise(1_000)
    samples[place] = value
    assert not levels_of(*np.split(samples, 2)).is_finite


def test_a_long_clip_of_quiet_samples_loses_no_energy() -> None:
    """Added up in float32, sixteen million squares would stand still."""
    block = np.full(1 << 20, 1e-3, np.float32)
    assert levels_of(*[block] * 16).rms == pytest.approx(1e-3, rel=1e-6)
