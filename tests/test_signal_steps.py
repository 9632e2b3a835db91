"""What is done to samples before framing: each step against its formula or its library, whatever the blocks."""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise

from audiofeat.dsp.row_blocks import Array
from audiofeat.dsp.signal import FILL_SAMPLES, SignalSteps, prepare, prepared_samples

EVERYTHING = SignalSteps(
    quantize=True,
    pad_to_samples=500,
    pad_with="repeat",
    cut_to_samples=700,
    dither=1e-3,
    dither_seed=4,
    preemphasis_coeff=0.97,
    preemphasis_first="extrapolate",
)


def prepared(
    samples: Array,
    steps: SignalSteps,
    *,
    cuts: Sequence[int] = (),
    key: str = "a/clip",
    gain: float = 1.0,
    dtype: npt.DTypeLike = np.float32,
) -> Array:
    before = samples.copy()
    blocks = iter(np.split(samples, sorted(cuts)))
    done = list(prepare(blocks, steps, key=key, gain=gain, dtype=dtype))
    assert next(blocks, None) is None  # what watches the blocks has seen them all
    np.testing.assert_array_equal(samples, before)
    assert all(block.dtype == dtype for block in done)
    joined = np.concatenate([np.empty(0, dtype), *done])
    assert len(joined) == prepared_samples(len(samples), steps)
    return joined


def test_where_nothing_is_wanted_the_blocks_themselves_go_through() -> None:
    blocks = [noise(10), noise(3), noise(0)]
    through = list(prepare(iter(blocks), SignalSteps(), key="clip", dtype=np.float32))
    assert [id(block) for block in through] == [id(block) for block in blocks]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gain_is_on_every_sample(dtype: npt.DTypeLike) -> None:
    samples = noise(100)
    found = prepared(samples, SignalSteps(), gain=0.3, dtype=dtype)
    np.testing.assert_array_equal(found, samples.astype(dtype) * np.asarray(0.3, dtype))


def test_quantised_samples_are_those_of_clap() -> None:
    samples = np.concatenate([noise(4_000, level=0.7), np.array([1.0, -1.0, 3.0, -3.0, 0.0, 1e-6, -1e-6], np.float32)])
    as_int16 = (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    wanted = (as_int16 / 32767.0).astype(np.float32)
    np.testing.assert_array_equal(prepared(samples, SignalSteps(quantize=True)), wanted)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 9, 10, 11, 25])
