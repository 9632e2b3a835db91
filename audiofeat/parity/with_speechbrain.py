"""SpeechBrain 1.1: ``speechbrain.lobes.features.Fbank`` and ``.MFCC`` with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from speechbrain.lobes.features import MFCC, Fbank

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array


def _fbank(samples: Samples) -> Array:
    """(n,) -> (frames, 40) dB."""
    bands: Array = Fbank()(torch.from_numpy(samples)[None])[0].numpy()
    return bands


def _mfcc(samples: Samples) -> Array:
    """(n,) -> (frames, 660): 20 coefficients with two orders of deltas, each of them in eleven rows."""
    cepstra: Array = MFCC()(torch.from_numpy(samples)[None])[0].numpy()
    return cepstra


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {"speechbrain-fbank40": _fbank, "speechbrain-mfcc": _mfcc}
)
