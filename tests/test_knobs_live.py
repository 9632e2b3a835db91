"""Knobs that no preset turns, against the libraries that have them, run live on the same samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import python_speech_features as psf  # type: ignore[import-untyped]
import tensorflow as tf
from comparing import assert_close, rows_of
from kaldi_and_psf import KALDI, PSF, kaldi_rows
from laying import Array
from signals import noise, over_room_noise, tone

# python_speech_features 0.6, which computes in float64


@pytest.mark.parametrize("n_samples", [1, 399, 400, 401, 559, 560, 561, 8_000])
def test_python_speech_features_mfcc(n_samples: int) -> None:
    samples = noise(n_samples)
    wanted = psf.mfcc(samples.astype(np.float64) * 32768.0)
    assert_close(rows_of(samples, PSF, "mfcc"), wanted, 1e-9)  # 3.1e-13


def test_python_speech_features_at_11_025_hz_rounds_its_window_up() -> None:
    samples = noise(9_001)
    knobs = {**PSF, "audio.sample_rate": 11_025, "frame.win_samples": 276, "frame.hop_samples": 110}
    wanted = psf.logfbank(samples.astype(np.float64) * 32768.0, samplerate=11_025)
    assert_close(rows_of(samples, knobs, "log_mel"), wanted, 1e-9)


def test_python_speech_features_silence_is_exactly_its_floor() -> None:
    rows = rows_of(np.zeros(1_600, np.float32), PSF, "mfcc")
    assert_close(rows, psf.mfcc(np.zeros(1_600)), 1e-9)


# librosa 0.11

LIBROSA = {
    "audio.sample_rate": 22_050,
    "frame.win_samples": 2_048,
    "frame.hop_samples": 512,
    "frame.n_fft": 2_048,
    "frame.align": "center",
    "mel.bands": 128,
    "mel.scale": "slaney",
    "mel.sides": "hz",
    "mel.norm": "slaney",
    "log.kind": "db",
}


@pytest.mark.parametrize(
    ("knobs", "ref"),
    [
        ({"log.ref": "max", "log.range": 80.0}, np.max),
        ({"log.ref": "max", "log.range": 12.0}, np.max),
        ({"log.ref": 0.02}, 0.02),
        ({"log.ref": 1e-12, "log.range": 30.0}, 1e-12),
    ],
    ids=["of the maximum", "of the maximum, 12 dB", "of a number", "of a number below the floor"],
)
def test_librosas_power_to_db(knobs: dict[str, Any], ref: float | Callable[[Array], float]) -> None:
    samples = over_room_noise(tone(22_050))
    power = librosa.feature.melspectrogram(y=samples.astype(np.float64), sr=22_050)
    wanted = librosa.power_to_db(power, ref=ref, top_db=knobs.get("log.range")).T
    assert_close(rows_of(samples, {**LIBROSA, **knobs}, "log_mel"), wanted, 2e-6)  # librosa's filterbank is float32


@pytest.mark.parametrize("win_samples", [400, 401])
def test_librosas_stft_without_centring_has_the_window_amid_the_fft(win_samples: int) -> None:
    knobs = {"frame.win_samples": win_samples, "frame.count_by": "n_fft"}
    samples = noise(5_000)
    wanted = librosa.stft(
        samples.astype(np.float64), n_fft=512, hop_length=160, win_length=win_samples, center=False, dtype=np.complex128
    )
    found = rows_of(samples, knobs, "stft")
    assert found.dtype == np.complex128
    assert_close(found, wanted.T, 1e-12)


def test_librosas_stft_in_complex64() -> None:
    knobs = {**LIBROSA, "frame.hop_samples": 300}
    samples = noise(20_000)
    found = rows_of(samples, knobs, "stft", precision="float32")
    assert found.dtype == np.complex64
    assert_close(found, librosa.stft(samples, n_fft=2_048, hop_length=300).T, 3e-5)


def test_librosas_preemphasis_of_the_signal() -> None:
    knobs = {
        **LIBROSA,
        "preemphasis.coeff": 0.97,
        "preemphasis.scope": "signal",
        "preemphasis.first": "extrapolate",
    }
    samples = noise(20_000)
    emphasized = librosa.effects.preemphasis(samples.astype(np.float64), coef=0.97)
    wanted = librosa.power_to_db(librosa.feature.melspectrogram(y=emphasized, sr=22_050), top_db=None).T
    assert_close(rows_of(samples, knobs, "log_mel"), wanted, 2e-6)


# tf.signal


@pytest.mark.parametrize("win_samples", [400, 401])
@pytest.mark.parametrize("tail", ["drop", "pad_hop"])
@pytest.mark.parametrize("n_samples", [401, 560, 5_003])
def test_tf_signals_stft_of_odd_windows_and_padded_ends(win_samples: int, tail: str, n_samples: int) -> None:
    knobs = {"frame.win_samples": win_samples, "frame.tail": tail, "window.sampling": "periodic_if_even"}
    samples = noise(n_samples)
    found = rows_of(samples, knobs, "stft")
    wanted = tf.signal.stft(samples.astype(np.float64), win_samples, 160, 512, pad_end=tail == "pad_hop").numpy()
    assert_close(found, wanted, 1e-12)


def test_tf_signals_frames_are_the_waveform() -> None:
    knobs = {"frame.win_samples": 25, "frame.hop_samples": 40, "frame.tail": "pad_hop"}
    samples = noise(1_001)
    found = rows_of(samples, knobs, "waveform", precision="float32")
    np.testing.assert_array_equal(found, tf.signal.frame(samples, 25, 40, pad_end=True).numpy())


# kaldi_native_fbank, which computes in float32


@pytest.mark.parametrize(
    ("knobs", "settings"),
    [
        ({"energy.column": "first"}, {"use_energy": True, "raw_energy": True}),
        (
            {"energy.column": "last", "energy.source": "windowed"},
            {"use_energy": True, "raw_energy": False, "htk_compat": True},
        ),
        ({"window.type": "hamming", "window.power": 1.0}, {"window_type": "hamming"}),
        ({"window.type": "sine", "window.power": 1.0}, {"window_type": "sine"}),
        ({"window.type": "rect"}, {"window_type": "rectangular"}),
        ({"window.type": "blackman", "window.power": 1.0}, {"window_type": "blackman", "blackman_coeff": 0.42}),
        (
            {"window.type": "blackman", "window.power": 1.0, "window.coefficient": 0.4},
            {"window_type": "blackman", "blackman_coeff": 0.4},
        ),
        ({"spectrum.power": 1, "frame.remove_dc": False}, {"use_power": False, "remove_dc_offset": False}),
        ({"frame.align": "hop_center", "frame.pad": "symmetric"}, {"snip_edges": False}),
    ],
    ids=["energy", "windowed energy", "hamming", "sine", "rect", "blackman", "blackman 0.4", "magnitude", "no snip"],
)
def test_kaldis_filterbank_options(knobs: dict[str, Any], settings: dict[str, Any]) -> None:
    samples = over_room_noise(tone(16_000))[:8_001]
    wanted = kaldi_rows(samples, "fbank", dims=24 if "energy.column" in knobs else 23, **settings)
    assert_close(rows_of(samples, {**KALDI, **knobs}, "log_mel"), wanted, 1e-3)


@pytest.mark.parametrize(
    ("knobs", "settings"),
    [
        ({"mfcc.c0": "energy", "energy.source": "windowed"}, {"use_energy": True, "raw_energy": False}),
        ({"mfcc.c0": "keep"}, {"use_energy": False}),
        (
            {"mfcc.c0": "energy", "frame.align": "hop_center", "frame.pad": "symmetric"},
            {"use_energy": True, "snip_edges": False},
        ),
    ],
    ids=["windowed energy", "c0", "no snip"],
)
def test_kaldis_cepstrum_options(knobs: dict[str, Any], settings: dict[str, Any]) -> None:
    samples = over_room_noise(tone(16_000))[:8_001]
    wanted = kaldi_rows(samples, "mfcc", dims=13, **settings)
    assert_close(rows_of(samples, {**KALDI, "mfcc.lifter": 22.0, **knobs}, "mfcc"), wanted, 1e-3)
