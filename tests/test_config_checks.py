"""Each rule between two keys: what is refused, where, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from audiofeat.config import load_config
from audiofeat.errors import ConfigError

MFCC: dict[str, Any] = {"features": {"mfcc": {}}}

BUT_OUTPUT = "spectrum.power, spectrum.norm, spectrum.guard, spectrum.floor"


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "at", "words"),
    [
        ({"frame": {"win_samples": 600}}, "frame.n_fft", ["n_fft is 512", "win_samples is 600", "raise n_fft"]),
        ({"mel": {"fmax_hz": 8000.5}}, "mel.fmax_hz", ["8000.5", "16000 Hz", "8000 Hz", "lower it"]),
        ({"audio": {"sample_rate": 8000}, "mel": {"fmax_hz": 7600}}, "mel.fmax_hz", ["7600", "8000 Hz", "4000 Hz"]),
        ({"mel": {"fmin_hz": 300, "fmax_hz": 300}}, "mel.fmin_hz", ["fmin_hz is 300", "fmax_hz is 300", "lower"]),
        ({"mel": {"fmin_hz": 9000}}, "mel.fmin_hz", ["fmin_hz is 9000", "8000", "half of audio.sample_rate"]),
        (
            {"store": {"format": "npy", "compression": "gzip"}},
            "store.compression",
            ["compression is gzip", "format is npy", "set format to hdf5 or compression to none"],
        ),
        (
            {"store": {"dtype": "float16"}, "features": {"stft": {}, "mfcc": {}}},
            "store.dtype",
            ["dtype is float16", "stft are complex", "set dtype to float32", "leave the feature stft out"],
        ),
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
            {"frame": {"count_by": "n_fft", "align": "center"}},
            "frame.count_by",
            ["needs align: left", "align is center", "leave count_by out"],
        ),
        ({"frame": {"tail": "extra"}}, "frame.tail", ["tail: extra needs align: center", "align is left"]),
        (
            {"frame": {"tail": "pad_hop", "align": "same"}},
            "frame.tail",
            ["tail: pad_hop needs align: left", "align is same"],
        ),
        (
            {"frame": {"tail": "pad_last", "align": "center"}},
            "frame.tail",
            ["tail: pad_last needs align: left", "align is center"],
        ),
        ({"window": {"values": [1, 1]}}, "window.values", ["holds 2 numbers", "win_samples is 400"]),
        ({"window": {"coefficient": 0.5}}, "window.coefficient", ["0.5", "type is hann", "hamming or blackman"]),
        (
            {"select": {"min_seconds": 3, "max_seconds": 2.5}},
            "select.min_seconds",
            ["min_seconds is 3", "max_seconds is 2.5", "swap them"],
        ),
        ({"audio": {"channels": 64}}, "audio.channels", ["64, counted from 0", "max_channels is 64", "raise limits"]),
        ({"mfcc": {"n": 1, "c0": "drop"}}, "mfcc.c0", ["c0: drop", "n is 1", "raise n"]),
        (
            {"deltas": {"orders": 1, "edge": "interp"}},
            "deltas.edge",
            ["interp needs form: savgol", "form is sequential", "replicate"],
        ),
        ({"cmvn": {"mode": "mean", "over": "global"}}, "cmvn.over", ["statistics of mfcc", "set file, or mean"]),
        (
            {"cmvn": {"mode": "meanvar", "over": "global"}},
            "cmvn.over",
            ["statistics of mfcc", "set file, or mean and variance"],
        ),
        (
            {"cmvn": {"mode": "meanvar", "over": "global", "mean": [0.5]}},
            "cmvn.mode",
            ["needs variance beside mean", "mode to mean"],
        ),
        ({"cmvn": {"mode": "mean", "mean": [0.5]}}, "cmvn.mean", ["over is clip", "set over to global"]),
        ({"cmvn": {"mode": "mean", "file": "x.npz"}}, "cmvn.file", ["over is clip", "leave file out"]),
        (
            {"cmvn": {"mode": "mean", "over": "global", "file": "x.npz", "mean": [1]}},
            "cmvn.file",
            ["file and mean are both given"],
        ),
        (
            {"cmvn": {"mode": "meanvar", "over": "global", "mean": [0] * 13, "variance": [1]}},
            "cmvn.variance",
            ["variance holds 1 number but mfcc has 13 columns; it needs one number a column"],
        ),
        (
            {"cmvn": {"mode": "meanvar", "over": "global", "mean": [0] * 13, "variance": [1] * 12 + [-2]}},
            "cmvn.variance",
            ["variance holds -2"],
        ),
        ({"cmvn": {"mean": [1]}}, "cmvn.mean", ["mode is none", "nothing would be normalised", "leave mean out"]),
        ({"cmvn": {"variance": [1]}}, "cmvn.variance", ["mode is none", "or leave variance out"]),
        ({"cmvn": {"file": "x.npz", "over": "global"}}, "cmvn.file", ["mode is none", "set mode to mean or meanvar"]),
        (
            {"select": {"min_seconds": 9.0}, "limits": {"max_seconds": 8.0}},
            "select.min_seconds",
            ["limits.max_seconds is 8", "every clip would be left out"],
        ),
        (
            {"select": {"min_seconds": 9.0}, "audio": {"chunk_seconds": 8.0}},
            "select.min_seconds",
            ["audio.chunk_seconds is 8", "lower min_seconds"],
        ),
        (
            {"audio": {"sample_rate": "native"}, "limits": {"max_sample_rate": 8_000}, "mel": {"fmax_hz": 4_001}},
            "mel.fmax_hz",
            ["audio at 8000 Hz", "raise limits.max_sample_rate"],
        ),
        ({"mel": {"fmin_hz": 100, "fmax_hz": 100.5}}, "mel.fmin_hz", ["is 100.0", "100.5", "range of 1 Hz at least"]),
        (
            {"frame": {"win_samples": 2}, "window": {"values": [0, 0]}},
            "window.values",
            ["every number of window.values is 0"],
        ),
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
        {"audio": {"sample_rate": "native"}, "mel": {"fmax_hz": 20_000.0}},
        {"audio": {"channels": 63}},
        {"audio": {"channels": "each", "chunk_seconds": 10.0}, "select": {"min_seconds": 10.0}},
        {"limits": {"max_seconds": 10.0}, "select": {"min_seconds": 10.0, "max_seconds": 20.0}},
        {"mel": {"fmin_hz": 7_999.0}},
        {"audio": {"sample_rate": "native"}, "limits": {"max_sample_rate": 8_000}, "mel": {"fmax_hz": 4_000.0}},
        {"select": {"min_seconds": 2.0, "max_seconds": 2.0}},
        {"length": {"pad_to_seconds": 30.0, "cut_to_seconds": 1.0, "frames": 7}},
        {"frame": {"count_by": "n_fft", "tail": "pad_hop"}},
        {"frame": {"align": "center", "tail": "extra"}},
        {"window": {"type": "hamming", "coefficient": 0.5}},
        {"frame": {"win_samples": 2}, "window": {"values": (0.5, 1.0)}},
        {"mfcc": {"n": 1, "c0": "last"}},
        {"mfcc": {"n": 2, "c0": "drop"}},
        {"deltas": {"orders": 2, "form": "savgol", "edge": "interp"}},
        {"deltas": {"edge": "interp"}},
        {"cmvn": {"over": "global", "eps": 1.0, "mean": None}},
        {"cmvn": {"mode": "mean", "over": "global", "mean": (1.0,) * 13, "variance": (-1.0,)}},
        {"cmvn": {"mode": "meanvar", "over": "global", "mean": (1e24,) * 13, "variance": (0.0, 1e-30) + (1.0,) * 11}},
        {"cmvn": {"mode": "meanvar", "over": "sliding", "window_frames": 50}},
        {"stack": {"left": 2, "stride": 3, "tail": "drop"}},
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


@pytest.mark.parametrize(
    ("feature", "group", "key", "value", "allowed"),
    [
        ("waveform", "deltas", "orders", 1, ""),
        ("waveform", "spectrum", "norm", "n_fft", ""),
        ("stft", "mel", "bands", 40, "  (allowed: spectrum.norm)"),
        ("stft", "cmvn", "mode", "mean", "  (allowed: spectrum.norm)"),
        ("stft", "spectrum", "power", 1, "  (allowed: spectrum.norm)"),
        (
            "spectrogram",
            "mfcc",
            "n",
            20,
            "  (allowed: spectrum, log.guard, log.floor, log.ref, log.range, log.gain, log.offset, deltas, cmvn)",
        ),
        ("mel", "log", "kind", "db", f"  (allowed: {BUT_OUTPUT}, mel, deltas, cmvn)"),
        ("log_mel", "mfcc", "n", 20, f"  (allowed: {BUT_OUTPUT}, mel, log, energy, deltas, cmvn)"),
    ],
)
def test_a_setting_of_its_own_that_a_feature_does_not_use_is_refused(
    feature: str, group: str, key: str, value: object, allowed: str
) -> None:
    message = refusal({"features": {feature: {group: {key: value}}}})
    assert message.endswith(f"  {group}.{key} has no effect on {feature}; leave it out{allowed}")
    assert f" features.{feature}.{group}.{key} " in message
    assert feature in load_config({group: {key: value}, "features": {feature: {}, "mfcc": {}}}).features


def test_shared_statistics_may_be_for_one_feature_alone() -> None:
    shared = {"mode": "mean", "over": "global", "mean": [1.0] * 13}
    config = load_config({"cmvn": shared, "features": {"mfcc": {}, "mel": {"cmvn": {"over": "clip"}}}})
    assert config.cmvn.mean == (1.0,) * 13
    message = refusal({"cmvn": shared, "features": {"mfcc": {"cmvn": {"over": "clip"}}}})
    assert "mean is given but over is clip" in message


def test_a_feature_without_statistics_of_its_own_is_named() -> None:
    message = refusal({"cmvn": {"mode": "mean", "over": "global"}, "features": {"mfcc": {}, "mel": {}, "stft": {}}})
    assert "the statistics of mel," in message
    assert "the statistics of mfcc," in message
    assert message.startswith("config: 2 problems\n")


def test_a_rule_about_a_group_that_no_feature_uses_is_not_checked() -> None:
    assert load_config({"mel": {"fmax_hz": 9000}, "features": {"spectrogram": {}}}).mel.fmax_hz == 9000
    assert load_config({"mel": {"bands": 5}, "features": {"log_mel": {}}}).mel.bands == 5
