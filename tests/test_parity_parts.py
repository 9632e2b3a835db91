"""What a comparison is made of: signals and the yardstick."""

from __future__ import annotations

import numpy as np
import pytest
from laying import features_of, frontend_of, on_cpu, only_feature
from preset_signals import signals
from yardsticks import yardstick

from audiofeat.config import load_config, preset_names
from audiofeat.dsp.framing import Samples
from audiofeat.frontend.recipe import recipe_of
from audiofeat.parity.check import FLOAT32_DB
from audiofeat.parity.signals import noise
from audiofeat.parity.yardstick import MOST_LEEWAY, Scale, Yardstick

PRESET = "tf-tutorial"


# What is compared on.


@pytest.mark.parametrize("preset", ["kaldi-fbank80", "clap-unfused"])
def test_signals_lie_on_the_steps_of_16_bits(preset: str) -> None:
    for samples_of in signals(preset).values():
        samples = samples_of()
        assert samples.dtype == np.float32
        np.testing.assert_array_equal(np.round(samples * 32768), samples * 32768)
        assert np.abs(samples).max() <= 1


def test_signals_are_what_their_names_say() -> None:
    made = {name: samples_of() for name, samples_of in signals("kaldi-fbank80").items()}
    assert {name: len(samples) for name, samples in made.items() if len(samples) != 8_000} == {
        "half_a_window": 203,
        "one_window": 400,
        "one_sample_more": 401,
        "between_hops": 4_280,
    }
    assert np.count_nonzero(made["silence"]) == 0
    assert np.count_nonzero(made["impulse"]) == 1
    assert sorted(set(np.abs(made["faint_clicks"]) * 32768)) == [0, 1, 10]
    assert np.abs(np.fft.rfft(made["tone_440_hz"])).argmax() == 220
    levels_db = {name: 20 * np.log10(np.abs(samples).max()) for name, samples in made.items() if "dbfs" in name}
    assert levels_db == {"noise_-60_dbfs": pytest.approx(-60, abs=0.1), "noise_0_dbfs": pytest.approx(0, abs=0.01)}


@pytest.mark.parametrize("preset", preset_names())
def test_between_hops_the_rules_that_count_frames_differ(preset: str) -> None:
    rule = recipe_of(load_config(preset)).rule
    n_samples = len(signals(preset)["between_hops"]())
    assert n_samples % rule.hop_samples >= rule.hop_samples / 2
    assert (1 + (n_samples - rule.win_samples) // rule.hop_samples) % 2 == 1


@pytest.mark.parametrize(
    ("preset", "n_samples"),
    [("whisper-80-30s", 480_401), ("clap-laion", 481_025), ("ast", 164_241), ("yamnet", 16_001)],
)
def test_what_is_filled_up_is_compared_beyond_that_too(preset: str, n_samples: int) -> None:
    assert len(signals(preset)["longer_than_filled_up"]()) == n_samples
    assert "longer_than_filled_up" not in signals("whisper-80")


# The yardstick.


def scale(decibels: float, leeway: float = 1.0, *, shape: tuple[int, int] = (1, 1)) -> Scale:
    return Scale(np.full(shape, decibels), np.full(shape, leeway), np.full(shape, leeway == 1.0))


def test_a_difference_is_told_apart_by_what_is_audible_and_weighed_by_its_leeway() -> None:
    leeway = np.array([[1.0, 1.0], [1.0, 100.0]])
    found, wanted = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.1], [3.0, 24.0]])
    difference = Scale(np.full((2, 2), 10.0), leeway, leeway == 1.0).difference(found, wanted)
    assert difference.max_db == pytest.approx(1.0)
    assert difference.mean_db == pytest.approx(1 / 3)
    assert difference.quiet_max_db == pytest.approx(200.0)
    assert difference.weighed_db == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("found", "wanted", "apart"),
    [
        (np.nan, 1.0, np.inf),
        (1.0, np.nan, np.inf),
        (np.nan, np.nan, 0),
        (np.inf, np.inf, 0),
        (-np.inf, 0.0, np.inf),
        (1 + 1j, 1 - 1j, 2),
    ],
)
def test_what_is_no_number_is_infinitely_far_from_one(found: complex, wanted: complex, apart: float) -> None:
    assert scale(1.0).difference(np.array([[found]]), np.array([[wanted]])).max_db == apart


