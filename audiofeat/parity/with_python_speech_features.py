"""python_speech_features 0.6: ``mfcc`` and ``logfbank`` by default, of samples on the 16-bit scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import python_speech_features

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array

_RATE_HZ = 16_000
_INT16_SCALE = 32_768.0


def _mfcc(samples: Samples) -> Array:
    """(n,) -> (frames, 13), ln energy and 12 coefficients."""
    cepstra: Array = python_speech_features.mfcc(_on_16_bits(samples), samplerate=_RATE_HZ)
    return cepstra


def _logfbank(samples: Samples) -> Array:
    """(n,) -> (frames, 26) ln power."""
    bands: Array = python_speech_features.logfbank(_on_16_bits(samples), samplerate=_RATE_HZ)
    return bands


def _on_16_bits(samples: Samples) -> Array:
    # Of integers it would take differences in float64, so float64 gives it the same numbers and loses no steps.
    return samples.astype(np.float64) * _INT16_SCALE


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"psf-logfbank": _logfbank, "psf-mfcc": _mfcc})
