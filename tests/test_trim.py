"""Where the sound in a clip begins and ends: librosa.effects.trim's interval, live, and the loudest sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_tails import in_blocks
from signals import noise, tone

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.trim import peak_of, trim_bounds


def bounds(samples: Samples, top_db: float, cuts: Sequence[int] = ()) -> tuple[int, int]:
    return trim_bounds(in_blocks(samples, cuts), n_samples=len(samples), top_db=top_db)


def between_silences(seed: int) -> Samples:
    """Noise that swells and falls, somewhere in much fainter noise: 1 to 40,000 samples."""
    generator = np.random.default_rng(seed)
    n_samples = int(generator.integers(1, 40_000))
    begin, end = sorted(generator.integers(0, n_samples + 1, 2).tolist())
    level = np.full(n_samples, 10.0 ** generator.uniform(-6, -2))
    level[begin:end] += np.hanning(end - begin) * 10.0 ** generator.uniform(-3, 0)
    return (level * generator.standard_normal(n_samples)).astype(np.float32)


@pytest.mark.parametrize("top_db", [1.0, 20.0, 40.0, 60.0])
def test_bounds_are_those_of_librosa_on_a_hundred_signals(top_db: float) -> None:
    trimmed = 0
    for seed in range(100):
        samples = between_silences(seed)
        wanted = tuple(librosa.effects.trim(samples, top_db=top_db)[1].tolist())
        assert bounds(samples, top_db) == wanted, f"seed {seed}"
        trimmed += wanted != (0, len(samples))
    assert trimmed > 20


@pytest.mark.parametrize("n_samples", [1, 2, 511, 512, 513, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 5_120])
def test_odd_lengths_are_trimmed_as_librosa_trims_them(n_samples: int) -> None:
    for place in (0, n_samples // 2, n_samples - 1):
        samples = np.full(n_samples, 1e-4, np.float32)
        samples[place] = 1.0
        for top_db in (3.0, 30.0):
            assert bounds(samples, top_db) == tuple(librosa.effects.trim(samples, top_db=top_db)[1].tolist())


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_of_silence_everything_is_kept(level: float) -> None:
    silence = np.full(10_000, level, np.float32)
    assert bounds(silence, 60.0) == (0, 10_000)
    assert tuple(librosa.effects.trim(silence)[1].tolist()) == (0, 10_000)


def test_nothing_and_what_is_no_number_are_kept_as_they_are() -> None:
    assert bounds(noise(0), 60.0) == (0, 0)
    samples = noise(5_000)
    samples[1_700] = np.nan
    assert bounds(samples, 60.0) == (0, 5_000)


def test_a_tone_between_silences_is_found() -> None:
    samples = np.concatenate([np.zeros(16_000, np.float32), tone(16_000), np.zeros(8_000, np.float32)])
    begin, end = bounds(samples, 60.0)
    assert 16_000 - 1_024 <= begin <= 16_000
    assert 32_000 <= end <= 32_000 + 1_536


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), shares=st.lists(st.floats(0, 1), max_size=6), top_db=st.sampled_from([3.0, 20.0, 60.0]))
def test_bounds_do_not_depend_on_where_blocks_end(seed: int, shares: list[float], top_db: float) -> None:
    samples = between_silences(seed)
    cuts = [int(share * len(samples)) for share in shares]
    assert bounds(samples, top_db, cuts) == bounds(samples, top_db)


def test_a_long_clip_is_taken_part_by_part() -> None:
    samples = np.concatenate([noise(70_000, level=1e-5), noise(70_000), noise(140_000, level=1e-5)])
    wanted = tuple(librosa.effects.trim(samples, top_db=40.0)[1].tolist())
    assert bounds(samples, 40.0, cuts=[1, 65_000, 66_000, 139_999]) == wanted


def test_the_peak_is_the_largest_absolute_sample() -> None:
    samples = noise(10_000)
    samples[4_321] = -3.5
    assert peak_of(in_blocks(samples, [0, 0, 4_321])) == 3.5
    assert peak_of(in_blocks(noise(0))) == 0.0
    samples[17] = np.nan
    assert math.isnan(peak_of(in_blocks(samples, [100])))
