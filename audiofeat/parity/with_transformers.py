"""transformers 5.23: the feature extractors of Whisper, AST, SeamlessM4T, CLAP and SpeechT5, by default.

All compute in NumPy where nothing else is installed, in float64 with spectra rounded to complex64. Whisper's takes
torch instead, in float32, where that is there; AST's and CLAP's want torch in any case, and AST's takes torchaudio.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
from transformers import (
    ASTFeatureExtractor,
    ClapFeatureExtractor,
    SeamlessM4TFeatureExtractor,
    SpeechT5FeatureExtractor,
    WhisperFeatureExtractor,
)

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity.excerpts import RefusedError

_RATE_HZ = 16_000
_CLAP_RATE_HZ = 48_000
_CLAP_MOST_SAMPLES = 10 * _CLAP_RATE_HZ


def _whisper(bands: int) -> Callable[[Samples], Array]:
    """(n,) -> (frames, bands) log10 power, scaled: of the clip as it is, neither padded nor cut."""

    def rows(samples: Samples) -> Array:
        extractor = WhisperFeatureExtractor(feature_size=bands)
        features = extractor(samples, sampling_rate=_RATE_HZ, padding="do_not_pad", truncation=False)
        log_mel: Array = features["input_features"][0].T
        return log_mel

    return rows


def _whisper_30_seconds(bands: int) -> Callable[[Samples], Array]:
    """(n,) -> (3000, bands) log10 power, scaled: of the clip brought to 30 s."""

    def rows(samples: Samples) -> Array:
        features = WhisperFeatureExtractor(feature_size=bands)(samples, sampling_rate=_RATE_HZ)
        log_mel: Array = features["input_features"][0].T
        return log_mel

    return rows


def _ast(samples: Samples) -> Array:
    """(n,) -> (1024, 128) ln power, shifted and scaled."""
    with _of_empty_bands_too():
        features = ASTFeatureExtractor()(samples, sampling_rate=_RATE_HZ)
    log_mel: Array = features["input_values"][0]
    return log_mel


def _seamless_m4t(samples: Samples) -> Array:
    """(n,) -> (frames, 160) ln power, each band with mean 0 and variance 1: 80 bands of two frames in each row."""
    with np.errstate(invalid="raise"), warnings.catch_warnings():  # refuses a clip of one row: its variance is 0 / 0
        warnings.filterwarnings("ignore", "Degrees of freedom", RuntimeWarning)
        features = SeamlessM4TFeatureExtractor()(samples, sampling_rate=_RATE_HZ)
    stacked: Array = features["input_features"][0]
    return stacked


def _clap(truncation: str) -> Callable[[Samples], Array]:
    """(n,) -> (1001, 64) dB, the first channel; "fusion" has four, equal ones for a clip of up to 10 s."""

    def rows(samples: Samples) -> Array:
        if len(samples) > _CLAP_MOST_SAMPLES:
            raise RefusedError("it takes a random part of a clip longer than 10 s")
        with _of_empty_bands_too():
            extractor = ClapFeatureExtractor(truncation=truncation)
        features = extractor(samples, sampling_rate=_CLAP_RATE_HZ)
        log_mel: Array = features["input_features"][0][0]
        return log_mel

    return rows


def _speecht5(samples: Samples) -> Array:
    """(n,) -> (frames, 80) log10 magnitude."""
    features = SpeechT5FeatureExtractor()(audio_target=samples, sampling_rate=_RATE_HZ)
    log_mel: Array = features["input_values"][0]
    return log_mel


@contextmanager
def _of_empty_bands_too() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filter has all zero values")
        yield


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {
        "ast": _ast,
        "clap-fused": _clap("fusion"),
        "clap-unfused": _clap("rand_trunc"),
        "seamless-m4t": _seamless_m4t,
        "speecht5": _speecht5,
        "whisper-128": _whisper(128),
        "whisper-128-30s": _whisper_30_seconds(128),
        "whisper-80": _whisper(80),
        "whisper-80-30s": _whisper_30_seconds(80),
    }
)
