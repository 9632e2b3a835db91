"""From the sample rate of a decoder's blocks to the one that the features want.

Resampling is soxr's ``HQ``, one stream a clip, so that a long file needs no more memory than a short one. A stream of
several channels gives the bits of as many streams of one.

Reference: R. Sykes, the SoX Resampler library, https://sourceforge.net/p/soxr.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from audiofeat.errors import ClipError

Samples = NDArray[np.float32]

BLOCK_FRAMES = 65_536
"""Frames that are decoded at once: memory stays flat, and a short clip is one read."""


def check_finite(block: Samples, *, from_frame: int) -> None:
    """Refuse samples that are no numbers, where they are still those of the file.

    Raises:
        ClipError: ``input.non-finite``.
    """
    finite = np.isfinite(block)
    if not finite.all():
        odd = np.flatnonzero(~finite.all(axis=1))
        raise ClipError(
            "input.non-finite",
            f"NaN or infinity in {len(odd)} of {len(block)} frames from frame {from_frame} on, the first in frame "
            f"{from_frame + odd[0]}",
            hint="write the file again from its source",
        )


class Resampler:
    """One clip's way from its own sample rate to another (both Hz).

    Shape:
        push (n, channels) -> (m, channels); finish () -> (m, channels)
    """

    def __init__(self, *, native_sample_rate: int, sample_rate: int, channels: int) -> None:
        self._channels = channels
        self._stream = soxr.ResampleStream(native_sample_rate, sample_rate, channels, dtype="float32", quality="HQ")

    def push(self, block: Samples) -> Samples:
        """Take samples, give those that are ready; possibly none."""
        return self._resample(block, is_last=False)

    def finish(self) -> Samples:
        """The samples still held back."""
        return self._resample(np.empty((0, self._channels), np.float32), is_last=True)

    def _resample(self, block: Samples, *, is_last: bool) -> Samples:
        # soxr takes one channel as (n,) only.
        given = block.reshape(-1) if self._channels == 1 else np.ascontiguousarray(block)
        ready: Samples = self._stream.resample_chunk(given, last=is_last)
        return ready.reshape(-1, self._channels)
