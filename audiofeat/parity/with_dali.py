"""NVIDIA DALI 2.4 on the CPU: ``spectrogram``, ``mel_filter_bank`` and ``to_decibels``, as in its log-mel example.

The example is ``docs/examples/audio_processing/spectrogram.ipynb`` of DALI's repository.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from nvidia.dali import fn
from nvidia.dali.pipeline import Pipeline

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity.excerpts import RefusedError

_SAMPLES = "samples"


@cache
def _pipeline() -> Any:
    """One clip in, (128, frames) out."""
    pipeline = Pipeline(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipeline:
        power = fn.spectrogram(fn.external_source(name=_SAMPLES), nfft=2048, window_length=2048, window_step=512)
        bands = fn.mel_filter_bank(power, sample_rate=22050, nfilter=128, freq_high=8000.0)
        pipeline.set_outputs(fn.to_decibels(bands, multiplier=10.0, cutoff_db=-80.0))
    pipeline.build()
    return pipeline


def _logmel(samples: Samples) -> Array:
    """(n,) -> (frames, 128)."""
    if not samples.any():
        raise RefusedError("of digital silence DALI makes -80 dB, and audiofeat 0 dB: it is its own maximum")
    pipeline = _pipeline()
    pipeline.feed_input(_SAMPLES, [samples])
    (batch,) = pipeline.run()
    rows: Array = np.array(batch.at(0)).T
    return rows


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"dali-logmel": _logmel})
