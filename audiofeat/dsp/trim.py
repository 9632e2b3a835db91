"""Where the sound in a clip begins and ends, and how loud its loudest sample is.

``trim_bounds`` finds the interval of librosa.effects.trim: frames of 2048 samples every 512, centred, silence beyond
the ends; a frame counts whose RMS is less than ``top_db`` below the loudest frame's. A frame is four parts of 512
samples, so the energies of parts are all that is kept of the signal. Decibels are compared as powers, which needs no
logarithm.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from audiofeat.dsp.row_blocks import Array, Blocks, stretches

PART_SAMPLES = 512
PARTS_OF_FRAME = 4
LEAST_POWER = 1e-10
"""What librosa takes every lower power for: the square of amplitude_to_db's amin."""


def trim_bounds(blocks: Blocks, *, n_samples: int, top_db: float) -> tuple[int, int]:
    """The first sample to keep, and the one behind the last; all of them where all is silent.

    Shape:
        blocks (n,) of reals, ``n_samples`` in all.
    Reference:
        librosa.effects.trim, with its default frame_length, hop_length and ref.
    """
    if n_samples == 0:
        return 0, 0
    # Two parts of silence before the clip; behind it, one, or two where its last part is whole.
    n_frames = 1 + n_samples // PART_SAMPLES
    energies = np.zeros(n_frames + PARTS_OF_FRAME - 1)
    found = _part_energies(blocks(), n_samples=n_samples)
    energies[2 : 2 + len(found)] = found
    frames = np.lib.stride_tricks.sliding_window_view(energies, PARTS_OF_FRAME)
    powers = frames[:, 0] + frames[:, 1] + frames[:, 2] + frames[:, 3]
    powers = np.maximum(powers / (PARTS_OF_FRAME * PART_SAMPLES), LEAST_POWER)
    loud = np.flatnonzero(powers > powers.max() * 10.0 ** (-top_db / 10.0))
    if not len(loud):  # NaN is in it, which others find out about
        return 0, n_samples
    return int(loud[0]) * PART_SAMPLES, min(n_samples, (int(loud[-1]) + 1) * PART_SAMPLES)


def peak_of(blocks: Blocks) -> float:
    """The largest absolute sample; 0 where there are none, NaN where one is NaN."""
    peaks = [np.maximum(block.max(), -block.min()) for block in blocks() if len(block)]
    return float(np.max(peaks)) if peaks else 0.0


def _part_energies(blocks: Iterable[Array], *, n_samples: int) -> Array:
    """Sums of squares of every 512 samples, counted from the clip's first: (parts,) float64."""
    sums = []
    for stretch in stretches(blocks, n_rows=n_samples, size=128 * PART_SAMPLES):
        parts = np.zeros((-(-len(stretch.rows) // PART_SAMPLES), PART_SAMPLES))
        parts.reshape(-1)[: len(stretch.rows)] = stretch.rows
        sums.append(np.add.reduce(np.square(parts), axis=1))
    return np.concatenate(sums)
