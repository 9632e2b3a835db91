"""Recipes: what a configuration comes to, feature by feature, and what only they can refuse."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from audiofeat.config import Config, load_config
from audiofeat.dsp import chain as steps
from audiofeat.dsp.signal import SignalSteps
from audiofeat.dsp.tail import Cmvn, Deltas, FixedLength, Stack
from audiofeat.errors import ClipError, ConfigError
from audiofeat.frontend.recipe import empty_band_warnings, feature_specs, recipe_of

ALL: dict[str, Any] = {name: {} for name in ("waveform", "stft", "spectrogram", "mel", "log_mel", "mfcc")}


def config_of(features: dict[str, Any] = ALL, **groups: dict[str, Any]) -> Config:
    return load_config({"features": features, **groups})


def test_features_are_described_as_the_store_holds_them() -> None:
    config = config_of(deltas={"orders": 1}, stack={"right": 2, "stride": 3}, spectrum={"power": 1})
    assert [(s.name, s.dims, s.dtype, s.unit, s.frame_rate_hz) for s in feature_specs(config)] == [
        ("log_mel", 480, "float32", "ln magnitude", 100 / 3),
        ("mel", 480, "float32", "magnitude", 100 / 3),
        ("mfcc", 78, "float32", "cepstrum of ln magnitude", 100 / 3),
        ("spectrogram", 1542, "float32", "power", 100 / 3),
        ("stft", 771, "complex64", "complex amplitude", 100 / 3),
        ("waveform", 1200, "float32", "amplitude", 100 / 3),
    ]


def test_in_float64_all_is_of_that_precision() -> None:
    config = config_of(compute={"precision": "float64"})
    assert {s.dtype for s in feature_specs(config)} == {"float64", "complex128"}


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        ({"log": {"kind": "db"}}, "dB"),
        ({"log": {"kind": "db", "ref": "max"}}, "dB below the clip's maximum"),
        ({"log": {"kind": "log10", "ref": 0.5, "gain": 0.25, "offset": 1.0}}, "log10 power re 0.5 * 0.25 + 1"),
        ({"mel": {"sqrt": True}}, "ln magnitude"),
        ({"cmvn": {"mode": "meanvar"}}, "ln power, normalised"),
    ],
)
def test_units_say_what_the_logarithm_is_of(groups: dict[str, Any], unit: str) -> None:
    assert feature_specs(config_of({"log_mel": {}}, **groups))[0].unit == unit


def test_only_parameters_get_deltas_and_normalisation_but_all_are_stacked_and_cut() -> None:
    config = config_of(
        deltas={"orders": 2, "window": 4, "form": "savgol", "edge": "interp"},
        cmvn={"mode": "mean", "over": "sliding", "center": True},
        stack={"left": 1},
        length={"frames": 99, "pad_value": -1.0},
    )
    tails = recipe_of(config).tails
    last = (Stack(1, 0, 1, "replicate", "pad"), FixedLength(99, -1.0))
    first = (Deltas(2, 4, "savgol", "interp"), Cmvn("mean", "sliding", 0, 0.0, "std_add", 600, 100, True, None, None))
    assert {name: tail for name, tail in tails.items() if tail != (*first, *last)} == {"stft": last, "waveform": last}
    assert recipe_of(config).fewest_frames == 9


def test_a_tail_of_inert_steps_is_empty() -> None:
    recipe = recipe_of(config_of())
    assert set(recipe.tails.values()) == {()}
    assert recipe.fewest_frames == 1
    assert recipe.signal == SignalSteps()


def test_a_feature_may_have_deltas_of_its_own_and_share_all_before_them() -> None:
    recipe = recipe_of(config_of({"log_mel": {"deltas": {"orders": 1}}, "mfcc": {}}, log={"range": 8.0}))
    assert [len(recipe.tails[name]) for name in ("log_mel", "mfcc")] == [1, 0]
    assert recipe.chains["mfcc"][: len(recipe.chains["log_mel"])] == recipe.chains["log_mel"]
    assert recipe.pending.width == 80


def test_energies_of_other_kinds_wait_beside_the_bands() -> None:
    config = config_of(
        {"log_mel": {"energy": {"column": "last", "source": "windowed"}}, "mfcc": {"mfcc": {"c0": "energy"}}},
        log={"ref": "max"},
    )
    pending = recipe_of(config).pending
    assert pending.width == 82
    assert [chain[-1] for chain in pending.columns if isinstance(chain[-1], steps.LogEnergy)] == [
        steps.LogEnergy("windowed", 2.0**-23),
        steps.LogEnergy("raw_frame", 2.0**-23),
    ]


def test_a_range_below_the_maximum_needs_no_maximum_twice() -> None:
    chain = recipe_of(config_of({"log_mel": {}}, log={"ref": "max", "range": 8.0})).chains["log_mel"]
    assert chain[-2:] == (steps.BelowMax(), steps.AtLeast(-8.0))


def test_what_is_done_to_the_signal_is_left_to_the_host() -> None:
    config = config_of(
        audio={"quantize": "int16", "dither": 2.0, "scale": 32768.0, "dither_seed": 7, "sample_rate": 8_000},
        length={"pad_to_seconds": 0.5, "pad_step_seconds": 0.25, "pad_with": "repeat", "cut_to_seconds": 1.00001},
        preemphasis={"coeff": 0.97, "scope": "signal", "first": "keep"},
    )
    recipe = recipe_of(config)
    assert recipe.preemphasis_coeff == 0.0
    assert recipe.signal == SignalSteps(True, 4_000, 2_000, "repeat", 8_000, 2.0 / 32768.0, 7, 0.97, "keep")


# Native rates


def test_a_native_rate_must_be_told() -> None:
    with pytest.raises(ValueError, match=r"audio\.sample_rate is native: a recipe needs the sample rate of its clips"):
        recipe_of(config_of(audio={"sample_rate": "native"}))


def test_at_native_rates_each_has_its_filterbank_and_all_have_the_same_features() -> None:
    config = config_of(audio={"sample_rate": "native"})
    low, high = (recipe_of(config, sample_rate_hz=rate_hz) for rate_hz in (11_025, 44_100))
    assert [steps.Mel(80, 0.0, top, "htk", "mel", "none") for top in (5512.5, 22_050.0)] == [
        low.chains["mel"][-1],
        high.chains["mel"][-1],
    ]
    assert low.feature_specs() == high.feature_specs() == feature_specs(config)
    assert {spec.frame_rate_hz for spec in feature_specs(config)} == {None}


def test_a_configured_rate_stands_over_the_clips() -> None:
    assert recipe_of(config_of(), sample_rate_hz=44_100).sample_rate_hz == 16_000


@pytest.mark.parametrize(
    ("mel", "problem", "hint"),
    [
        (
            {"fmax_hz": 7_600.0},
            "mel.fmax_hz is 7600 but the clip's 8000 Hz hold nothing above 4000",
            "lower mel.fmax_hz",
        ),
        (
            {"fmin_hz": 4_000.0},
            "mel.fmin_hz is 4000 but the clip's 8000 Hz hold nothing above 4000",
            "lower mel.fmin_hz",
        ),
        (
            {"empty": "error", "bands": 256},
            "at 8000 Hz, log_mel: 10 of 256 mel bands hold no FFT bin and would be constant",
            "a larger frame.n_fft",
        ),
    ],
)
def test_a_clip_whose_rate_is_too_low_for_the_bands_is_refused(mel: dict[str, Any], problem: str, hint: str) -> None:
    config = config_of({"log_mel": {}}, audio={"sample_rate": "native"}, mel=mel)
    with pytest.raises(ClipError) as raised:
        recipe_of(config, sample_rate_hz=8_000)
    assert raised.value.reason == "input.sample-rate"
    assert raised.value.problem.startswith(problem)
    assert raised.value.hint.startswith(hint)
    spacious = {**mel, "bands": 8}
    config = config_of({"log_mel": {}}, audio={"sample_rate": "native"}, mel=spacious)
    assert recipe_of(config, sample_rate_hz=16_000).sample_rate_hz == 16_000


def test_spectra_have_no_bands_to_refuse() -> None:
    config = config_of({"stft": {}, "spectrogram": {}}, audio={"sample_rate": "native"}, mel={"fmax_hz": 7_600.0})
    assert recipe_of(config, sample_rate_hz=8_000).sample_rate_hz == 8_000


# What is refused before any clip


def test_global_statistics_must_be_one_a_column() -> None:
    cmvn = {"mode": "mean", "over": "global", "mean": [0.0] * 160}
    config = config_of({"log_mel": {"deltas": {"orders": 1}}}, cmvn=cmvn)
    assert feature_specs(config)[0].dims == 160
    unchecked = config.model_copy(update={"mel": config.mel.model_copy(update={"bands": 40})})
    for refuse in (recipe_of, feature_specs):
        with pytest.raises(ValueError, match="log_mel: the global statistics of cmvn are of 160 columns, not 80"):
            refuse(unchecked)


def test_empty_bands_are_told_of_once_a_feature() -> None:
    config = config_of(mel={"sides": "bin_floor"})
    warnings = empty_band_warnings(config)
    assert [warning.partition(":")[0] for warning in warnings] == ["log_mel", "mel", "mfcc"]
    assert "1 of 80 mel bands holds no FFT bin and would be constant (band 2, counted from 0)" in warnings[0]
    with pytest.raises(ConfigError, match=r"^mel\.bands: log_mel: 1 of 80 mel bands .*, and mel\.empty is error"):
        empty_band_warnings(config_of(mel={"sides": "bin_floor", "empty": "error"}))
    own = {"mfcc": {"mel": {"bands": 200, "empty": "error"}}}
    with pytest.raises(ConfigError, match=r"^features\.mfcc\.mel\.bands: mfcc: "):
        empty_band_warnings(config_of(own))
    assert empty_band_warnings(config_of(audio={"sample_rate": "native"}, mel={"bands": 4_096})) == []


def test_a_recipe_is_written_without_tensorflow() -> None:
    program = (
        "import sys; from audiofeat.config import load_config; from audiofeat.frontend.recipe import recipe_of; "
        "recipe_of(load_config('whisper-80')); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
