"""The shipped presets: each loads, gives one feature, and says in its header where its numbers come from."""

from __future__ import annotations

import re

import pytest
from preset_settings import SETTINGS

from audiofeat.config import Config, load_config, preset_names, preset_summary, preset_text, resolve_features
from audiofeat.errors import ConfigError

OTHER_FEATURES = {"essentia-mfcc": "mfcc", "librosa-stft": "stft", "torchaudio-melspec": "mel"}
"""By preset; all others give log_mel, or mfcc where they set one of its keys."""


def test_the_presets_are_those_that_are_promised() -> None:
    assert preset_names() == sorted(SETTINGS)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_preset_differs_from_the_defaults_in_the_settings_of_its_library(name: str) -> None:
    """Its values, beside the defaults: nothing else is set, nothing is missing."""
    config, defaults = load_config(name), load_config(None, overrides=["features.mel={}"])
    found = {
        group: {key: value for key, value in getattr(config, group).model_dump().items() if value != default[key]}
        for group, default in defaults.model_dump(exclude={"source", "features"}).items()
    }
    assert {group: keys for group, keys in found.items() if keys} == SETTINGS[name]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_preset_gives_one_feature(name: str) -> None:
    (feature,) = resolve_features(load_config(name))
    assert feature == OTHER_FEATURES.get(name, "mfcc" if SETTINGS[name].get("mfcc") else "log_mel")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_preset_says_where_it_comes_from_and_how_far_it_goes(name: str) -> None:
    header = preset_text(name).partition("\n\n")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    assert "\n# Frames: " in header
    assert "\n# Not reproduced: " in header
    assert re.search(r"\d\.\d+|\b\d{6}\b|\([0-9a-f]{7}\)", preset_summary(name))
    assert preset_text(name).startswith(f"# {preset_summary(name)}\n")


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tf-tutorial'"):
        preset_text("tf-tutorials")


def test_whispers_scaling_is_the_same_number() -> None:
    log = load_config("whisper-80").log
    for value in (-10.0, -8.0, -4.0, 0.125, 1.5):
        assert log.gain * value + log.offset == (value + 4.0) / 4.0


def test_a_preset_is_a_config_like_any_other() -> None:
    assert isinstance(load_config("librosa-mfcc", overrides=["mfcc.n=13"]), Config)
