"""What a comparison is made of: signals, golden files and the yardstick."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from laying import on_cpu

from audiofeat.config import preset_names
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.errors import DamageError
from audiofeat.parity.goldens import About, Golden, RefusedError, digest_of_signal, excerpt_of, read_golden
from audiofeat.parity.signals import SIGNALS, noise
from audiofeat.parity.yardstick import Scale, Yardstick

PRESET = "tf-tutorial"


# What is compared on.


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_signal_lies_on_the_steps_of_16_bits(signal: str) -> None:
    samples = SIGNALS[signal](16_000, 400)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(np.round(samples * 32768), samples * 32768)
    assert np.abs(samples).max() <= 1


def test_signals_are_what_their_names_say() -> None:
    made = {name: make(16_000, 400) for name, make in SIGNALS.items()}
    assert {name: len(samples) for name, samples in made.items() if len(samples) != 8_000} == {
        "half_a_window": 203,
        "one_window": 400,
        "one_sample_more": 401,
    }
    assert np.count_nonzero(made["silence"]) == 0
    assert np.count_nonzero(made["impulse"]) == 1
    assert np.abs(np.fft.rfft(made["tone_440_hz"])).argmax() == 220
    levels_db = {name: 20 * np.log10(np.abs(samples).max()) for name, samples in made.items() if "dbfs" in name}
    assert levels_db == {"noise_-60_dbfs": pytest.approx(-60, abs=0.1), "noise_0_dbfs": pytest.approx(0, abs=0.01)}


# Golden files.


def some_golden(rows: Array, samples: Samples) -> Golden:
    about = About(
        system="some library 1.0",
        packages={"numpy": "2.0"},
        signals={"noise": digest_of_signal(samples), "silence": "0"},
        distance_db={"noise": 1e-4},
        refused={"half_a_window": "ValueError: too short"},
    )
    return Golden(about, {"noise": excerpt_of(rows)})


def test_a_golden_file_keeps_edges_middle_and_all_columns() -> None:
    rows = np.arange(100 * 40, dtype=np.float32).reshape(100, 40)
    excerpt = excerpt_of(rows)
    assert excerpt.rows.tolist() == [0, 1, 31, 50, 99]
    np.testing.assert_array_equal(excerpt.values, rows[[0, 1, 31, 50, 99]])
    np.testing.assert_array_equal(excerpt.of(rows), excerpt.values)


@pytest.mark.parametrize(("n_rows", "kept"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (33, [0, 1, 16, 31, 32])])
def test_of_few_rows_it_keeps_those_there_are(n_rows: int, kept: list[int]) -> None:
    assert excerpt_of(np.zeros((n_rows, 3))).rows.tolist() == kept


def test_of_many_columns_it_keeps_some_from_the_first_to_the_last() -> None:
    excerpt = excerpt_of(np.zeros((4, 1025), np.complex64))
    assert excerpt.values.shape == (4, 64)
    assert excerpt.columns[[0, -1]].tolist() == [0, 1024]


def test_a_golden_file_is_the_same_bytes_for_the_same_content() -> None:
    rows, samples = np.ones((3, 4), np.float32), noise(400)
    assert some_golden(rows, samples).to_bytes() == some_golden(rows.copy(), samples.copy()).to_bytes()


def test_a_golden_file_says_what_a_library_gave_or_refused() -> None:
    rows, samples = np.ones((3, 4), np.float32), noise(400)
    golden = some_golden(rows, samples)
    np.testing.assert_array_equal(golden.wanted("noise", samples).values, rows)
    with pytest.raises(DamageError, match="another signal noise"):
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
    golden = read_golden(preset)
    assert set(golden.about.signals) == set(SIGNALS)
    assert set(golden.excerpts) | set(golden.about.refused) == set(SIGNALS)
    assert len(golden.to_bytes()) < 20_000


# The yardstick.


def test_a_difference_is_told_apart_by_what_is_audible() -> None:
    scale = Scale(np.full((2, 2), 10.0), np.array([[True, True], [True, False]]))
    difference = scale.difference(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.1], [3.0, 9.0]]))
    assert difference.max_db == pytest.approx(1.0)
    assert difference.mean_db == pytest.approx(1 / 3)
    assert difference.quiet_max_db == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("found", "wanted", "apart"),
    [(np.nan, 1.0, np.inf), (1.0, np.nan, np.inf), (np.nan,) * 2 + (0,), (np.inf, np.inf, 0), (-np.inf, 0.0, np.inf)],
)
def test_what_is_no_number_is_infinitely_far_from_one(found: float, wanted: float, apart: float) -> None:
    scale = Scale(np.ones((1, 1)), np.ones((1, 1), bool))
    assert scale.difference(np.array([[found]]), np.array([[wanted]])).max_db == apart


def test_where_nothing_is_audible_nothing_is_said_of_it() -> None:
    difference = Scale(np.ones((1, 1)), np.zeros((1, 1), bool)).difference(np.ones((1, 1)), np.zeros((1, 1)))
    assert not difference.has_audible
    assert difference.quiet_max_db == 1


@pytest.mark.parametrize(
    ("preset", "decibels"),
    [
        ("librosa-logmel", 1.0),
        ("kaldi-fbank80", 10 / np.log(10)),  # ln of a power
        ("whisper-80", 10 / 0.25),  # log10 of a power, a quarter of it
        ("tf-tutorial", 20 / np.log(10)),  # ln of a magnitude
    ],
)
def test_a_unit_of_a_logarithm_is_so_many_decibels(preset: str, decibels: float) -> None:
    on_cpu()
    scale = Yardstick(preset).scale_of(noise(22_050))
    assert np.unique(scale.decibels).tolist() == [pytest.approx(decibels)]


def test_a_tone_is_audible_where_it_is_and_no_further() -> None:
    on_cpu()
    samples = SIGNALS["tone_440_hz"](16_000, 400)
    is_audible = Yardstick("kaldi-fbank80").scale_of(samples).is_audible
    assert is_audible[:, 10:14].all()
    assert not is_audible[:, 40:].any()
    assert not Yardstick("kaldi-mfcc13").scale_of(samples).is_audible.any()
