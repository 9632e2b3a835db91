"""The shipped presets: each loads, gives one feature, and says in its header where its numbers come from."""

from __future__ import annotations

import re
from typing import Any

import pytest

from audiofeat.config import Config, load_config, preset_names, preset_summary, preset_text, resolve_features
from audiofeat.errors import ConfigError

EXPECTED: dict[str, dict[str, dict[str, Any]]] = {
    "dali-logmel": {
        "audio": {"sample_rate": 22_050},
        "frame": {"win_samples": 2_048, "hop_samples": 512, "n_fft": 2_048, "align": "center", "pad": "reflect"},
        "window": {"sampling": "half_sample"},
        "mel": {"bands": 128, "fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "db", "floor": 2.0**-126, "ref": "max", "range": 80.0},
    },
    "essentia-mfcc": {
        "audio": {"sample_rate": 44_100},
        "frame": {"win_samples": 1_024, "hop_samples": 512, "n_fft": 1_024, "align": "center", "tail": "extra"},
        "window": {"sampling": "symmetric"},
        "spectrum": {"norm": "window_sum"},
        "mel": {"bands": 40, "fmax_hz": 11_000.0, "norm": "unit_sum"},
        "log": {"kind": "db", "gain": 2.0},
    },
    "htk-mfcc-0-d-a": {
        "audio": {"scale": 32_768.0},
        "window": {"type": "hamming", "sampling": "symmetric"},
        "preemphasis": {"coeff": 0.97},
        "spectrum": {"power": 1},
        "mel": {"bands": 26, "edge_bins": "htk"},
        "log": {"floor": 1.0},
        "mfcc": {"dct": "htk", "lifter": 22.0, "c0": "last"},
        "deltas": {"orders": 2},
    },
    "opensmile-mfcc-0-d-a": {
        "audio": {"scale": 32_768.0},
        "window": {"type": "hamming", "sampling": "symmetric"},
        "preemphasis": {"coeff": 0.97},
        "mel": {"bands": 26, "edge_bins": "htk"},
        "log": {"floor": 1.0},
        "mfcc": {"dct": "htk", "lifter": 22.0, "c0": "last"},
        "deltas": {"orders": 2, "form": "open_end"},
    },
    "vggish": {
        "spectrum": {"power": 1},
        "mel": {"bands": 64, "fmin_hz": 125.0, "fmax_hz": 7_500.0},
        "log": {"guard": "add", "floor": 0.01},
    },
    "yamnet": {
        "length": {"pad_to_seconds": 0.975, "pad_step_seconds": 0.48},
        "spectrum": {"power": 1},
        "mel": {"bands": 64, "fmin_hz": 125.0, "fmax_hz": 7_500.0},
        "log": {"guard": "add", "floor": 0.001},
    },
    "tacotron2": {
        "audio": {"sample_rate": 22_050},
        "frame": {"win_samples": 1_024, "hop_samples": 256, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "spectrum": {"power": 1},
        "mel": {"fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"floor": 1e-5},
    },
    "hifigan": {
        "audio": {"sample_rate": 22_050},
        "frame": {"win_samples": 1_024, "hop_samples": 256, "n_fft": 1_024, "align": "same", "pad": "reflect"},
        "spectrum": {"power": 1, "guard": "add", "floor": 1e-9},
        "mel": {"fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"floor": 1e-5},
    },
    "bigvgan-24khz-100band": {
        "audio": {"sample_rate": 24_000},
        "frame": {"win_samples": 1_024, "hop_samples": 256, "n_fft": 1_024, "align": "same", "pad": "reflect"},
        "spectrum": {"power": 1, "guard": "add", "floor": 1e-9},
        "mel": {"bands": 100, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"floor": 1e-5},
    },
    "bigvgan-44khz-128band": {
        "audio": {"sample_rate": 44_100},
        "frame": {"win_samples": 2_048, "hop_samples": 512, "n_fft": 2_048, "align": "same", "pad": "reflect"},
        "spectrum": {"power": 1, "guard": "add", "floor": 1e-9},
        "mel": {"bands": 128, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"floor": 1e-5},
    },
    "librosa-logmel": {
        "audio": {"sample_rate": 22_050},
        "frame": {"win_samples": 2_048, "hop_samples": 512, "n_fft": 2_048, "align": "center"},
        "mel": {"bands": 128, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "db", "range": 80.0},
    },
    "librosa-mfcc": {
        "audio": {"sample_rate": 22_050},
        "frame": {"win_samples": 2_048, "hop_samples": 512, "n_fft": 2_048, "align": "center"},
        "mel": {"bands": 128, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "db", "range": 80.0},
        "mfcc": {"n": 20},
    },
    "librosa-stft": {
        "audio": {"sample_rate": 22_050},
        "frame": {"win_samples": 2_048, "hop_samples": 512, "n_fft": 2_048, "align": "center"},
    },
    "kaldi-fbank80": {
        "audio": {"scale": 32_768.0},
        "frame": {"remove_dc": True},
        "window": {"sampling": "symmetric", "power": 0.85},
        "preemphasis": {"coeff": 0.97},
        "mel": {"fmin_hz": 20.0},
        "log": {"floor": 2.0**-23},
    },
    "kaldi-mfcc13": {
        "audio": {"scale": 32_768.0},
        "frame": {"remove_dc": True},
        "window": {"sampling": "symmetric", "power": 0.85},
        "preemphasis": {"coeff": 0.97},
        "mel": {"bands": 23, "fmin_hz": 20.0},
        "log": {"floor": 2.0**-23},
        "mfcc": {"lifter": 22.0, "c0": "energy"},
    },
    "psf-logfbank": {
        "audio": {"scale": 32_768.0},
        "frame": {"tail": "pad_last"},
        "window": {"type": "rect"},
        "preemphasis": {"coeff": 0.97, "scope": "signal", "first": "keep"},
        "spectrum": {"norm": "n_fft"},
        "mel": {"bands": 26, "sides": "bin_floor"},
        "log": {"guard": "replace_zero", "floor": 2.0**-52},
    },
    "psf-mfcc": {
        "audio": {"scale": 32_768.0},
        "frame": {"tail": "pad_last"},
        "window": {"type": "rect"},
        "preemphasis": {"coeff": 0.97, "scope": "signal", "first": "keep"},
        "spectrum": {"norm": "n_fft"},
        "mel": {"bands": 26, "sides": "bin_floor"},
        "log": {"guard": "replace_zero", "floor": 2.0**-52},
        "mfcc": {"lifter": 22.0, "c0": "energy"},
        "energy": {"source": "spectrum", "floor": 2.0**-52},
    },
    "whisper-80": {
        "frame": {"n_fft": 400, "align": "center", "pad": "reflect", "drop_last": True},
        "mel": {"fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "log10", "range": 8.0, "gain": 0.25, "offset": 1.0},
    },
    "whisper-80-30s": {
        "length": {"pad_to_seconds": 30.0, "cut_to_seconds": 30.0},
        "frame": {"n_fft": 400, "align": "center", "pad": "reflect", "drop_last": True},
        "mel": {"fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "log10", "range": 8.0, "gain": 0.25, "offset": 1.0},
    },
    "whisper-128": {
        "frame": {"n_fft": 400, "align": "center", "pad": "reflect", "drop_last": True},
        "mel": {"bands": 128, "fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "log10", "range": 8.0, "gain": 0.25, "offset": 1.0},
    },
    "whisper-128-30s": {
        "length": {"pad_to_seconds": 30.0, "cut_to_seconds": 30.0},
        "frame": {"n_fft": 400, "align": "center", "pad": "reflect", "drop_last": True},
        "mel": {"bands": 128, "fmax_hz": 8_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "log10", "range": 8.0, "gain": 0.25, "offset": 1.0},
    },
    "ast": {
        "length": {"frames": 1_024, "pad_value": 4.2677393 / (2 * 4.5689974)},
        "frame": {"remove_dc": True},
        "window": {"sampling": "symmetric"},
        "preemphasis": {"coeff": 0.97},
        "mel": {"bands": 128, "fmin_hz": 20.0},
        "log": {"floor": 2.0**-23, "gain": 1 / (2 * 4.5689974), "offset": 4.2677393 / (2 * 4.5689974)},
    },
    "clap-fused": {
        "audio": {"sample_rate": 48_000},
        "length": {"pad_to_seconds": 10.0, "pad_with": "repeat_whole", "cut_to_seconds": 10.0},
        "frame": {"win_samples": 1_024, "hop_samples": 480, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "mel": {"bands": 64, "fmax_hz": 14_000.0, "sides": "hz"},
        "log": {"kind": "db"},
    },
    "clap-unfused": {
        "audio": {"sample_rate": 48_000},
        "length": {"pad_to_seconds": 10.0, "pad_with": "repeat_whole", "cut_to_seconds": 10.0},
        "frame": {"win_samples": 1_024, "hop_samples": 480, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "mel": {"bands": 64, "fmax_hz": 14_000.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "db"},
    },
    "seamless-m4t": {
        "audio": {"scale": 32_768.0},
        "frame": {"remove_dc": True},
        "window": {"sampling": "symmetric", "power": 0.85},
        "preemphasis": {"coeff": 0.97},
        "mel": {"fmin_hz": 20.0},
        "log": {"floor": 1.192092955078125e-07},
        "cmvn": {"mode": "meanvar", "ddof": 1, "eps": 1e-7, "eps_at": "var_add"},
        "stack": {"right": 1, "stride": 2, "edge": "zero"},
    },
    "speecht5": {
        "frame": {"win_samples": 1_024, "hop_samples": 256, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "spectrum": {"power": 1},
        "mel": {"fmin_hz": 80.0, "fmax_hz": 7_600.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "log10"},
    },
    "tf-tutorial": {
        "frame": {"win_samples": 1_024, "hop_samples": 256, "n_fft": 1_024},
        "window": {"sampling": "periodic_if_even"},
        "spectrum": {"power": 1},
        "mel": {"fmin_hz": 80.0, "fmax_hz": 7_600.0},
        "log": {"guard": "add", "floor": 1e-6},
        "mfcc": {"dct": "htk"},
    },
    "speech-commands": {
        "frame": {"win_samples": 480},
        "spectrum": {"power": 1},
        "mel": {"bands": 40, "fmin_hz": 20.0, "fmax_hz": 4_000.0, "edge_bins": "tf_op"},
        "log": {"floor": 1e-12},
        "mfcc": {"n": 40, "dct": "htk"},
    },
    "torchaudio-melspec": {
        "frame": {"hop_samples": 200, "n_fft": 400, "align": "center", "pad": "reflect"},
        "mel": {"bands": 128, "sides": "hz", "grid": "half_int"},
    },
    "torchaudio-mfcc": {
        "frame": {"hop_samples": 200, "n_fft": 400, "align": "center", "pad": "reflect"},
        "mel": {"bands": 128, "sides": "hz", "grid": "half_int"},
        "log": {"kind": "db", "range": 80.0},
        "mfcc": {"n": 40},
    },
    "torchaudio-kaldi-fbank80": {
        "frame": {"remove_dc": True},
        "window": {"sampling": "symmetric", "power": 0.85},
        "preemphasis": {"coeff": 0.97},
        "mel": {"fmin_hz": 20.0},
        "log": {"floor": 2.0**-23},
    },
    "torchaudio-kaldi-mfcc13": {
        "frame": {"remove_dc": True},
        "window": {"sampling": "symmetric", "power": 0.85},
        "preemphasis": {"coeff": 0.97},
        "mel": {"bands": 23, "fmin_hz": 20.0},
        "log": {"floor": 2.0**-23},
        "mfcc": {"lifter": 22.0},
    },
    "nemo-2025": {
        "frame": {"align": "center", "drop_last": True},
        "window": {"sampling": "symmetric"},
        "preemphasis": {"coeff": 0.97, "scope": "signal", "first": "keep"},
        "mel": {"scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"guard": "add", "floor": 2.0**-24},
        "cmvn": {"mode": "meanvar", "ddof": 1, "eps": 1e-5},
    },
    "nemo-legacy": {
        "frame": {"align": "center", "pad": "reflect"},
        "window": {"sampling": "symmetric"},
        "preemphasis": {"coeff": 0.97, "scope": "signal", "first": "keep"},
        "mel": {"scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"guard": "add", "floor": 2.0**-24},
        "cmvn": {"mode": "meanvar", "ddof": 1, "eps": 1e-5},
    },
    "speechbrain-fbank40": {
        "frame": {"n_fft": 400, "align": "center"},
        "window": {"type": "hamming"},
        "mel": {"bands": 40, "sides": "hz_left", "grid": "half_int"},
        "log": {"kind": "db", "range": 80.0},
    },
    "speechbrain-mfcc": {
        "frame": {"n_fft": 400, "align": "center"},
        "window": {"type": "hamming"},
        "mel": {"bands": 23, "sides": "hz_left", "grid": "half_int"},
        "log": {"kind": "db", "range": 80.0},
        "mfcc": {"n": 20},
        "deltas": {"orders": 2},
        "stack": {"left": 5, "right": 5, "edge": "zero", "order": "columns"},
    },
    "espnet-asr": {
        "frame": {"win_samples": 512, "hop_samples": 128, "align": "center", "pad": "reflect"},
        "mel": {"scale": "slaney", "sides": "hz", "norm": "slaney"},
    },
    "espnet-tts": {
        "frame": {"win_samples": 1_024, "hop_samples": 256, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "spectrum": {"power": 1, "guard": "max"},
        "mel": {"fmin_hz": 80.0, "fmax_hz": 7_600.0, "scale": "slaney", "sides": "hz", "norm": "slaney"},
        "log": {"kind": "log10"},
    },
    "panns": {
        "audio": {"sample_rate": 32_000},
        "frame": {"win_samples": 1_024, "hop_samples": 320, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "mel": {
            "bands": 64,
            "fmin_hz": 50.0,
            "fmax_hz": 14_000.0,
            "scale": "slaney",
            "sides": "hz",
            "norm": "slaney",
        },
        "log": {"kind": "db"},
    },
    "clap-laion": {
        "audio": {"sample_rate": 48_000, "quantize": "int16"},
        "length": {"pad_to_seconds": 10.0, "pad_with": "repeat_whole", "cut_to_seconds": 10.0},
        "frame": {"win_samples": 1_024, "hop_samples": 480, "n_fft": 1_024, "align": "center", "pad": "reflect"},
        "mel": {
            "bands": 64,
            "fmin_hz": 50.0,
            "fmax_hz": 14_000.0,
            "scale": "slaney",
            "sides": "hz",
            "norm": "slaney",
        },
        "log": {"kind": "db"},
    },
}
OTHER_FEATURES = {"essentia-mfcc": "mfcc", "librosa-stft": "stft", "torchaudio-melspec": "mel"}
"""By preset; all others give log_mel, or mfcc where they set one of its keys."""


def test_the_presets_are_those_that_are_promised() -> None:
    assert preset_names() == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_preset_differs_from_the_defaults_in_the_settings_of_its_library(name: str) -> None:
    """Its values, beside the defaults: nothing else is set, nothing is missing."""
    config, defaults = load_config(name), load_config(None, overrides=["features.mel={}"])
    found = {
        group: {key: value for key, value in getattr(config, group).model_dump().items() if value != default[key]}
        for group, default in defaults.model_dump(exclude={"source", "features"}).items()
    }
    assert {group: keys for group, keys in found.items() if keys} == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_preset_gives_one_feature(name: str) -> None:
    (feature,) = resolve_features(load_config(name))
    assert feature == OTHER_FEATURES.get(name, "mfcc" if EXPECTED[name].get("mfcc") else "log_mel")


@pytest.mark.parametrize("name", sorted(EXPECTED))
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
