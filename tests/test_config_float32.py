"""Settings that float32 cannot hold: refused where they act, in float32, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from audiofeat.config import load_config
from audiofeat.config.float32_checks import LARGEST, SMALLEST
from audiofeat.errors import ConfigError

GLOBAL = {"mode": "meanvar", "over": "global"}


def refusal(*overrides: str, feature: str = "mfcc") -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides=[f"features.{feature}={{}}", *overrides])
    return str(caught.value)


def accept(*overrides: str, feature: str = "mfcc") -> None:
    assert list(load_config(None, overrides=[f"features.{feature}={{}}", *overrides]).features) == [feature]


def test_the_limits_are_numpys() -> None:
    limits = np.finfo(np.float32)
    assert (float(limits.tiny), float(limits.max)) == (SMALLEST, LARGEST)


@pytest.mark.parametrize(
    ("key", "value", "on", "off"),
    [
        ("log.floor", "1e-50", ("mfcc", ""), ("mel", "")),
        ("log.floor", "1.17e-38", ("spectrogram", "spectrum.output=db"), ("spectrogram", "spectrum.output=power")),
        ("log.floor", "2e24", ("log_mel", ""), ("waveform", "")),
        ("log.gain", "-1e39", ("log_mel", ""), ("mel", "")),
        ("log.gain", "1e-60", ("log_mel", ""), ("stft", "")),
        ("log.offset", "-1e39", ("spectrogram", "spectrum.output=ln"), ("spectrogram", "")),
        ("log.ref", "1e39", ("mfcc", ""), ("mel", "")),
        ("log.range", "1e39", ("mfcc", ""), ("mel", "")),
        ("spectrum.floor", "1e-40", ("mel", "spectrum.guard=max"), ("mel", "")),
        ("spectrum.floor", "1e39", ("spectrogram", "spectrum.guard=add"), ("stft", "spectrum.guard=add")),
        ("energy.floor", "1e-40", ("mfcc", "mfcc.c0=energy"), ("mfcc", "")),
        ("energy.floor", "1e-40", ("log_mel", "energy.column=last"), ("log_mel", "mfcc.c0=energy")),
        ("length.pad_value", "-1e39", ("stft", "length.frames=9"), ("stft", "")),
    ],
)
def test_a_number_is_refused_where_it_acts_in_float32(
    key: str, value: str, on: tuple[str, str], off: tuple[str, str]
) -> None:
    feature, setting = on
    others = [setting] if setting else []
    message = refusal(*others, f"{key}={value}", feature=feature)
    is_small = abs(float(value)) < 1
    problem = "which is 0 in float32; raise it, or" if is_small else "too large for float32; at most"
    assert f"  --set   {key}   {key} is {float(value):g}, {problem}" in message
    assert message.endswith("or set compute.precision: float64")
    assert message.startswith("config with --set: 1 problem\n")
    accept(*others, f"{key}={value}", "compute.precision=float64", feature=feature)
    feature, setting = off
    accept(*([setting] if setting else []), f"{key}={value}", feature=feature)


@pytest.mark.parametrize(
    "setting",
    [
        f"log.floor={SMALLEST!r}",
        "log={ref: max, floor: 1e24}",
        "log={gain: 1e24, offset: -1e24}",
        "log.gain=0",
        f"length={{frames: 9, pad_value: {-LARGEST!r}}}",
        "audio={peak: 1e8, scale: 32768}",
        "audio.scale=1e9",
        "audio.scale=1e-9",
    ],
)
def test_what_float32_just_holds_is_accepted(setting: str) -> None:
    accept(setting)


def test_it_is_reported_at_the_features_own_key_and_once_for_shared_ones() -> None:
    assert "  features.mel.spectrum.floor   " in refusal(
        "features.mel={spectrum: {floor: 1e-50, guard: max}}", feature="stft"
    )
    both = refusal("features={mfcc: {}, log_mel: {}}", "log.floor=1e-50")
    assert both.startswith("config with --set: 1 problem\n")


def test_powers_of_the_loudest_sample_stay_finite() -> None:
    message = refusal("audio.peak=1e8", "audio.scale=65536")
    assert "audio.scale (65536) times audio.peak (1e+08) is 6.5536e+12, whose power float32 does not hold" in message
    accept("audio.peak=1e8", "audio.scale=65536", "compute.precision=float64")
    accept("audio.peak=1e8", "audio.scale=65536", feature="waveform")
    window = ("frame.win_samples=2", "window.values=[1e4, -1e5]")
    message = refusal(*window, "audio.scale=1e8")
    assert "audio.scale (1e+08) times window.values (100000) is 1e+13" in message
    accept(*window, "audio.scale=1e7")


def test_a_window_must_not_be_too_quiet_to_divide_by() -> None:
    quiet = ("frame.win_samples=2", "window.values=[1e-30, 0]")
    assert "window.values reach 1e-30 only; float32 needs 1e-09" in refusal(*quiet)
    accept(*quiet, "compute.precision=float64")


def statistics(**cmvn: Any) -> dict[str, Any]:
    return {"mfcc": {"n": 2}, "features": {"mfcc": {"cmvn": {**GLOBAL, "mean": [0, 0], **cmvn}}}}


@pytest.mark.parametrize(
    ("cmvn", "key", "problem"),
    [
        ({"variance": [1, 1e-40]}, "variance", "holds 1e-40, by whose root float32 cannot divide; make it 0"),
        ({"variance": [1, 1e-40], "eps": 1e-16}, "variance", "holds 1e-40, by whose root"),
        ({"variance": [1, 0], "eps": 1e-40}, "eps", "is 1e-40, by which float32 cannot divide"),
        ({"variance": [1, 0], "eps": 1e-31, "eps_at": "var_add"}, "eps", "is 1e-31, by which"),
        ({"variance": [1, 1], "mean": [1e25, 0]}, "mean", "holds 1e+25, too large for float32; at most 1e+24"),
    ],
)
def test_statistics_that_leave_float32_are_refused(cmvn: dict[str, Any], key: str, problem: str) -> None:
    values = statistics(**cmvn)
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    assert f"config: 1 problem\n  -   features.mfcc.cmvn.{key}   {key} {problem}" in str(caught.value)
    assert load_config({**values, "compute": {"precision": "float64"}}).mfcc.n == 2


@pytest.mark.parametrize(
    "cmvn",
    [
        {"variance": [1, 0]},
        {"variance": [1, 1e-30]},
        {"variance": [0, 1e-40], "eps": 1e-5},
        {"variance": [0, 1e-40], "eps": 1e-10, "eps_at": "var_max"},
        {"variance": [1, 1], "eps": 1e-40},
        {"variance": [1, 1e-40], "mode": "mean"},
    ],
)
def test_a_deviation_of_nothing_or_of_enough_is_accepted(cmvn: dict[str, Any]) -> None:
    assert load_config(statistics(**cmvn)).mfcc.n == 2
