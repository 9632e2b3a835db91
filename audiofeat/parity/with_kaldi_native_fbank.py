"""kaldi-native-fbank 1.22, Kaldi's features without Kaldi: ``OnlineFbank`` and ``OnlineMfcc`` by default, no dither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import kaldi_native_fbank as knf
import numpy as np

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array

_RATE_HZ = 16_000
_INT16_SCALE = 32_768.0


def _fbank80(samples: Samples) -> Array:
    """(n,) -> (frames, 80) ln power."""
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    return rows_of(knf.OnlineFbank(options), samples, dims=80)


def _mfcc13(samples: Samples) -> Array:
    """(n,) -> (frames, 13), ln energy and 12 coefficients."""
    options = knf.MfccOptions()
    options.frame_opts.dither = 0.0
    return rows_of(knf.OnlineMfcc(options), samples, dims=13)


def rows_of(computer: Any, samples: Samples, *, dims: int, rate_hz: int = _RATE_HZ) -> Array:
    """What a computer (``OnlineFbank`` or ``OnlineMfcc``) makes of samples in -1..1: (n,) -> (frames, dims)."""
    computer.accept_waveform(rate_hz, (samples * _INT16_SCALE).tolist())
    computer.input_finished()
    rows = [computer.get_frame(frame) for frame in range(computer.num_frames_ready)]
    return np.array(rows, np.float32).reshape(-1, dims)


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {"kaldi-fbank80": _fbank80, "kaldi-mfcc13": _mfcc13}
)
