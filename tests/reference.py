"""Six presets once more, in plain float64 NumPy, frame by frame and band by band.

A second opinion beside ``preset_twins``: that takes a preset's settings from its YAML, and a wrong one there is wrong
in both; here they are written by hand, as the sources have them.

It shares no code with audiofeat.dsp and takes no short cuts: frames are cut by index, triangles and cosines come from
loops over their formulas. The formulas are those of the libraries' sources: librosa 0.11
(``librosa/{core/spectrum,filters,feature/spectral}.py``), Kaldi f400766 (``src/feat/{feature-window,
mel-computations,feature-mfcc}.cc``), OpenAI Whisper c0d2f62 (``whisper/audio.py``) and TensorFlow 2.21
(``python/ops/signal/{window_ops,mel_ops,mfcc_ops}.py``).

Symbols: N samples, L window, H hop, F FFT length, B bands, T frames. All functions take samples (N,) in -1..1 and
return (T, dims) float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Real: TypeAlias = npt.NDArray[np.float64]
Samples: TypeAlias = npt.NDArray[np.float32]
Scale: TypeAlias = tuple[Callable[[float], float], Callable[[float], float]]

EPSILON_FLOAT32 = 1.1920928955078125e-07


def frames_by_index(signal: Real, *, length: int, hop: int) -> Real:
    """Whole frames only: frame t is ``signal[t H : t H + L]``, (T, L)."""
    starts = range(0, len(signal) - length + 1, hop)
    return np.array([signal[start : start + length] for start in starts]).reshape(-1, length)


def power_spectrum(frames: Real, *, n_fft: int) -> Real:
    """|X|^2, (T, F // 2 + 1); frames shorter than F are followed by zeros."""
    spectrum: Real = np.abs(np.fft.rfft(frames, n_fft)) ** 2
    return spectrum


def hann(length: int, *, denominator: int) -> Real:
    return np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / denominator) for n in range(length)])


def _kaldi_to_mel(hz: float) -> float:
    return 1127.0 * math.log(1.0 + hz / 700.0)


def _kaldi_to_hz(mel: float) -> float:
    return 700.0 * (math.exp(mel / 1127.0) - 1.0)


def _slaney_to_mel(hz: float) -> float:
    return 3.0 * hz / 200.0 if hz < 1000.0 else 15.0 + 27.0 * math.log(hz / 1000.0) / math.log(6.4)


def _slaney_to_hz(mel: float) -> float:
    return 200.0 * mel / 3.0 if mel < 15.0 else 1000.0 * math.exp(math.log(6.4) * (mel - 15.0) / 27.0)


KALDI: Scale = (_kaldi_to_mel, _kaldi_to_hz)
"""HTK's scale with the constant that Kaldi and tf.signal have: 1127 ln(1 + f / 700)."""
SLANEY: Scale = (_slaney_to_mel, _slaney_to_hz)


def _triangle(position: float, left: float, centre: float, right: float) -> float:
    if left < position <= centre:
        return (position - left) / (centre - left)
    if centre < position < right:
        return (right - position) / (right - centre)
    return 0.0