def test_short_clips_are_filled_up_and_long_ones_cut(n_samples: int) -> None:
    samples = noise(n_samples)
    with_zeros = prepared(samples, SignalSteps(pad_to_samples=10), cuts=[n_samples // 2])
    np.testing.assert_array_equal(with_zeros, np.pad(samples, (0, max(0, 10 - n_samples))))
    steps = SignalSteps(pad_to_samples=10, pad_with="repeat", cut_to_samples=12)
    repeated = prepared(samples, steps, cuts=[n_samples // 3, n_samples // 2])
    np.testing.assert_array_equal(repeated, np.tile(samples, 12)[: min(12, max(10, n_samples))])


@pytest.mark.parametrize("n_samples", [1, 2, 3, 4, 5, 9, 10, 11])
def test_whole_copies_are_those_of_claps_repeatpad(n_samples: int) -> None:
    """Reference: transformers.ClapFeatureExtractor (_get_input_mel)."""
    samples = noise(n_samples)
    steps = SignalSteps(pad_to_samples=10, pad_with="repeat_whole")
    copies = np.tile(samples, max(1, 10 // n_samples))
    wanted = np.pad(copies, (0, max(0, 10 - len(copies))))
    np.testing.assert_array_equal(prepared(samples, steps, cuts=[n_samples // 2]), wanted)


@pytest.mark.parametrize(
    ("n_samples", "wanted"), [(1, 10), (9, 10), (10, 10), (11, 14), (13, 14), (14, 14), (15, 18), (95, 98)]
)
@pytest.mark.parametrize("pad_with", ["zero", "repeat", "repeat_whole"])
def test_longer_clips_are_filled_up_to_the_next_step(n_samples: int, wanted: int, pad_with: str) -> None:
    samples = noise(n_samples)
    steps = SignalSteps(pad_to_samples=10, pad_step_samples=4, pad_with=pad_with)
    found = prepared(samples, steps, cuts=[n_samples // 3, n_samples // 2])
    copies = {"zero": 1, "repeat": wanted, "repeat_whole": max(1, wanted // n_samples)}[pad_with]
    repeated = np.tile(samples, copies)[:wanted]
    np.testing.assert_array_equal(found, np.pad(repeated, (0, wanted - len(repeated))))


def test_a_step_that_is_longer_than_what_is_filled_up_first_repeats_the_whole_clip() -> None:
    samples = noise(7)
    steps = SignalSteps(pad_to_samples=2, pad_step_samples=30, pad_with="repeat")
    np.testing.assert_array_equal(prepared(samples, steps, cuts=[1, 3, 5]), np.tile(samples, 5)[:32])


@pytest.mark.parametrize("pad_with", ["zero", "repeat", "repeat_whole"])
def test_what_fills_up_comes_in_small_blocks(pad_with: str) -> None:
    samples, wanted = noise(40_001), 3 * FILL_SAMPLES + 12_345
    steps = SignalSteps(pad_to_samples=wanted, pad_with=pad_with)
    blocks = list(prepare(iter([samples]), steps, key="clip", dtype=np.float32))
    copies = {"zero": 1, "repeat": wanted, "repeat_whole": wanted // len(samples)}[pad_with]
    repeated = np.resize(samples, min(wanted, copies * len(samples)))
    np.testing.assert_array_equal(np.concatenate(blocks), np.pad(repeated, (0, wanted - len(repeated))))
    assert max(map(len, blocks)) <= FILL_SAMPLES


def test_a_day_of_silence_takes_no_memory() -> None:
    steps = SignalSteps(pad_to_samples=86_400 * 768_000)
    blocks = prepare(iter([noise(5)]), steps, key="clip", dtype=np.float64)
    assert [len(next(blocks)) for _ in range(3)] == [5, FILL_SAMPLES, FILL_SAMPLES]


@pytest.mark.parametrize("pad_with", ["zero", "repeat", "repeat_whole"])
def test_a_clip_without_samples_stays_without(pad_with: str) -> None:
    steps = SignalSteps(pad_to_samples=10, pad_with=pad_with, dither=0.1, preemphasis_coeff=0.9)
    assert len(prepared(noise(0), steps)) == 0


def test_dither_is_normal_noise_of_its_own_for_each_seed_and_key() -> None:
    silence = np.zeros(100_000, np.float32)
    found = prepared(silence, SignalSteps(dither=0.01))
    assert abs(found.mean()) < 1e-4
    assert found.std() == pytest.approx(0.01, rel=0.01)
    assert np.mean(np.abs(found) < 0.01) == pytest.approx(0.6827, abs=0.005)
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.02
    np.testing.assert_array_equal(found, prepared(silence, SignalSteps(dither=0.01)))
    for other in (
        prepared(silence, SignalSteps(dither=0.01), key="another/clip"),
        prepared(silence, SignalSteps(dither=0.01, dither_seed=1)),
    ):
        assert abs(np.corrcoef(found, other)[0, 1]) < 0.02


def test_dither_is_the_same_in_both_precisions() -> None:
    samples, steps = noise(1_000), SignalSteps(dither=0.01)
    np.testing.assert_allclose(prepared(samples, steps), prepared(samples, steps, dtype=np.float64), atol=1e-7)


@pytest.mark.parametrize(
    ("first", "wanted"), [("replicate", 0.05), ("keep", 0.5), ("reflect", 0.5 - 0.9 * 0.3), ("extrapolate", 1.2)]
)
def test_the_first_sample_follows_its_rule(first: str, wanted: float) -> None:
    steps = SignalSteps(preemphasis_coeff=0.9, preemphasis_first=first)
    samples = np.array([0.5, 0.3, -0.2], np.float32)
    found = prepared(samples, steps, cuts=[0, 0, 1, 2])
    np.testing.assert_allclose(found, [wanted, 0.3 - 0.45, -0.2 - 0.27], atol=1e-7)


@pytest.mark.parametrize(
    ("first", "wanted"), [("replicate", 0.05), ("keep", 0.5), ("reflect", 0.5), ("extrapolate", 0.5)]
)
def test_a_lone_sample_has_a_first_one_too(first: str, wanted: float) -> None:
    steps = SignalSteps(preemphasis_coeff=0.9, preemphasis_first=first)
    np.testing.assert_allclose(prepared(np.array([0.5], np.float32), steps), [wanted], atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("coeff", [0.5, 0.97, 1.0])
def test_preemphasis_is_that_of_librosa(coeff: float, dtype: npt.DTypeLike) -> None:
    samples = noise(5_000)
    steps = SignalSteps(preemphasis_coeff=coeff, preemphasis_first="extrapolate")
    wanted = librosa.effects.preemphasis(samples.astype(dtype), coef=coeff)
    np.testing.assert_allclose(prepared(samples, steps, cuts=[1, 700], dtype=dtype), wanted, atol=1e-7)


def test_the_steps_come_in_their_order() -> None:
    samples = noise(300)
    in_turn = prepared(samples, SignalSteps(), gain=0.5)
    for steps in (
        SignalSteps(quantize=True),
        SignalSteps(pad_to_samples=500, pad_with="repeat"),
        SignalSteps(dither=1e-3, dither_seed=4),
        SignalSteps(preemphasis_coeff=0.97, preemphasis_first="extrapolate"),
    ):
        in_turn = prepared(in_turn, steps)
    np.testing.assert_array_equal(prepared(samples, EVERYTHING, gain=0.5), in_turn)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_samples=st.integers(0, 1_000), first=st.sampled_from(["replicate", "reflect", "extrapolate"]))
def test_no_bit_depends_on_where_blocks_end(data: st.DataObject, n_samples: int, first: str) -> None:
    steps = SignalSteps(
        quantize=data.draw(st.booleans()),
        pad_to_samples=data.draw(st.none() | st.integers(1, 1_500)),
        pad_step_samples=data.draw(st.none() | st.integers(1, 700)),
        pad_with=data.draw(st.sampled_from(["zero", "repeat", "repeat_whole"])),
        cut_to_samples=data.draw(st.none() | st.integers(1, 1_500)),
        dither=data.draw(st.sampled_from([0.0, 0.01])),
        preemphasis_coeff=data.draw(st.sampled_from([0.0, 0.97])),
        preemphasis_first=first,
    )
    samples = noise(n_samples)
    cuts = data.draw(st.lists(st.integers(0, n_samples), max_size=6))
    np.testing.assert_array_equal(prepared(samples, steps, cuts=cuts, gain=0.7), prepared(samples, steps, gain=0.7))
