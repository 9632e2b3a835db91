"""torchaudio 2.11: ``transforms.MelSpectrogram``, ``transforms.MFCC``, ``compliance.kaldi.fbank`` and ``.mfcc``.

A clip not longer than half an FFT cannot be mirrored at its ends by the transforms, and one shorter than a window is
refused by the Kaldi functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torchaudio.compliance import kaldi
from torchaudio.transforms import MFCC, MelSpectrogram

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array


def _melspec(samples: Samples) -> Array:
    """(n,) -> (frames, 128) power."""
    rows: Array = MelSpectrogram()(torch.from_numpy(samples)).numpy().T
    return rows


def _mfcc(samples: Samples) -> Array:
    """(n,) -> (frames, 40)."""
    rows: Array = MFCC()(torch.from_numpy(samples)).numpy().T
    return rows


def _kaldi_fbank(samples: Samples) -> Array:
    """(n,) -> (frames, 80)."""
    bands: Array = kaldi.fbank(torch.from_numpy(samples)[None], num_mel_bins=80).numpy()
    return bands


def _kaldi_mfcc(samples: Samples) -> Array:
    """(n,) -> (frames, 13)."""
    cepstra: Array = kaldi.mfcc(torch.from_numpy(samples)[None]).numpy()
    return cepstra


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {
        "torchaudio-kaldi-fbank80": _kaldi_fbank,
        "torchaudio-kaldi-mfcc13": _kaldi_mfcc,
        "torchaudio-melspec": _melspec,
        "torchaudio-mfcc": _mfcc,
    }
)
