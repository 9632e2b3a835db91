"""torchlibrosa 0.1.0: ``Spectrogram`` and ``LogmelFilterBank``, put together as PANNs' Cnn14 does.

A clip not longer than half an FFT cannot be mirrored at its ends and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torchlibrosa.stft import LogmelFilterBank, Spectrogram

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array


def _panns(samples: Samples) -> Array:
    """(n,) -> (frames, 64) dB."""
    spectrogram = Spectrogram(n_fft=1024, hop_length=320, win_length=1024)
    bands = LogmelFilterBank(sr=32_000, n_fft=1024, n_mels=64, fmin=50, fmax=14_000, top_db=None)
    rows: Array = bands(spectrogram(torch.from_numpy(samples)[None]))[0, 0].numpy()
    return rows


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"panns": _panns})