def test_where_nothing_is_audible_nothing_is_said_of_it() -> None:
    difference = scale(1.0, 10.0).difference(np.ones((1, 1)), np.zeros((1, 1)))
    assert not difference.has_audible
    assert (difference.quiet_max_db, difference.weighed_db) == (1.0, 0.1)


@pytest.mark.parametrize(
    ("preset", "decibels"),
    [
        ("librosa-logmel", 1.0),
        ("kaldi-fbank80", 10 / np.log(10)),  # ln of a power
        ("whisper-80", 10 / 0.25),  # log10 of a power, a quarter of it
        ("tf-tutorial", 20 / np.log(10)),  # ln of a magnitude
        ("essentia-mfcc", 0.5),  # twice the decibels
    ],
)
def test_a_unit_of_a_logarithm_is_so_many_decibels(preset: str, decibels: float) -> None:
    on_cpu()
    scale = yardstick(preset).scale_of(noise(22_050))
    assert np.unique(scale.decibels).tolist() == [pytest.approx(decibels)]


@pytest.mark.parametrize("preset", ["nemo-2025", "seamless-m4t"])
def test_a_unit_of_what_is_normalised_is_its_columns_deviation(preset: str) -> None:
    on_cpu()
    samples = signals(preset)["speech_like"]()
    bare = frontend_of(preset, "cmvn.mode=none", "compute.precision=float64")
    deviations = only_feature(features_of(bare, [samples])[0]).std(axis=0)
    decibels = yardstick(preset).scale_of(samples).decibels
    # Joined columns hold every other row of theirs.
    np.testing.assert_allclose(decibels, np.broadcast_to(10 / np.log(10) * deviations, decibels.shape), rtol=0.2)


@pytest.mark.parametrize(
    ("preset", "relative_db"), [("librosa-stft", 20 / np.log(10)), ("torchaudio-melspec", 10 / np.log(10))]
)
def test_a_linear_value_is_compared_with_itself(preset: str, relative_db: float) -> None:
    on_cpu()
    samples = noise(22_050)
    rows = only_feature(features_of(frontend_of(preset, "compute.precision=float64"), [samples])[0])
    difference = yardstick(preset).scale_of(samples).difference(rows * 1.001, rows)
    assert difference.max_db == pytest.approx(1e-3 * relative_db, rel=1e-6)


def tones(rate_hz: int, *levels_db: tuple[float, float]) -> Samples:
    """So many Hz at so many decibels each, with whole periods in every Kaldi frame."""
    times = np.arange(rate_hz) / rate_hz
    waves = [10 ** (level / 20) * np.sin(2 * np.pi * hz * times) for hz, level in levels_db]
    return np.sum(waves, axis=0).astype(np.float32)


@pytest.mark.parametrize(("level_db", "leeway"), [(-57.0, 1.0), (-66.0, 6.0), (-80.0, 30.0)])
def test_a_leeway_is_thrice_the_distance_below_60_db(level_db: float, leeway: float) -> None:
    """Under a window whose side lobes are lower still, and a band whose middle a bin meets."""
    on_cpu()
    samples = tones(32_000, (1_000.0, -6.0), (8_000.0, level_db - 6.0))
    scale = yardstick("panns").scale_of(samples)
    bands = frontend_of("panns", "features={mel: {}}", "compute.precision=float64")
    rows = only_feature(features_of(bands, [samples])[0])
    band = 30 + int(rows[20, 30:].argmax())
    assert scale.leeway[20, band] == pytest.approx(leeway, rel=0.35)
    assert scale.is_audible[20, band] == (leeway == 1.0)


def test_silence_and_bands_without_a_bin_are_exact() -> None:
    on_cpu()
    assert yardstick("kaldi-fbank80").scale_of(np.zeros(8_000, np.float32)).leeway.max() == 1.0
    empty = yardstick("ast").scale_of(signals("ast")["tone_440_hz"]())
    assert empty.leeway[:, 3].max() == 1.0
    assert empty.leeway.max() > 10.0


def test_a_floor_of_the_logarithm_lowers_the_leeway() -> None:
    on_cpu()
    tone = signals("librosa-logmel")["tone_440_hz"]()
    assert yardstick("librosa-logmel").scale_of(tone).leeway.max() < 150.0  # 80 dB below the clip's maximum, no further
    assert yardstick("kaldi-fbank80").scale_of(signals("kaldi-fbank80")["chirp"]()).leeway.max() > 1e3