def triangles(
    *,
    rate_hz: int,
    n_fft: int,
    bands: int,
    low_hz: float,
    high_hz: float,
    scale: Scale,
    sides_in_hz: bool,
    unit_area: bool,
) -> Real:
    """The filterbank, (F // 2 + 1, B), one weight at a time."""
    to_mel, to_hz = scale
    low, high = to_mel(low_hz), to_mel(high_hz)
    edges_mel = [low + (high - low) * edge / (bands + 1) for edge in range(bands + 2)]
    edges_hz = [to_hz(mel) for mel in edges_mel]
    weights = np.zeros((n_fft // 2 + 1, bands))
    for band in range(bands):
        area = 2.0 / (edges_hz[band + 2] - edges_hz[band]) if unit_area else 1.0
        for k in range(n_fft // 2 + 1):
            bin_hz = k * rate_hz / n_fft
            if sides_in_hz:
                weights[k, band] = area * _triangle(bin_hz, *edges_hz[band : band + 3])
            else:
                weights[k, band] = area * _triangle(to_mel(bin_hz), *edges_mel[band : band + 3])
    return weights


def dct(rows: Real, *, n: int, scale_of: Callable[[int], float]) -> Real:
    """The first n coefficients of a DCT-II: ``scale_of(k) * sum_b x_b cos(pi k (b + 1/2) / B)``."""
    bands = rows.shape[1]
    out = np.zeros((len(rows), n))
    for k in range(n):
        for band in range(bands):
            out[:, k] += rows[:, band] * math.cos(math.pi * k * (band + 0.5) / bands)
        out[:, k] *= scale_of(k)
    return out


def orthonormal(bands: int) -> Callable[[int], float]:
    return lambda k: math.sqrt((2.0 if k else 1.0) / bands)


def _decibels(power: Real, *, top_db: float) -> Real:
    decibels = 10.0 * np.log10(np.maximum(power, 1e-10))
    limited: Real = np.maximum(decibels, decibels.max() - top_db)
    return limited


def librosa_logmel(samples: Samples) -> Real:
    """power_to_db(melspectrogram(y, sr=22050)), transposed."""
    n_fft, hop = 2048, 512
    signal = np.concatenate([np.zeros(n_fft // 2), samples.astype(np.float64), np.zeros(n_fft // 2)])
    frames = frames_by_index(signal, length=n_fft, hop=hop) * hann(n_fft, denominator=n_fft)
    weights = triangles(
        rate_hz=22050, n_fft=n_fft, bands=128, low_hz=0, high_hz=11025, scale=SLANEY, sides_in_hz=True, unit_area=True
    )
    return _decibels(power_spectrum(frames, n_fft=n_fft) @ weights, top_db=80.0)


def librosa_mfcc(samples: Samples) -> Real:
    """librosa.feature.mfcc(y, sr=22050), transposed: the 80 dB range comes before the DCT."""
    return dct(librosa_logmel(samples), n=20, scale_of=orthonormal(128))


def _kaldi_log_bands(samples: Samples, *, bands: int) -> tuple[Real, Real]:
    """The log mel bands (T, B), and the log energy (T,) of each frame before pre-emphasis and window."""
    frames = frames_by_index(samples.astype(np.float64) * 32768.0, length=400, hop=160)
    energies = np.zeros(len(frames))
    for t, frame in enumerate(frames):
        frame[:] -= frame.mean()
        energies[t] = math.log(max(float(frame @ frame), EPSILON_FLOAT32))
        for n in range(399, 0, -1):
            frame[n] -= 0.97 * frame[n - 1]
        frame[0] -= 0.97 * frame[0]
    povey = hann(400, denominator=399) ** 0.85
    weights = triangles(
        rate_hz=16000, n_fft=512, bands=bands, low_hz=20, high_hz=8000, scale=KALDI, sides_in_hz=False, unit_area=False
    )
    power = power_spectrum(frames * povey, n_fft=512) @ weights
    return np.log(np.maximum(power, EPSILON_FLOAT32)), energies


def kaldi_fbank80(samples: Samples) -> Real:
    """compute-fbank-feats --num-mel-bins=80 --dither=0."""
    return _kaldi_log_bands(samples, bands=80)[0]


def kaldi_mfcc13(samples: Samples) -> Real:
    """compute-mfcc-feats --dither=0."""
    log_bands, energies = _kaldi_log_bands(samples, bands=23)
    cepstra = dct(log_bands, n=13, scale_of=orthonormal(23))
    for k in range(13):
        cepstra[:, k] *= 1.0 + 11.0 * math.sin(math.pi * k / 22.0)
    cepstra[:, 0] = energies
    return cepstra


def mirrored(samples: Samples, index: int) -> float:
    """The sample at any index of a signal that is mirrored at its ends without repeating them, for ever."""
    last = len(samples) - 1
    if last == 0:
        return float(samples[0])
    while not 0 <= index <= last:
        index = -index if index < 0 else 2 * last - index
    return float(samples[index])


def whisper_80(samples: Samples) -> Real:
    """whisper.log_mel_spectrogram(audio), transposed."""
    if not len(samples):
        return np.zeros((0, 80))
    signal = np.array([mirrored(samples, index) for index in range(-200, len(samples) + 200)])
    frames = frames_by_index(signal, length=400, hop=160)[:-1] * hann(400, denominator=400)
    if not len(frames):
        return np.zeros((0, 80))
    weights = triangles(
        rate_hz=16000, n_fft=400, bands=80, low_hz=0, high_hz=8000, scale=SLANEY, sides_in_hz=True, unit_area=True
    )
    logs = np.log10(np.maximum(power_spectrum(frames, n_fft=400) @ weights, 1e-10))
    scaled: Real = (np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0
    return scaled


def tf_tutorial(samples: Samples) -> Real:
    """The example of tf.signal.mfccs_from_log_mel_spectrograms."""
    frames = frames_by_index(samples.astype(np.float64), length=1024, hop=256) * hann(1024, denominator=1024)
    weights = triangles(
        rate_hz=16000, n_fft=1024, bands=80, low_hz=80, high_hz=7600, scale=KALDI, sides_in_hz=False, unit_area=False
    )
    logs = np.log(np.sqrt(power_spectrum(frames, n_fft=1024)) @ weights + 1e-6)
    return dct(logs, n=13, scale_of=lambda _: math.sqrt(2.0 / 80.0))


REFERENCES: dict[str, Callable[[Samples], Real]] = {
    "librosa-logmel": librosa_logmel,
    "librosa-mfcc": librosa_mfcc,
    "kaldi-fbank80": kaldi_fbank80,
    "kaldi-mfcc13": kaldi_mfcc13,
    "whisper-80": whisper_80,
    "tf-tutorial": tf_tutorial,
}
