"""No value feels a neighbour: any clips, in any order, each as loud or as silent as may be, give each its own bits.

All features at once, with steps of every kind: frame by frame, over the clip's maximum, over its mean and deviation,
along time.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laying import Array, Layer, frontend_with

from audiofeat.dsp.framing import Samples
from audiofeat.frontend.program import Frontend

FEATURES = ("waveform", "stft", "spectrogram", "mel", "log_mel", "mfcc")
JOBS: dict[str, dict[str, Any]] = {
    "centred, hop shorter than half the window": {
        "frame.win_samples": 50,
        "frame.hop_samples": 20,
        "frame.n_fft": 64,
        "frame.align": "center",
        "frame.pad": "reflect",
        "log.range": 20.0,
        "cmvn.mode": "meanvar",
        "deltas.orders": 2,
        "mel.bands": 8,
        "mfcc.n": 5,
        "stack.right": 1,
        "stack.stride": 2,
    },
    "hop longer than the window, energies": {
        "frame.win_samples": 31,
        "frame.hop_samples": 40,
        "frame.n_fft": 33,
        "frame.tail": "pad_last",
        "frame.remove_dc": True,
        "preemphasis.coeff": 0.97,
        "log.ref": "max",
        "cmvn.mode": "mean",
        "cmvn.over": "sliding",
        "cmvn.window_frames": 7,
        "mel.bands": 4,
        "mfcc.n": 4,
        "mfcc.c0": "energy",
        "energy.column": "last",
    },
}
LOUDNESS = (0.0, 1e-7, 0.3, 1e4)


@functools.cache
def noise(n_samples: int, seed: int) -> Samples:
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, n_samples).astype(np.float32) * np.float32(LOUDNESS[seed % len(LOUDNESS)])


@functools.cache
def alone(frontend: Frontend, n_samples: int, seed: int) -> dict[str, Array]:
    return Layer(frontend).features_of([noise(n_samples, seed)])[0]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("job", JOBS)
@given(
    clips=st.lists(st.tuples(st.sampled_from([1, 19, 20, 31, 32, 50, 51, 100, 777, 4_999, 12_345]), st.integers(0, 7))),
    block_samples=st.sampled_from([1_000, 65_536]),
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_each_clip_has_the_bits_that_it_has_alone(
    precision: str, job: str, clips: list[tuple[int, int]], block_samples: int
) -> None:
    frontend = frontend_with(JOBS[job], *FEATURES, precision=precision)
    together = Layer(frontend).features_of([noise(*clip) for clip in clips], block_samples=block_samples)
    for clip, found in zip(clips, together, strict=True):
        wanted = alone(frontend, *clip)
        for feature in FEATURES:
            assert found[feature].tobytes() == wanted[feature].tobytes(), (clip, feature)
            assert found[feature].shape == wanted[feature].shape
