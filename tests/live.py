"""The libraries that the presets name, run live: samples (N,) in -1..1 -> (T, dims), as the library computes them.

Whisper is its published formula over librosa's filterbank, which is the one that its package carries.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import kaldi_native_fbank as knf  # type: ignore[import-untyped]
import librosa
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from laying import on_cpu

from audiofeat.dsp.framing import Samples

Array = npt.NDArray[Any]


def librosa_logmel(samples: Samples) -> Array:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=.* is too large for input signal")
        power = librosa.feature.melspectrogram(y=samples.astype(np.float64), sr=22050)
    decibels: Array = librosa.power_to_db(power, ref=1.0, top_db=80).T
    return decibels


def librosa_mfcc(samples: Samples) -> Array:
    cepstra: Array = librosa.feature.mfcc(S=librosa_logmel(samples).T, sr=22050).T
    return cepstra


def kaldi(computer: Any, samples: Samples, *, dims: int) -> Array:
    computer.accept_waveform(16000, (samples * np.float32(32768.0)).tolist())
    computer.input_finished()
    rows = [computer.get_frame(frame) for frame in range(computer.num_frames_ready)]
    return np.array(rows).reshape(-1, dims)


def kaldi_fbank80(samples: Samples, *, snip_edges: bool = True) -> Array:
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = snip_edges
    options.mel_opts.num_bins = 80
    return kaldi(knf.OnlineFbank(options), samples, dims=80)


def kaldi_mfcc13(samples: Samples) -> Array:
    options = knf.MfccOptions()
    options.frame_opts.dither = 0.0
    return kaldi(knf.OnlineMfcc(options), samples, dims=13)


def whisper_80(samples: Samples) -> Array:
    signal = np.pad(samples.astype(np.float64), 200, mode="reflect")
    starts = np.arange(len(samples) // 160) * 160
    frames = signal[starts[:, None] + np.arange(400)] * librosa.filters.get_window("hann", 400)
    power = np.abs(np.fft.rfft(frames)) ** 2
    logs = np.log10(np.maximum(power @ librosa.filters.mel(sr=16000, n_fft=400, n_mels=80).T, 1e-10))
    scaled: Array = (np.maximum(logs, logs.max(initial=-np.inf) - 8.0) + 4.0) / 4.0
    return scaled


def tf_tutorial(samples: Samples) -> Array:
    if len(samples) < 1024:
        return np.zeros((0, 13), np.float32)  # stft gives no frame, and then the DCT refuses
    on_cpu()
    spectrograms = tf.abs(tf.signal.stft(samples, frame_length=1024, frame_step=256, fft_length=1024))
    weights = tf.signal.linear_to_mel_weight_matrix(80, 513, 16000, 80.0, 7600.0)
    log_mel = tf.math.log(tf.tensordot(spectrograms, weights, 1) + 1e-6)
    cepstra: Array = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :13].numpy()
    return cepstra


LIVE: dict[str, Callable[[Samples], Array]] = {
    "librosa-logmel": librosa_logmel,
    "librosa-mfcc": librosa_mfcc,
    "kaldi-fbank80": kaldi_fbank80,
    "kaldi-mfcc13": kaldi_mfcc13,
    "whisper-80": whisper_80,
    "tf-tutorial": tf_tutorial,
}
