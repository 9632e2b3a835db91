"""A frontend inside a graph gives what the compiled programs of a worker give, and with them ``extract``.

Bit for bit wherever no step sums over a clip; XLA's flags are those of a worker (``laying.on_cpu``), as README asks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from laying import config_of, features_of, on_cpu
from signals import noise

from audiofeat.config import load_config
from audiofeat.dsp.signal import prepared_samples
from audiofeat.frontend.program import Frontend as Programs
from audiofeat.frontend.recipe import recipe_of

LENGTHS = (5_000, 16_000, 0, 1, 23_456, 399, 400, 2_000, 12_345)
SAME_BITS: dict[str, dict[str, Any]] = {
    "all features": {"frame.align": "center", "frame.pad": "reflect", "spectrum.norm": "n_fft"},
    "kaldi": {
        "audio.scale": 32768.0,
        "frame.align": "hop_center",
        "frame.pad": "symmetric",
        "frame.remove_dc": True,
        "preemphasis.coeff": 0.97,
        "energy.column": "first",
    },
    "whole signal": {
        "audio.quantize": "int16",
        "audio.peak": 0.95,
        "length.pad_to_seconds": 0.6,
        "length.pad_step_seconds": 0.25,
        "length.pad_with": "repeat_whole",
        "length.cut_to_seconds": 1.2,
        "preemphasis.coeff": 0.97,
        "preemphasis.scope": "signal",
        "preemphasis.first": "extrapolate",
        "frame.tail": "pad_hop",
    },
    "deltas": {"deltas.orders": 2, "stack.left": 1, "stack.right": 2, "stack.stride": 3, "log.kind": "db"},
    "clip's maximum": {"log.kind": "db", "log.ref": "max", "log.range": 60.0, "deltas.orders": 2, "length.frames": 90},
    "interp": {"deltas.orders": 2, "deltas.form": "savgol", "deltas.edge": "interp", "stack.edge": "zero"},
    "float64": {
        "compute.precision": "float64",
        "frame.tail": "pad_last",
        "deltas.orders": 2,
        "deltas.form": "open_end",
    },
}
NEARLY: dict[str, dict[str, Any]] = {
    "clip": {"cmvn.mode": "meanvar", "cmvn.over": "clip"},
    "clip_all": {"cmvn.mode": "meanvar", "cmvn.over": "clip_all", "cmvn.ddof": 1},
    "sliding": {"cmvn.mode": "meanvar", "cmvn.over": "sliding", "cmvn.window_frames": 40, "cmvn.min_frames": 10},
}
SHIFTED_ONLY = ("waveform", "stft", "spectrogram", "mel", "log_mel", "mfcc")


def clips() -> list[npt.NDArray[np.float32]]:
    return [noise(length, seed=length) for length in LENGTHS]


def batch_of(arrays: list[npt.NDArray[np.float32]], *, filler: float = np.nan) -> npt.NDArray[np.float32]:
    batch = np.full((len(arrays), max(map(len, arrays))), filler, np.float32)
    for row, array in zip(batch, arrays, strict=True):
        row[: len(array)] = array
    return batch


def served_and_wanted(knobs: dict[str, Any], *features: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each clip's features from a graph, and from the compiled programs."""
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    config = load_config(config_of(knobs, *features))
    served = Frontend(config)
    given = clips()
    out = {name: value.numpy() for name, value in served(batch_of(given), [len(clip) for clip in given]).items()}
    counts = out.pop("frames")
    fewest = recipe_of(config).fewest_frames
    recipe = recipe_of(config)
    pairs = []
    gains = [config.audio.peak / np.abs(clip).max() if config.audio.peak and len(clip) else 1.0 for clip in given]
    loud = [clip * np.float32(gain) for clip, gain in zip(given, gains, strict=True)]
    for number, wanted in enumerate(features_of(Programs(recipe), loud)):
        if recipe.rule.n_frames(prepared_samples(len(given[number]), recipe.signal)) < fewest:
            assert counts[number] == 0
            continue
        found = {name: values[number][: counts[number]] for name, values in out.items()}
        assert all(not values[number][counts[number] :].any() for values in out.values())
        pairs.append((found, wanted))
    return pairs


@pytest.mark.parametrize("name", SAME_BITS)
def test_a_graph_gives_the_bits_of_the_programs(name: str) -> None:
    features = SHIFTED_ONLY if name == "all features" else ("log_mel", "mfcc", "spectrogram")
    pairs = served_and_wanted(SAME_BITS[name], *features)
    assert len(pairs) >= 5
    for found, wanted in pairs:
        assert found.keys() == wanted.keys()
        for feature, values in wanted.items():
            assert found[feature].dtype == values.dtype
            np.testing.assert_array_equal(found[feature], values, err_msg=feature)


@pytest.mark.parametrize("name", NEARLY)
def test_sums_over_a_clip_agree_to_1e_5(name: str) -> None:
    for found, wanted in served_and_wanted(NEARLY[name], "log_mel", "mfcc"):
        for feature, values in wanted.items():
            np.testing.assert_allclose(found[feature], values, rtol=1e-5, atol=1e-5, err_msg=feature)
