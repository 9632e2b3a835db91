"""NeMo: ``AudioToMelSpectrogramPreprocessor`` with the settings of its FastConformer and Parakeet recipes.

Release 2.5 took over commit 0fd4de534b of July 2025 (zeros instead of mirrored ends, and one frame less), so the
version that is installed decides which of the two presets it can compute: ``nemo-legacy`` up to 2.4, which cannot
mirror a clip of 256 samples or less at its ends, and ``nemo-2025`` from 2.5 on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor
from nemo.package_info import MAJOR, MINOR

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array


def _preprocessed(samples: Samples) -> Array:
    """(n,) -> (frames, 80), of the frames that NeMo calls valid."""
    preprocessor = AudioToMelSpectrogramPreprocessor(
        window_size=0.025, window_stride=0.01, n_fft=512, features=80, normalize="per_feature", pad_to=0
    ).eval()
    features, n_frames = preprocessor(input_signal=torch.from_numpy(samples)[None], length=torch.tensor([len(samples)]))
    rows: Array = features[0, :, : int(n_frames[0])].numpy().T
    return rows


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {"nemo-2025" if (MAJOR, MINOR) >= (2, 5) else "nemo-legacy": _preprocessed}
)
