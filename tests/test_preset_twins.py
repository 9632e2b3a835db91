"""Every preset over every signal, in float64: its rows are those of the slow twin that reads the same YAML.

The twin says what the settings mean, not what the library does: audiofeat.parity compares with that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml
from laying import features_of, frontend_of, only_feature
from preset_signals import preset_signals, signals
from preset_twins import KNOBS, config_twin, knobs_of, preset_twin
from twins import Array, Knobs, Real

from audiofeat.config import preset_text
from audiofeat.config.knobs import knobs

# 2e-5 is promised. Measured: 4.1e-9, where the noiseless chirp leaves a band of Kaldi's empty, 140 dB below the frame's
# loudest; 1e-11 elsewhere.
TOLERANCE_DB = 1e-6
DB_PER_NEPER = 20.0 / math.log(10.0)


def knobs_of_preset(preset: str) -> tuple[str, Knobs]:
    return knobs_of(yaml.safe_load(preset_text(preset)))


def decibels(apart: Real, rows: Array, *, feature: str, k: Knobs) -> Real:
    """Differences of a feature's values, told in decibels of the spectrum that they come from.

    Where columns are divided by their deviation, which is some decibels, that is taken for one.
    """
    if k["cmvn.mode"] == "meanvar":
        return apart
    exponent = k["spectrum.power"] / (2 if k["mel.sqrt"] else 1)
    if feature in ("stft", "mel"):
        loudest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
        of_the_loudest: Real = apart / np.where(loudest > 0, loudest, 1.0)
        return of_the_loudest * DB_PER_NEPER / (1 if feature == "stft" else exponent)
    unit_db = {"ln": DB_PER_NEPER / exponent, "log10": 20.0 / exponent, "db": 1.0}[k["log.kind"]]
    told: Real = apart * (unit_db / abs(k["log.gain"]))
    return told


@pytest.mark.parametrize(("preset", "signal"), preset_signals())
def test_in_float64_a_preset_is_the_slow_twin_of_its_settings(preset: str, signal: str) -> None:
    frontend = frontend_of(preset, "compute.precision=float64")
    samples = signals(preset)[signal]()
    found, wanted = only_feature(features_of(frontend, [samples])[0]), preset_twin(preset, samples)
    feature, k = knobs_of_preset(preset)
    assert found.dtype == (np.complex128 if feature == "stft" else np.float64)
    assert found.shape == wanted.shape
    assert np.isfinite(found).all()
    apart = decibels(np.abs(found - wanted), wanted, feature=feature, k=k)
    assert apart.max(initial=0.0) <= TOLERANCE_DB


def test_what_a_configuration_leaves_out_is_the_same_on_both_sides() -> None:
    defaults = {knob.name: knob.default for knob in knobs()}
    assert {name: defaults[name] for name in KNOBS} == KNOBS


@pytest.mark.parametrize(
    ("config", "unknown"),
    [
        ({"features": {"mel": {}}, "mel": {"bandz": 3}}, "mel.bandz"),
        ({"features": {"mel": {}}, "cmvn": {"mode": "mean", "over": "sliding"}}, "cmvn.over sliding"),
        ({"features": {"mfcc": {"deltas": {"orders": 2, "form": "savgol", "edge": "interp"}}}}, "deltas.edge interp"),
        ({"features": {"log_mel": {}}, "audio": {"dither": 1.0}}, "audio.dither"),
    ],
)
def test_the_twin_passes_over_no_setting_that_it_does_not_know(config: dict[str, Any], unknown: str) -> None:
    with pytest.raises(KeyError, match=f"the twin does not know {unknown}"):
        config_twin(config, np.ones(1_000, np.float32))
