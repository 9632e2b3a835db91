"""A feature has the same bits alone, in pairs and beside all others: XLA fuses other steps each time.

Features that share steps but not all of them are the hard ones: then a value that was computed within a step has to be
kept for another, and what was one step becomes two.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from laying import Array, features_of, frontend_of
from signals import noise

OWN_SETTINGS = {
    "waveform": "{}",
    "stft": "{spectrum: {norm: n_fft}}",
    "spectrogram": "{spectrum: {output: db, power: 2, norm: n_fft}, log: {ref: 0.7}}",
    "mel": "{spectrum: {norm: n_fft}}",
    "log_mel": "{log: {gain: 0.37, offset: 0.11}, energy: {column: last, source: raw_frame}}",
    "mfcc": "{log: {ref: 0.3}, spectrum: {norm: n_fft}, energy: {source: spectrum, column: first}}",
}
SHARED = ("log.guard=max", "log.floor=1.0e-10", "energy.floor=1.0e-6", "audio.scale=3.3", "compute.tape_slots=256")
PRESETS = ["kaldi-mfcc13", "librosa-mfcc"]
PAIRS = [("log_mel", "mfcc"), ("waveform", "log_mel"), ("spectrogram", "mel")]


@functools.cache
def made(preset: str, *names: str) -> dict[str, Array]:
    """Features of one clip, made by one program, or by two where a step waits for the clip's end."""
    features = ", ".join(f"{name}: {OWN_SETTINGS[name]}" for name in names)
    return features_of(frontend_of(preset, f"features={{{features}}}", *SHARED), [noise(9_000)])[0]


@pytest.mark.parametrize("names", [*PAIRS, tuple(OWN_SETTINGS)], ids="+".join)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_feature_has_the_same_bits_alone_and_beside_others(preset: str, names: tuple[str, ...]) -> None:
    together = made(preset, *names)
    assert sorted(together) == sorted(names)
    for name, rows in together.items():
        np.testing.assert_array_equal(rows, made(preset, name)[name], err_msg=name)
