"""The level of a clip, gathered while its samples pass: peak, RMS, clipped and silent share; and NaN found out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from audiofeat.dsp.framing import Samples

FULL_SCALE = 32767.0 / 32768.0
"""The largest 16-bit sample: at or beyond it a sample counts as clipped."""

SILENCE = 1e-3
"""-60 dB of full scale: below it a sample counts as silent."""

LARGEST_PEAK = 1e8
"""Far above any sound; times 32,768, over a window of a million samples, its square still fits float32."""

_PART_SAMPLES = 256


class Levels:
    """Levels of a clip; valid once :meth:`watch` has been exhausted.

    Sums are taken over fixed parts of each block and those added in float64: the same blocks, the same bits.
    """

    __slots__ = ("_clipped", "_energy", "_magnitude", "_silent", "n_samples", "peak")

    def __init__(self) -> None:
        self.n_samples = 0
        self.peak = 0.0
        self._energy = 0.0
        self._clipped = 0
        self._silent = 0
        self._magnitude = np.empty(0, np.float32)

    def watch(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Yield the blocks of (n,) float32 as they are, and take notice of them."""
        for block in blocks:
            if len(self._magnitude) < len(block):
                self._magnitude = np.empty(len(block), np.float32)
            magnitude = np.abs(block, out=self._magnitude[: len(block)])
            block_peak = float(magnitude.max())
            # So put that a NaN, which compares false with all, gets in, and once in, stays.
            if not block_peak <= self.peak and not math.isnan(self.peak):
                self.peak = block_peak
            if block_peak >= FULL_SCALE:
                self._clipped += int(np.count_nonzero(magnitude >= FULL_SCALE))
            self._silent += int(np.count_nonzero(magnitude < SILENCE))
            whole = len(block) // _PART_SAMPLES * _PART_SAMPLES
            parts = block[:whole].reshape(-1, _PART_SAMPLES)
            self._energy += float(np.einsum("ij,ij->i", parts, parts).sum(dtype=np.float64))
            self._energy += float(np.square(block[whole:], dtype=np.float64).sum())
            self.n_samples += len(block)
            yield block

    @property
    def is_finite(self) -> bool:
        """Whether no sample was NaN or infinite."""
        return math.isfinite(self.peak)

    @property
    def is_in_range(self) -> bool:
        """Whether no power of the samples' spectrum can leave float32's range."""
        return self.peak <= LARGEST_PEAK

    @property
    def rms(self) -> float:
        """Root mean square of the samples."""
        return math.sqrt(self._energy / self.n_samples) if self.n_samples else 0.0

    @property
    def clipped_share(self) -> float:
        """Share of samples at or beyond :data:`FULL_SCALE`, 0 to 1."""
        return self._clipped / self.n_samples if self.n_samples else 0.0

    @property
    def silent_share(self) -> float:
        """Share of samples below :data:`SILENCE`, 0 to 1."""
        return self._silent / self.n_samples if self.n_samples else 0.0
