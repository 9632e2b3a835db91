"""Odd numbers, live against the libraries: every usual sample rate, and sizes that are odd, prime, tiny or huge.

All in float64, and beside the slow twin too, so that a difference says whose it is.
"""

from __future__ import annotations

import warnings
from typing import Any

import librosa
import numpy as np
import pytest
import python_speech_features as psf
import tensorflow as tf
from comparing import RATES_HZ, assert_close_to_scale, rows_of, twin_of
from kaldi_and_psf import KALDI, PSF, kaldi_rows
from laying import on_cpu
from signals import noise

FLOAT64 = 1e-12  # 1.3e-14, from the twin and from the libraries that compute in float64


def power_of_two(n_samples: int) -> int:
    """The least that holds so many samples."""
    return 1 << (n_samples - 1).bit_length()


# Every usual rate, with windows of 25 ms every 10 ms, in samples as each tool has them


def kaldis(rate_hz: int) -> dict[str, Any]:
    """Kaldi cuts fractions of a sample off: 275 and 110 at 11,025 Hz."""
    win_samples = int(rate_hz * 0.025)
    return {
        **KALDI,
        "audio.sample_rate": rate_hz,
        "frame.win_samples": win_samples,
        "frame.hop_samples": int(rate_hz * 0.01),
        "frame.n_fft": power_of_two(win_samples),
    }


@pytest.mark.parametrize("snip_edges", [True, False], ids=["snip", "no snip"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_at_any_rate_the_numbers_are_kaldis(rate_hz: int, snip_edges: bool) -> None:
    samples = noise(rate_hz // 5 + 7)
    edges = {} if snip_edges else {"frame.align": "hop_center", "frame.pad": "symmetric"}
    knobs = {**kaldis(rate_hz), **edges}
    found = rows_of(samples, knobs, "log_mel")
    assert_close_to_scale(found, twin_of(samples, knobs, "log_mel"), FLOAT64)
    wanted = kaldi_rows(samples, "fbank", dims=23, rate_hz=rate_hz, snip_edges=snip_edges)
    assert_close_to_scale(found, wanted, 2e-6)  # 4.0e-7: Kaldi computes in float32


def psfs(rate_hz: int) -> dict[str, Any]:
    """python_speech_features rounds halves up: 276 and 110 at 11,025 Hz."""
    win_samples = int(rate_hz * 0.025 + 0.5)
    return {
        **PSF,
        "audio.scale": 1.0,
        "audio.sample_rate": rate_hz,
        "frame.win_samples": win_samples,
        "frame.hop_samples": int(rate_hz * 0.01 + 0.5),
        "frame.n_fft": power_of_two(win_samples),
    }


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_at_any_rate_the_numbers_are_those_of_python_speech_features(rate_hz: int) -> None:
    samples, knobs = noise(rate_hz // 5 + 7), psfs(rate_hz)
    found = rows_of(samples, knobs, "log_mel")
    assert_close_to_scale(found, twin_of(samples, knobs, "log_mel"), FLOAT64)
    wanted = psf.logfbank(samples.astype(np.float64), samplerate=rate_hz, nfft=knobs["frame.n_fft"])
    assert_close_to_scale(found, wanted, FLOAT64)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_at_any_rate_the_numbers_are_those_of_tf_signal(rate_hz: int) -> None:
    """From 0 Hz to half the rate, which at 11,025 Hz is no whole number."""
    on_cpu()
    samples, win_samples, hop_samples = noise(rate_hz // 5 + 7), round(rate_hz * 0.025), round(rate_hz * 0.01)
    n_fft = power_of_two(win_samples)
    knobs = {
        "audio.sample_rate": rate_hz,
        "frame.win_samples": win_samples,
        "frame.hop_samples": hop_samples,
        "frame.n_fft": n_fft,
        "window.sampling": "periodic_if_even",
        "spectrum.power": 1,
        "mel.bands": 40,
        "log.guard": "add",
        "log.floor": 1e-6,
    }
    found = rows_of(samples, knobs, "log_mel")
    assert_close_to_scale(found, twin_of(samples, knobs, "log_mel"), FLOAT64)
    spectrum = tf.abs(tf.signal.stft(samples.astype(np.float64), win_samples, hop_samples, n_fft))
    weights = tf.signal.linear_to_mel_weight_matrix(40, n_fft // 2 + 1, rate_hz, 0.0, rate_hz / 2, tf.float64)
    assert_close_to_scale(found, tf.math.log(spectrum @ weights + 1e-6).numpy(), FLOAT64)


# librosa with sizes of all kinds

LIBROSA = {"frame.align": "center", "mel.sides": "hz", "mel.scale": "slaney", "mel.norm": "slaney"}
NORMS = {"none": None, "slaney": "slaney", "unit_sum": 1, "unit_l2": 2, "unit_max": np.inf}


@pytest.mark.parametrize(
    ("rate_hz", "win_samples", "hop_samples", "n_fft", "bands", "norm", "fmin_hz", "fmax_hz"),
    [
        pytest.param(22_050, 2_048, 512, 2_048, 256, "slaney", 0.0, None, id="256 bands, up to Nyquist"),
        pytest.param(11_025, 301, 77, 301, 20, "none", 0.0, None, id="odd FFT at 11,025 Hz"),
        pytest.param(16_000, 401, 1_000, 997, 40, "unit_sum", 12.5, 7_999.0, id="prime FFT, hop longer than it"),
        pytest.param(8_000, 255, 63, 513, 1, "unit_max", 0.0, 4_000.0, id="one band of everything"),
        pytest.param(96_000, 4_801, 2_401, 8_191, 128, "slaney", 0.0, 48_000.0, id="96 kHz, prime FFT"),
        pytest.param(44_100, 64, 16, 64, 256, "unit_l2", 30.0, 22_000.0, id="bands without a bin"),
        pytest.param(48_000, 3, 1, 5, 2, "none", 0.0, None, id="three samples"),
        pytest.param(16_000, 1, 1, 2, 1, "none", 0.0, None, id="one sample, of which no bin is left"),
    ],
)
def test_librosas_mel_spectrogram_of_any_size(
    rate_hz: int,
    win_samples: int,
    hop_samples: int,
    n_fft: int,
    bands: int,
    norm: str,
    fmin_hz: float,
    fmax_hz: float | None,
) -> None:
    samples = noise(2_999)
    knobs = {
        **LIBROSA,
        "audio.sample_rate": rate_hz,
        "frame.win_samples": win_samples,
        "frame.hop_samples": hop_samples,
        "frame.n_fft": n_fft,
        "mel.bands": bands,
        "mel.fmin_hz": fmin_hz,
        "mel.fmax_hz": fmax_hz,
        "mel.norm": norm,
    }
    found = rows_of(samples, knobs, "mel")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(Empty filters detected|n_fft=.* is too large)")
        wanted = librosa.feature.melspectrogram(
            y=samples.astype(np.float64), sr=rate_hz, n_fft=n_fft, hop_length=hop_samples, win_length=win_samples,
            n_mels=bands, fmin=fmin_hz, fmax=fmax_hz, norm=NORMS[norm], dtype=np.float64,
        )  # fmt: skip
    assert_close_to_scale(found, wanted.T, FLOAT64)
    assert_close_to_scale(found, twin_of(samples, knobs, "mel"), FLOAT64)