def test_cepstra_mix_a_row_deltas_rows_and_normalisation_a_column() -> None:
    on_cpu()
    chirp = yardstick("kaldi-mfcc13").scale_of(signals("kaldi-mfcc13")["chirp"]()).leeway
    assert (chirp == chirp[:, :1]).all()
    assert chirp.max() > 100.0
    impulse = yardstick("htk-mfcc-0-d-a").scale_of(signals("htk-mfcc-0-d-a")["speech_like"]()).leeway
    assert (impulse[:, 13:26] >= impulse[:, :13]).all()
    normalised = yardstick("nemo-2025").scale_of(signals("nemo-2025")["chirp"]()).leeway
    assert (normalised.min(axis=0) > 1.0).all()


def test_rows_joined_beyond_the_ends_are_exact_and_columns_lie_as_they_are_stored() -> None:
    on_cpu()
    tone = yardstick("seamless-m4t").scale_of(signals("seamless-m4t")["between_hops"]())
    assert tone.leeway.shape == (13, 160)
    assert tone.is_audible.all()
    joined = yardstick("speechbrain-mfcc").scale_of(signals("speechbrain-mfcc")["chirp"]())
    assert joined.leeway.shape == (51, 660)
    # Each coefficient of eleven rows side by side: the same eleven leeways again and again within an order of deltas.
    np.testing.assert_array_equal(joined.leeway[:, :11], joined.leeway[:, 11:22])


@pytest.mark.parametrize(
    "overrides", [("energy.column=first",), ("deltas.orders=1", "cmvn.mode=meanvar"), ("mel.sqrt=true",)]
)
def test_what_the_yardstick_does_not_know_it_refuses(
    overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = load_config
    monkeypatch.setattr("audiofeat.parity.yardstick.load_config", lambda preset: load(preset, overrides=overrides))
    with pytest.raises(ValueError, match="the yardstick does not know"):
        Yardstick("kaldi-fbank80")


def test_no_leeway_is_beyond_100_db() -> None:
    assert MOST_LEEWAY * FLOAT32_DB == 100.0


def test_the_leeway_of_what_is_mixed_is_the_root_mean_square() -> None:
    """Of all 80 bands of each row: 23 coefficients of them have one leeway."""
    on_cpu()
    samples = signals("kaldi-fbank80")["chirp"]()
    of_bands = Yardstick("kaldi-fbank80").scale_of(samples).leeway
    load = load_config
    with pytest.MonkeyPatch.context() as patch:
        cepstra = ("features={mfcc: {}}", "mfcc.n=23")
        patch.setattr(
            "audiofeat.parity.yardstick.load_config",
            lambda preset, overrides=(): load(preset, overrides=[*cepstra, *overrides]),
        )
        of_cepstra = Yardstick("kaldi-fbank80").scale_of(samples).leeway
    wanted = np.sqrt((of_bands**2).mean(axis=1, keepdims=True))
    np.testing.assert_allclose(of_cepstra, np.broadcast_to(wanted, (48, 23)))
    assert of_cepstra.max() < 0.5 * of_bands.max()


@pytest.mark.parametrize("preset", ["nemo-2025", "seamless-m4t"])
def test_a_clip_without_deviation_is_judged_all_the_same(preset: str) -> None:
    on_cpu()
    silence = np.zeros(8_000, np.float32)
    rows = only_feature(features_of(frontend_of(preset, "compute.precision=float64"), [silence])[0])
    difference = yardstick(preset).scale_of(silence).difference(rows + 100.0, rows)
    assert difference.max_db > FLOAT32_DB


@pytest.mark.parametrize("preset", ["seamless-m4t", "speechbrain-mfcc", "kaldi-mfcc13", "librosa-stft"])
def test_a_clip_without_samples_has_a_yardstick_without_rows(preset: str) -> None:
    on_cpu()
    dims = recipe_of(load_config(preset)).feature_specs()[0].dims
    scale = yardstick(preset).scale_of(np.zeros(0, np.float32))
    assert scale.leeway.shape == scale.decibels.shape == scale.is_audible.shape == (0, dims)
