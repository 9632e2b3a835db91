"""Each value by itself and each rule between two keys: what is refused, where, and in which words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import BaseModel

from audiofeat.config import FEATURE_NAMES, Config, load_config
from audiofeat.config.models import Group
from audiofeat.errors import ConfigError

LOG_MEL: dict[str, Any] = {"features": {"log_mel": {}}}
MFCC: dict[str, Any] = {"features": {"mfcc": {}}}


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    return str(caught.value)


def test_the_defaults_are_those_that_the_readme_promises() -> None:
    config = load_config(LOG_MEL)
    assert (config.audio.sample_rate, config.frame.win_samples, config.frame.hop_samples) == (16_000, 400, 160)
    assert (config.frame.n_fft, config.mel.bands, config.mel.fmax_hz, config.log.floor) == (512, 80, None, 1e-10)
    assert (config.store.format, config.compute.tape_slots, config.mfcc.n) == ("hdf5", 2_048, 13)


def test_every_knob_is_described() -> None:
    groups = [Config, *(field.annotation for field in Config.model_fields.values())]
    models = [group for group in groups if isinstance(group, type) and issubclass(group, BaseModel)]
    undescribed = [
        f"{model.__name__}.{key}"
        for model in models
        for key, field in model.model_fields.items()
        if not field.description
    ]
    assert len(models) == 13
    assert undescribed == []


def test_names_that_end_in_a_unit_have_it() -> None:
    units = {"hz": "Hz", "rate": "Hz", "samples": "samples", "seconds": "s"}
    found: dict[str, object] = {}
    for field in Config.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            found |= {key: knob.json_schema_extra for key, knob in field.annotation.model_fields.items()}
    with_unit = {key: units[ending] for key in found if (ending := key.rpartition("_")[2]) in units}
    assert len(with_unit) == 8
    assert {key: found[key] for key in with_unit} == {key: {"unit": unit} for key, unit in with_unit.items()}


def test_a_config_is_frozen() -> None:
    config = load_config(LOG_MEL)
    with pytest.raises(ValueError, match="frozen"):
        config.mel.bands = 3


@pytest.mark.parametrize(
    ("group", "key", "value", "problem"),
    [
        ("audio", "sample_rate", "16000", "expected a whole number, got the text '16000'"),
        ("audio", "sample_rate", 16_000.0, "expected a whole number, got 16000.0"),
        ("audio", "sample_rate", True, "expected a whole number, got the truth value true"),
        ("audio", "sample_rate", None, "expected a whole number, got nothing (null)"),
        ("audio", "sample_rate", 999, "999: must be at least 1000"),
        ("audio", "sample_rate", 768_001, "768001: must be at most 768000"),
        ("audio", "scale", 0, "0: must be greater than 0"),
        ("audio", "scale", True, "expected a number, got the truth value true"),
        ("audio", "scale", "1e3", "expected a number, got the text '1e3'"),
        ("audio", "scale", math.nan, "expected a finite number, got nan"),
        ("audio", "scale", math.inf, "expected a finite number, got inf"),
        ("frame", "hop_samples", 0, "0: must be at least 1"),
        ("frame", "drop_last", "no", "expected true or false, got the text 'no'"),
        ("frame", "drop_last", 1, "expected true or false, got 1"),
        ("window", "type", "han", "'han': one of rect, hann, hamming, blackman; did you mean 'hann'?"),
        ("window", "power", 0.0, "must be greater than 0"),
        ("preemphasis", "coeff", 1.1, "1.1: must be at most 1"),
        ("spectrum", "power", 3, "3: one of 1, 2"),
        ("spectrum", "power", 2.0, "expected a whole number, got 2.0"),
        ("mfcc", "lifter_base", True, "expected a whole number, got the truth value true"),
        ("mel", "bands", [1], "expected a whole number, got a list"),
        ("mel", "bands", {"a": 1}, "expected a whole number, got a group of keys"),
        ("mel", "fmax_hz", -1, "-1: must be greater than 0"),
        ("log", "floor", 0.0, "must be greater than 0"),
        ("log", "range", 0, "must be greater than 0"),
        ("mfcc", "energy_floor", 0, "must be greater than 0"),
        ("compute", "tape_slots", 255, "must be at least 256"),
        ("compute", "tape_slots", 65_537, "must be at most 65536"),
        ("store", "shard_clips", 0, "must be at least 1"),
        ("store", "path", 3, "expected a path as text, got 3"),
        ("store", "path", "", "must not be empty"),
        ("limits", "max_seconds", "86400", "expected a number, got the text '86400'"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(group: str, key: str, value: object, problem: str) -> None:
    message = refusal({**LOG_MEL, group: {key: value}})
    assert message.startswith("config: 1 problem\n")
    assert f" {group}.{key} " in message
    assert problem in message


def test_whole_numbers_do_for_real_ones() -> None:
    config = load_config({**LOG_MEL, "mel": {"fmin_hz": 20, "fmax_hz": 8000}, "log": {"range": 80}})
    assert isinstance(config.mel.fmax_hz, float)
    assert config.log.range == 80.0


def test_a_path_need_not_be_unicode() -> None:
    assert load_config({**LOG_MEL, "source": "caf\udce9"}).source == "caf\udce9"


@pytest.mark.parametrize(
    ("values", "at", "words"),
    [
        ({"frame": {"win_samples": 600}}, "frame.n_fft", ["n_fft is 512", "win_samples is 600", "raise n_fft"]),
        ({"mel": {"fmax_hz": 8000.5}}, "mel.fmax_hz", ["8000.5", "16000 Hz", "8000 Hz", "lower it"]),
        ({"audio": {"sample_rate": 8000}, "mel": {"fmax_hz": 7600}}, "mel.fmax_hz", ["7600", "8000 Hz", "4000 Hz"]),
        ({"mel": {"fmin_hz": 300, "fmax_hz": 300}}, "mel.fmin_hz", ["fmin_hz is 300", "fmax_hz is 300", "lower"]),
        ({"mel": {"fmin_hz": 9000}}, "mel.fmin_hz", ["fmin_hz is 9000", "8000", "half of audio.sample_rate"]),
        ({"mel": {"bands": 12}}, "mfcc.n", ["mfcc.n is 13", "mel.bands is 12", "lower mfcc.n or raise mel.bands"]),
        ({"frame": {"drop_last": True}}, "frame.drop_last", ["align: center", "align is left", "leave drop_last out"]),
        ({"frame": {"pad": "reflect"}}, "frame.pad", ["pad is reflect", "align is left", "pad to zero"]),
        ({"frame": {"pad": "symmetric"}}, "frame.pad", ["pad is symmetric", "align is left"]),
        (
            {"frame": {"align": "same", "hop_samples": 161}},
            "frame.align",
            ["n_fft is 512", "hop_samples is 161", "even"],
        ),
        ({"frame": {"align": "same", "hop_samples": 600}}, "frame.align", ["n_fft is 512", "hop_samples is 600"]),
        (
            {"limits": {"min_sample_rate": 9000, "max_sample_rate": 8000}},
            "limits.min_sample_rate",
            ["min_sample_rate is 9000", "max_sample_rate is 8000", "swap them"],
        ),
    ],
)
def test_two_keys_that_do_not_go_together_are_refused(values: dict[str, Any], at: str, words: list[str]) -> None:
    message = refusal({**MFCC, **values})
    assert message.startswith("config: 1 problem\n")
    assert f" {at} " in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "values",
    [
        {"frame": {"align": "center", "drop_last": True, "pad": "reflect"}},
        {"frame": {"align": "hop_center", "pad": "symmetric"}},
        {"frame": {"align": "same", "pad": "reflect", "hop_samples": 512}},
        {"frame": {"align": "left", "pad": "zero", "hop_samples": 600}},
        {"frame": {"win_samples": 512}},
        {"mel": {"bands": 13}},
        {"mel": {"fmax_hz": 8000}},
        {"window": {"type": "hamming"}},
        {"window": {"type": "blackman", "sampling": "half_sample"}},
        {"limits": {"min_sample_rate": 8000, "max_sample_rate": 8000}},
    ],
)
def test_what_just_goes_together_is_accepted(values: dict[str, Any]) -> None:
    config = load_config({**MFCC, **values})
    for group, keys in values.items():
        assert getattr(config, group).model_dump(include=set(keys)) == keys


def test_a_rule_is_reported_at_the_features_own_key() -> None:
    message = refusal({"features": {"log_mel": {}, "mfcc": {"mel": {"bands": 12}}}})
    assert " features.mfcc.mel.bands " in message
    message = refusal({"mel": {"bands": 12}, "features": {"mfcc": {"mfcc": {"n": 20}}}})
    assert " features.mfcc.mfcc.n " in message
    message = refusal({"features": {"mel": {"mel": {"fmax_hz": 9000}}, "log_mel": {}}})
    assert " features.mel.mel.fmax_hz " in message


def test_a_rule_that_several_features_break_alike_is_reported_once() -> None:
    message = refusal({"mel": {"fmax_hz": 9000}, "features": {"mel": {}, "log_mel": {}, "mfcc": {}}})
    assert message.startswith("config: 1 problem\n")


def test_a_rule_about_a_group_that_no_feature_uses_is_not_checked() -> None:
    assert load_config({"mel": {"fmax_hz": 9000}, "features": {"spectrogram": {}}}).mel.fmax_hz == 9000
    assert load_config({"mel": {"bands": 5}, "features": {"log_mel": {}}}).mel.bands == 5


@pytest.mark.parametrize("values", [{}, {"features": {}}, {"features": None}])
def test_a_config_without_features_lists_those_that_there_are(values: dict[str, Any]) -> None:
    message = refusal(values)
    assert all(name in message for name in FEATURE_NAMES)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"features": {"mfccs": {}}}, ["features.mfccs", "unknown feature; did you mean 'mfcc'?", "spectrogram, mel"]),
        ({**MFCC, "mel": {"bandz": 3}}, ["mel.bandz", "unknown key; did you mean 'bands'?", "allowed: bands, fmin_hz"]),
        ({**MFCC, "mels": {}}, ["mels", "did you mean 'mel'?", "allowed: source, audio"]),
        ({**MFCC, "n_fft": 512}, ["n_fft", "did you mean 'frame.n_fft'?"]),
        ({**MFCC, "log_mel": {}}, ["log_mel", "it belongs under 'features'"]),
        ({"features": {"mfcc": {"frame": {}}}}, ["features.mfcc.frame", "shared by all features", "top level"]),
        ({"features": {"mfcc": {"n": 20}}}, ["features.mfcc.n", "did you mean 'mfcc.n'?"]),
        ({"features": {"mfcc": {"mel": {"band": 20}}}}, ["features.mfcc.mel.band", "did you mean 'bands'?"]),
        ({**MFCC, "xyzzy": 1}, ["xyzzy", "unknown key  (allowed"]),
        ({"features": ["mfcc"]}, ["features", "expected a group of keys", "got a list"]),
        ({**MFCC, "mel": 80}, ["mel", "expected a group of keys (bands, fmin_hz", "got 80"]),
        ({**MFCC, "a\x1b[2J": 80}, ["a key must be printable text"]),
        ({**MFCC, "window": {"type": "han\udce9"}}, ["window.type", "'han\\udce9'", "did you mean 'hann'?"]),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_known_one(values: dict[str, Any], words: list[str]) -> None:
    message = refusal(values)
    for word in words:
        assert word in message


def test_a_key_that_is_no_text_is_refused() -> None:
    values: dict[Any, Any] = dict(MFCC)
    values[3] = 80
    assert "a key must be printable text, got 3" in refusal(values)
