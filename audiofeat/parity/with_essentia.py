"""Essentia 2.1: ``FrameGenerator``, ``Windowing``, ``Spectrum`` and ``MFCC`` of its standard mode, with their defaults.

``frameSize``, ``hopSize`` and ``type`` are given the defaults of the FrameCutter and Windowing algorithms, and
``inputSize`` is what follows from them; the rest is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from essentia.standard import MFCC, FrameGenerator, Spectrum, Windowing

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array

_COEFFICIENTS = 13


def _mfcc(samples: Samples) -> Array:
    """(n,) -> (frames, 13)."""
    window, spectrum, mfcc = Windowing(type="hann"), Spectrum(size=1024), MFCC(inputSize=513)
    frames = FrameGenerator(samples, frameSize=1024, hopSize=512)
    rows = [mfcc(spectrum(window(frame)))[1] for frame in frames]
    return np.array(rows, np.float32).reshape(-1, _COEFFICIENTS)


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"essentia-mfcc": _mfcc})
