"""ESPnet 202511: ``DefaultFrontend`` (recognition) and ``LogMelFbank`` (synthesis) of espnet2, with their defaults.

A clip not longer than half an FFT cannot be mirrored at its ends and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from espnet2.asr.frontend.default import DefaultFrontend
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array


def _rows(frontend: Any, samples: Samples) -> Array:
    features, n_frames = frontend(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
    rows: Array = features[0, : int(n_frames[0])].numpy()
    return rows


def _asr(samples: Samples) -> Array:
    """(n,) -> (frames, 80) ln power."""
    return _rows(DefaultFrontend(), samples)


def _tts(samples: Samples) -> Array:
    """(n,) -> (frames, 80) log10 magnitude."""
    return _rows(LogMelFbank(), samples)


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"espnet-asr": _asr, "espnet-tts": _tts})
