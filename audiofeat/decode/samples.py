"""From a decoder's blocks to mono at the rate that the features want.

The mix is the plain mean of the channels in float32, added in channel order: the bits of ``librosa.to_mono`` and of
``numpy.mean`` over the rows of (channels, n). Resampling is soxr's ``HQ``, one stream a clip, so that a long file
needs no more memory than a short one.

Reference: R. Sykes, the SoX Resampler library, https://sourceforge.net/p/soxr.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BLOCK_FRAMES = 65_536
"""Frames that are decoded at once: memory stays flat, and a short clip is one read."""


def to_mono(block: Samples) -> Samples:
    """The mean over the channels.

    Shape:
        block (n, channels) -> (n,)
    """
    channels = block.shape[1]
    if channels == 1:
        return block.reshape(-1)
    total = block[:, 0] + block[:, 1]
    for channel in range(2, channels):
        total += block[:, channel]
    total /= np.float32(channels)
    return total


class Resampler:
    """One clip's way from its own sample rate to another (both Hz)."""

    def __init__(self, *, native_sample_rate: int, sample_rate: int) -> None:
        self._stream = soxr.ResampleStream(native_sample_rate, sample_rate, 1, dtype="float32", quality="HQ")

    def push(self, block: Samples) -> Samples:
        """Take (n,) samples, give those that are ready; possibly none."""
        ready: Samples = self._stream.resample_chunk(block)
        return ready

    def finish(self) -> Samples:
        """The samples still held back."""
        ready: Samples = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        return ready
