"""Each value by itself: what is refused, where, and in which words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from audiofeat.config import FEATURE_NAMES, Config, load_config
from audiofeat.config.kinds import Group
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
    assert len(models) == 19
    assert undescribed == []


def test_names_that_end_in_a_unit_have_it() -> None:
    units = {"hz": "Hz", "rate": "Hz", "samples": "samples", "seconds": "s", "frames": "frames", "db": "dB"}
    found: dict[str, object] = {}
    for field in Config.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            found |= {key: knob.json_schema_extra for key, knob in field.annotation.model_fields.items()}
    with_unit = {key: units[ending] for key in found if (ending := key.rpartition("_")[2]) in units}
    assert len(with_unit) == 18
    assert {key: found[key] for key in with_unit} == {key: {"unit": unit} for key, unit in with_unit.items()}


def test_a_config_is_frozen() -> None:
    config = load_config(LOG_MEL)
    with pytest.raises(ValueError, match="frozen"):
        config.mel.bands = 3


@pytest.mark.parametrize(
    ("group", "key", "value", "problem"),
    [
        ("audio", "sample_rate", "16000", "'16000': a whole number from 1000 to 768000, or native"),
        ("audio", "sample_rate", 16_000.0, "16000.0: a whole number from 1000 to 768000, or native"),
        (
            "audio",
            "sample_rate",
            True,
            "expected a whole number from 1000 to 768000, or native, got the truth value true",
        ),
        ("audio", "sample_rate", None, "expected a whole number from 1000 to 768000, or native, got nothing (null)"),
        ("audio", "sample_rate", 999, "999: a whole number from 1000 to 768000, or native"),
        ("audio", "sample_rate", 768_001, "768001: a whole number from 1000"),
        ("audio", "sample_rate", "natve", "; did you mean 'native'?"),
        (
            "audio",
            "channels",
            "eahc",
            "'eahc': a whole number from 0 to 1023, or one of mix, first, each; did you mean",
        ),
        ("audio", "channels", -1, "-1: a whole number from 0 to 1023, or one of mix, first, each"),
        ("audio", "channels", [0, 1], "expected a whole number from 0 to 1023, or one of mix, first, each, got a list"),
        ("audio", "chunk_seconds", 0, "0: must be at least 0.01"),
        ("audio", "trim_db", -3, "-3: must be greater than 0"),
        ("audio", "dither_seed", 2**31, "2147483648: must be at most 2147483647"),
        ("manifest", "key", "", "a name must not be empty"),
        ("manifest", "key", 3, "expected text, got 3"),
        ("manifest", "key", "k\udce9y", "expected text, got the text 'k\\udce9y', which is not Unicode"),
        ("length", "pad_to_seconds", 86_401, "86401: must be at most 86400"),
        ("length", "pad_step_seconds", 1e9, "1000000000.0: must be at most 86400"),
        ("length", "frames", 10.5, "expected a whole number, got 10.5"),
        ("log", "ref", "mx", "'mx': a number above 0, or max; did you mean 'max'?"),
        ("log", "ref", 0, "0: a number above 0, or max"),
        ("window", "values", 3, "expected a list of numbers, got 3"),
        ("window", "values", [1, "a", 2], "item 2: expected a number, got the text 'a'"),
        ("window", "values", [1, None, "a"], "item 2: expected a number, got nothing (null)  (and 1 more)"),
        ("window", "values", [math.inf], "item 1: expected a finite number, got inf"),
        ("deltas", "orders", 3, "3: one of 0, 1, 2"),
        ("cmvn", "eps_at", "stdadd", "'stdadd': one of std_add, var_add, std_max, var_max; did you mean 'std_add'?"),
        ("cmvn", "file", "", "a path must not be empty"),
        ("cmvn", "mean", "0", "expected a list of numbers, got the text '0'"),
        ("stack", "stride", 0, "0: must be at least 1"),
        ("audio", "scale", 0, "0: must be at least 1e-09"),
        ("audio", "scale", 1.1e9, "1100000000.0: must be at most 1000000000"),
        ("audio", "peak", 1.1e8, "110000000.0: must be at most 100000000"),
        ("audio", "dither", 1.1e9, "1100000000.0: must be at most 1000000000"),
        ("audio", "scale", True, "expected a number, got the truth value true"),
        ("audio", "scale", "1e3", "expected a number, got the text '1e3'"),
        ("audio", "scale", math.nan, "expected a finite number, got nan"),
        ("audio", "scale", math.inf, "expected a finite number, got inf"),
        ("frame", "hop_samples", 0, "0: must be at least 1"),
        ("frame", "drop_last", "no", "expected true or false, got the text 'no'"),
        ("frame", "drop_last", 1, "expected true or false, got 1"),
        ("window", "type", "han", "'han': one of rect, hann, hamming, blackman, sine; did you mean 'hann'?"),
        ("window", "type", "hanning", "; did you mean 'hann'?"),
        ("window", "type", "Povey", "; povey is hann with power: 0.85 and sampling: symmetric"),
        ("window", "type", "rectangular", "; did you mean 'rect'?"),
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
        ("energy", "floor", 0, "must be greater than 0"),
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


@pytest.mark.parametrize("values", [{}, {"features": {}}, {"features": None}])
def test_a_config_without_features_lists_those_that_there_are(values: dict[str, Any]) -> None:
    message = refusal(values)
    assert all(name in message for name in FEATURE_NAMES)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"features": {"mfccs": {}}},
            ["features.mfccs", "unknown feature; did you mean 'mfcc'?", "there are: waveform, stft"],
        ),
        ({**MFCC, "mel": {"bandz": 3}}, ["mel.bandz", "unknown key; did you mean 'bands'?", "allowed: bands, fmin_hz"]),
        ({**MFCC, "mels": {}}, ["mels", "did you mean 'mel'?", "allowed: extends, source, manifest"]),
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


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("hop_length", "'frame.hop_samples'?"),
        ("frame.hop_length", "'hop_samples'?"),
        ("mel.hop_length", "'frame.hop_samples'?"),
        ("win_length", "'frame.win_samples'?"),
        ("mel.num_mel_bins", "'bands'?"),
        ("features.mfcc.num_bins", "'mel.bands'?"),
        ("n_mfcc", "'mfcc.n'?"),
        ("mfcc.num_ceps", "'n'?"),
        ("log.top_db", "'range'?"),
        ("top_db", "'log.range'?"),
        ("audio.top_db", "'trim_db'?"),
        ("mel.low-freq", "'fmin_hz'?"),
        ("fmax", "'mel.fmax_hz'?"),
        ("audio.sr", "'sample_rate'?"),
        ("frame.sampling_rate", "'audio.sample_rate'?"),
        ("center", "'frame.align'?"),
        ("preemph", "'preemphasis.coeff'?"),
        ("features.mfcc.n_fft", "'frame.n_fft'? It is shared by all features: set it at the top level"),
        ("norm", "'spectrum.norm' or 'mel.norm'?"),
        ("mfcc.n_", "'n'?"),
    ],
)
def test_the_names_of_other_libraries_are_understood(path: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(MFCC, overrides=[f"{path}=1"])
    assert f" {path}   unknown key; did you mean {meant}  (allowed: " in str(caught.value)


@pytest.mark.parametrize("path", ["stack.n", "mel.n", "features.mfcc.mel.n"])
def test_a_letter_is_not_taken_for_another_groups_key(path: str) -> None:
    with pytest.raises(ConfigError, match=f"{path}   unknown key  ") as caught:
        load_config(MFCC, overrides=[f"{path}=1"])
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("features", "written"),
    [
        (["mfcc"], "{mfcc: {}}"),
        ("log_mel,mfcc", "{log_mel: {}, mfcc: {}}"),
        ("mfcc stft", "{mfcc: {}, stft: {}}"),
        (["mfccs", 3], "{log_mel: {}}"),
        (7, "{log_mel: {}}"),
    ],
)
def test_features_without_settings_are_written_out_in_the_message(features: object, written: str) -> None:
    message = refusal({"features": features})
    assert message.endswith(f"; write features: {written}")
    load_config(None, overrides=[f"features={written}"])


def test_arrays_do_for_lists_and_their_numbers_for_numbers() -> None:
    values = {
        **MFCC,
        "frame": {"win_samples": np.int64(3), "drop_last": np.False_},
        "window": {"values": np.array([0.5, 1, 0.25], np.float32)},
        "features": {"mfcc": {"log": {"gain": np.float32(2)}}, "mel": {"mel": {"bands": np.array(7)}}},
    }
    config = load_config(values)
    assert config.window.values == (0.5, 1.0, 0.25)
    assert (config.frame.win_samples, type(config.frame.win_samples)) == (3, int)
    listed = {**values, "window": {"values": [np.float32(0.5), 1, np.int8(0)]}}
    assert load_config(listed).window.values == (0.5, 1.0, 0.0)
    assert "item 1: expected a number, got a list" in refusal({**MFCC, "window": {"values": np.ones((2, 2))}})
    assert "item 2: expected a finite number" in refusal({**MFCC, "window": {"values": np.array([1, np.nan])}})


def test_a_key_that_is_no_text_is_refused() -> None:
    values: dict[Any, Any] = dict(MFCC)
    values[3] = 80
    assert "a key must be printable text, got 3" in refusal(values)
