"""What a comparison is made of: signals, golden files and the yardstick."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from laying import features_of, frontend_of, on_cpu, only_feature
from preset_signals import signals

from audiofeat.config import load_config, preset_names
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.errors import DamageError
from audiofeat.frontend.recipe import recipe_of
from audiofeat.parity.check import FLOAT32_DB
from audiofeat.parity.excerpts import RefusedError, few_of
from audiofeat.parity.goldens import About, Golden, digest_of_signal, read_golden
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


# Golden files.


def some_golden(rows: Array, samples: Samples) -> Golden:
    about = About(
        system="some library 1.0",
        packages={"numpy": "2.0"},
        signals={"noise": digest_of_signal(samples), "silence": "0"},
        distance_db={"noise": 1e-4},
        refused={"half_a_window": "ValueError: too short"},
    )
    return Golden(PRESET, about, {"noise": few_of(rows)})


def test_a_golden_file_keeps_edges_middle_and_all_columns() -> None:
    rows = np.arange(100 * 40, dtype=np.float32).reshape(100, 40)
    excerpt = few_of(rows)
    assert excerpt.rows.tolist() == [0, 1, 31, 50, 99]
    np.testing.assert_array_equal(excerpt.values, rows[[0, 1, 31, 50, 99]])
    np.testing.assert_array_equal(excerpt.of(rows), excerpt.values)


@pytest.mark.parametrize(("n_rows", "kept"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (33, [0, 1, 16, 31, 32])])
def test_of_few_rows_it_keeps_those_there_are(n_rows: int, kept: list[int]) -> None:
    assert few_of(np.zeros((n_rows, 3))).rows.tolist() == kept


def test_of_many_columns_it_keeps_some_from_the_first_to_the_last() -> None:
    excerpt = few_of(np.zeros((4, 1025), np.complex64))
    assert excerpt.values.shape == (4, 64)
    assert excerpt.columns[[0, -1]].tolist() == [0, 1024]


def test_a_golden_file_is_the_same_bytes_for_the_same_content() -> None:
    rows, samples = np.ones((3, 4), np.float32), noise(400)
    assert some_golden(rows, samples).to_bytes() == some_golden(rows.copy(), samples.copy()).to_bytes()


def test_a_golden_file_says_what_a_library_gave_or_refused() -> None:
    rows, samples = np.ones((3, 4), np.float32), noise(400)
    golden = some_golden(rows, samples)
    np.testing.assert_array_equal(golden.wanted("noise", samples).values, rows)
    with pytest.raises(DamageError, match=f"the golden file of {PRESET} is of another signal noise"):
        golden.wanted("noise", noise(401))
    refusing = replace(golden, about=replace(golden.about, signals={"half_a_window": digest_of_signal(samples)}))
    with pytest.raises(RefusedError, match="ValueError: too short"):
        refusing.wanted("half_a_window", samples)


def test_what_is_read_is_what_was_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "goldens").mkdir()
    golden = some_golden(np.arange(12.0).reshape(3, 4), noise(400))
    (tmp_path / "goldens" / f"{PRESET}.npz").write_bytes(golden.to_bytes())
    monkeypatch.setattr("audiofeat.parity.goldens.files", lambda package: tmp_path)
    found = read_golden(PRESET)
    assert found.about == golden.about
    np.testing.assert_array_equal(found.excerpts["noise"].values, golden.excerpts["noise"].values)
    assert found.excerpts["noise"].shape == (3, 4)
    assert found.to_bytes() == golden.to_bytes()


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_golden_file_that_cannot_be_read_is_damage(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "goldens").mkdir()
    if content is not None:
        (tmp_path / "goldens" / f"{PRESET}.npz").write_bytes(content)
    monkeypatch.setattr("audiofeat.parity.goldens.files", lambda package: tmp_path)
    with pytest.raises(DamageError, match=f"the golden file of {PRESET} cannot be read"):
        read_golden(PRESET)


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_has_a_golden_file_of_a_few_kilobytes(preset: str) -> None:
    golden, names = read_golden(preset), set(signals(preset))
    assert golden.about.signals == {
        name: digest_of_signal(samples_of()) for name, samples_of in signals(preset).items()
    }
    assert set(golden.excerpts) | set(golden.about.refused) == names
    assert len(golden.to_bytes()) < 25_000


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
    scale = Yardstick(preset).scale_of(noise(22_050))
    assert np.unique(scale.decibels).tolist() == [pytest.approx(decibels)]


@pytest.mark.parametrize("preset", ["nemo-2025", "seamless-m4t"])
def test_a_unit_of_what_is_normalised_is_its_columns_deviation(preset: str) -> None:
    on_cpu()
    samples = signals(preset)["speech_like"]()
    bare = frontend_of(preset, "cmvn.mode=none", "compute.precision=float64")
    deviations = only_feature(features_of(bare, [samples])[0]).std(axis=0)
    decibels = Yardstick(preset).scale_of(samples).decibels
    # Joined columns hold every other row of theirs.
    np.testing.assert_allclose(decibels, np.broadcast_to(10 / np.log(10) * deviations, decibels.shape), rtol=0.2)


@pytest.mark.parametrize(
    ("preset", "relative_db"), [("librosa-stft", 20 / np.log(10)), ("torchaudio-melspec", 10 / np.log(10))]
)
def test_a_linear_value_is_compared_with_itself(preset: str, relative_db: float) -> None:
    on_cpu()
    samples = noise(22_050)
    rows = only_feature(features_of(frontend_of(preset, "compute.precision=float64"), [samples])[0])
    difference = Yardstick(preset).scale_of(samples).difference(rows * 1.001, rows)
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
    scale = Yardstick("panns").scale_of(samples)
    bands = frontend_of("panns", "features={mel: {}}", "compute.precision=float64")
    rows = only_feature(features_of(bands, [samples])[0])
    band = 30 + int(rows[20, 30:].argmax())
    assert scale.leeway[20, band] == pytest.approx(leeway, rel=0.35)
    assert scale.is_audible[20, band] == (leeway == 1.0)


def test_silence_and_bands_without_a_bin_are_exact() -> None:
    on_cpu()
    assert Yardstick("kaldi-fbank80").scale_of(np.zeros(8_000, np.float32)).leeway.max() == 1.0
    empty = Yardstick("ast").scale_of(signals("ast")["tone_440_hz"]())
    assert empty.leeway[:, 3].max() == 1.0
    assert empty.leeway.max() > 10.0


def test_a_floor_of_the_logarithm_lowers_the_leeway() -> None:
    on_cpu()
    tone = signals("librosa-logmel")["tone_440_hz"]()
    assert Yardstick("librosa-logmel").scale_of(tone).leeway.max() < 150.0  # 80 dB below the clip's maximum, no further
    assert Yardstick("kaldi-fbank80").scale_of(signals("kaldi-fbank80")["chirp"]()).leeway.max() > 1e3


def test_cepstra_mix_a_row_deltas_rows_and_normalisation_a_column() -> None:
    on_cpu()
    chirp = Yardstick("kaldi-mfcc13").scale_of(signals("kaldi-mfcc13")["chirp"]()).leeway
    assert (chirp == chirp[:, :1]).all()
    assert chirp.max() > 100.0
    impulse = Yardstick("htk-mfcc-0-d-a").scale_of(signals("htk-mfcc-0-d-a")["speech_like"]()).leeway
    assert (impulse[:, 13:26] >= impulse[:, :13]).all()
    normalised = Yardstick("nemo-2025").scale_of(signals("nemo-2025")["chirp"]()).leeway
    assert (normalised.min(axis=0) > 1.0).all()


def test_rows_joined_beyond_the_ends_are_exact_and_columns_lie_as_they_are_stored() -> None:
    on_cpu()
    tone = Yardstick("seamless-m4t").scale_of(signals("seamless-m4t")["between_hops"]())
    assert tone.leeway.shape == (13, 160)
    assert tone.is_audible.all()
    joined = Yardstick("speechbrain-mfcc").scale_of(signals("speechbrain-mfcc")["chirp"]())
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


def test_no_leeway_is_beyond_20_db() -> None:
    assert MOST_LEEWAY * FLOAT32_DB == 20.0
