"""librosa 0.11: ``stft``, ``feature.melspectrogram`` with ``power_to_db``, and ``feature.mfcc``, all by default.

Samples go in as float64, as librosa keeps the precision that it is given; in float32 it would itself be up to 1e-4 dB
away from this.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import librosa
import numpy as np

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array

_RATE_HZ = 22_050


def _stft(samples: Samples) -> Array:
    """(n,) -> (frames, 1025) complex."""
    with _of_short_clips_too():
        spectrum: Array = librosa.stft(samples.astype(np.float64)).T
    return spectrum


def _logmel(samples: Samples) -> Array:
    """(n,) -> (frames, 128) dB."""
    with _of_short_clips_too():
        power = librosa.feature.melspectrogram(y=samples.astype(np.float64), sr=_RATE_HZ)
    decibels: Array = librosa.power_to_db(power).T
    return decibels


def _mfcc(samples: Samples) -> Array:
    """(n,) -> (frames, 20)."""
    with _of_short_clips_too():
        cepstra: Array = librosa.feature.mfcc(y=samples.astype(np.float64), sr=_RATE_HZ).T
    return cepstra


@contextmanager
def _of_short_clips_too() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=.* is too large for input signal")
        yield


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {"librosa-logmel": _logmel, "librosa-mfcc": _mfcc, "librosa-stft": _stft}
)
