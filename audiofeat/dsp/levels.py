"""The level of a clip, gathered while its samples pass: peak, RMS, clipped and silent share; and NaN found out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from audiofeat.dsp.framing import Samples

FULL_SCALE = 32767.0 / 32768.0
"""The largest 16-bit sample: at or beyond it a sample counts as clipped."""

SILENCE = 1e-3
"""-60 dB of full scale: a part whose RMS is below it counts as silent."""

LARGEST_PEAK = 1e8
"""Far above any sound."""

LARGEST_SCALED_PEAK = LARGEST_PEAK * 32_768.0
"""Over a window of a million samples its square still fits float32."""

PART_SAMPLES = 256
"""The unit in which silence is looked for: 16 ms at 16 kHz."""

_SILENT_PART = PART_SAMPLES * SILENCE**2
"""The energy below which such a part is silent."""


class Levels:
    """Levels of a clip; valid once :meth:`watch` has been exhausted.

    Sums are taken over fixed parts of each block and those added in float64: the same blocks, the same bits.
    """

    __slots__ = ("_clipped", "_energy", "_silent_samples", "n_samples", "peak")

    def __init__(self) -> None:
        self.n_samples = 0
        self.peak = 0.0
        self._energy = 0.0
        self._clipped = 0
        self._silent_samples = 0

    def watch(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Yield the blocks of (n,) float32 as they are, and take notice of them."""
        for block in blocks:
            block_peak = max(float(np.maximum.reduce(block)), -float(np.minimum.reduce(block)))
            # So put that a NaN, which compares false with all, gets in, and once in, stays.
            if not block_peak <= self.peak and not math.isnan(self.peak):
                self.peak = block_peak
            if block_peak >= FULL_SCALE:
                self._clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE))
            whole = len(block) // PART_SAMPLES * PART_SAMPLES
            if whole:
                parts = block[:whole].reshape(-1, PART_SAMPLES)
                energies = np.einsum("ij,ij->i", parts, parts)
                self._energy += float(np.add.reduce(energies, dtype=np.float64))
                self._silent_samples += PART_SAMPLES * int(np.count_nonzero(energies < _SILENT_PART))
            if whole < len(block):
                rest = block[whole:].reshape(1, -1)
                (energy,) = np.einsum("ij,ij->i", rest, rest)
                self._energy += float(energy)
                self._silent_samples += rest.size if energy < rest.size * SILENCE**2 else 0
            self.n_samples += len(block)
            yield block

    @property
    def is_finite(self) -> bool:
        """Whether no sample was NaN or infinite."""
        return math.isfinite(self.peak)

    def is_in_range(self, *, scale: float) -> bool:
        """Whether no power of the spectrum of the samples times ``scale`` can leave float32's range."""
        return self.peak <= LARGEST_PEAK and self.peak * scale <= LARGEST_SCALED_PEAK

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
        """Share of the clip whose parts have an RMS below :data:`SILENCE`, 0 to 1."""
        return self._silent_samples / self.n_samples if self.n_samples else 0.0
