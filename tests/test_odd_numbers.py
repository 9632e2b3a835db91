"""Odd numbers against the slow twin, in float64: extremes, draws of all settings together, bands that hold no bin.

What test_knobs_programs.py shows of one knob at a time is not shown again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import yaml
from comparing import RATES_HZ, assert_close_to_scale, rows_of, twin_of
from filterbank_twin import triangles
from laying import config_of
from preset_twins import config_twin
from running import audiofeat
from signals import noise
from twins import KNOBS

import audiofeat as package
from audiofeat.config import load_config
from audiofeat.errors import ConfigError
from audiofeat.frontend.recipe import empty_band_warnings

FLOAT64 = 1e-11  # 2.0e-12

# Sizes


class Extreme(NamedTuple):
    feature: str
    frames: tuple[int, int, int]
    knobs: dict[str, Any]


LENGTHS = (1, 2, 2_503)
"""Of clips in samples; of each, an extreme's number of frames."""
EXTREMES = {
    "an FFT of one sample": Extreme(
        "stft", (1, 2, 2_503), {"frame.win_samples": 1, "frame.hop_samples": 1, "frame.n_fft": 1}
    ),
    "an FFT of two samples": Extreme(
        "spectrogram", (0, 1, 834), {"frame.win_samples": 2, "frame.hop_samples": 3, "frame.n_fft": 2}
    ),
    "one sample amid a long FFT": Extreme(
        "log_mel",
        (1, 1, 358),
        {"frame.win_samples": 1, "frame.hop_samples": 7, "frame.n_fft": 501, "frame.align": "center", "mel.bands": 9},
    ),
    "a window of one second": Extreme(
        "mfcc",
        (1, 1, 1),
        {"audio.sample_rate": 8_000, "frame.win_samples": 8_001, "frame.n_fft": 8_193, "frame.tail": "pad_last"},
    ),
    "a hop longer than the clip": Extreme(
        "log_mel", (1, 1, 1), {"frame.hop_samples": 100_003, "frame.align": "center"}
    ),
    "a hop longer than the clip, mirrored": Extreme(
        "log_mel",
        (0, 0, 1),
        {"frame.hop_samples": 4_001, "frame.align": "hop_center", "frame.pad": "symmetric"},
    ),
    "edges longer than the clip": Extreme(
        "log_mel",
        (1, 1, 16),
        {"frame.win_samples": 4_001, "frame.n_fft": 6_001, "frame.align": "center", "frame.pad": "reflect"},
    ),
    "as many coefficients as bands, 256": Extreme(
        "mfcc", (0, 0, 14), {"frame.n_fft": 4_096, "mel.bands": 256, "mfcc.n": 256}
    ),
    "one coefficient of one band": Extreme(
        "mfcc", (0, 0, 14), {"mel.bands": 1, "mfcc.n": 1, "mfcc.dct": "x2", "mfcc.lifter": 1.0}
    ),
    "a hop of one sample": Extreme(
        "log_mel", (0, 0, 2_473), {"frame.hop_samples": 1, "frame.win_samples": 31, "frame.n_fft": 37}
    ),
}


@pytest.mark.parametrize("case", EXTREMES)
@pytest.mark.parametrize("n_samples", LENGTHS)
def test_extremes_are_their_slow_twin(case: str, n_samples: int) -> None:
    feature, frames, knobs = EXTREMES[case]
    samples = noise(n_samples)
    found = rows_of(samples, knobs, feature)
    assert len(found) == frames[LENGTHS.index(n_samples)]
    assert_close_to_scale(found, twin_of(samples, knobs, feature), FLOAT64)


def drawn(number: int) -> tuple[str, dict[str, Any]]:
    """A feature and settings that fit together, every size and choice by lot.

    Left out is where rounding decides between two numbers: corners of bands on a bin, logarithms of what is left over
    from a difference, deviations of what does not change.
    """
    lot = random.Random(number)
    rate_hz = lot.choice([*RATES_HZ, 7_919, 31_337])
    win_samples = lot.choice([1, 2, 3, *(lot.randrange(5, 600) for _ in range(6))])
    n_fft = max(win_samples, 64) + lot.choice([0, 1, 2, lot.randrange(600)])
    hop_samples = lot.randrange(5, win_samples + 200)
    align = lot.choice(["left", "left", "center", "hop_center", "same"])
    if align == "same" and (n_fft < hop_samples or (n_fft - hop_samples) % 2):
        align = "center"
    bands = lot.choice([1, 2, lot.randrange(3, 80), 256])
    fmin_hz = lot.choice([0.0, lot.uniform(1.0, rate_hz / 5)])
    tail = {"left": lot.choice(["drop", "pad_last", "pad_hop"]), "center": lot.choice(["drop", "drop", "extra"])}
    knobs = {
        "audio.sample_rate": rate_hz,
        "audio.scale": lot.choice([1.0, 32768.0]),
        "frame.win_samples": win_samples,
        "frame.hop_samples": hop_samples,
        "frame.n_fft": n_fft,
        "frame.align": align,
        "frame.pad": "zero" if align == "left" else lot.choice(["zero", "reflect", "symmetric"]),
        "frame.count_by": lot.choice(["win", "n_fft"]) if align == "left" else "win",
        "frame.tail": tail.get(align, "drop"),
        "frame.remove_dc": lot.random() < 0.3,
        "window.type": lot.choice(["rect", "hann", "hamming", "blackman", "sine"]),
        "window.sampling": lot.choice(["periodic", "symmetric", "half_sample", "periodic_if_even"]),
        "preemphasis.coeff": lot.choice([0.0, 0.97]),
        "preemphasis.scope": lot.choice(["frame", "signal"]),
        "preemphasis.first": lot.choice(["replicate", "keep", "reflect", "extrapolate"]),
        "spectrum.power": lot.choice([1, 2]),
        "spectrum.norm": lot.choice(["none", "n_fft", "win_length"]),
        "mel.bands": bands,
        "mel.fmin_hz": fmin_hz,
        "mel.fmax_hz": lot.choice([None, lot.uniform(fmin_hz + 50.0, rate_hz / 2)]),
        "mel.scale": lot.choice(["htk", "slaney"]),
        "mel.sides": lot.choice(["mel", "hz", "hz_left"]),
        "mel.norm": lot.choice(["none", "slaney"]),
        "mel.edge_bins": lot.choice(["all", "all", "htk", "tf_op"]),
        "log.kind": lot.choice(["ln", "log10", "db"]),
        "log.guard": lot.choice(["max", "add"]),
        "log.range": lot.choice([None, 3.0]),
        "mfcc.n": lot.randrange(1, bands + 1),
        "mfcc.dct": lot.choice(["ortho", "htk", "x1"]),
        "mfcc.lifter": lot.choice([0.0, 22.0]),
        "deltas.orders": lot.choice([0, 1, 2]),
        "deltas.window": lot.randrange(1, 9),
        "deltas.form": lot.choice(["sequential", "open_end", "composed", "savgol"]),
        "cmvn.mode": lot.choice(["none", "mean"]),
        "stack.left": lot.randrange(3),
        "stack.right": lot.randrange(3),
        "stack.stride": lot.randrange(1, 4),
        "stack.tail": lot.choice(["pad", "drop"]),
    }
    return lot.choice(["mel", "log_mel", "mfcc"]), knobs


@pytest.mark.parametrize("number", range(32))
def test_settings_drawn_by_lot_are_their_slow_twin(number: int) -> None:
    feature, knobs = drawn(number)
    for n_samples in (1, knobs["frame.win_samples"], 2_111):
        samples = noise(n_samples)
        assert_close_to_scale(rows_of(samples, knobs, feature), twin_of(samples, knobs, feature), FLOAT64)


# Bands without a bin


def bands_without_bin(knobs: Mapping[str, Any]) -> list[int]:
    weights = triangles({**KNOBS, **knobs})
    return [band for band in range(weights.shape[1]) if not weights[:, band].any()]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_bands_without_a_bin_are_named_or_refused(rate_hz: int) -> None:
    knobs = {"audio.sample_rate": rate_hz, "mel.bands": 256}
    empty = bands_without_bin(knobs)
    names = ", ".join(map(str, empty[:8])) + (", …" if len(empty) > 8 else "")
    told = f"{len(empty)} of 256 mel bands hold no FFT bin and would be constant (bands {names}, counted from 0)"
    (warning,) = empty_band_warnings(load_config(config_of(knobs, "log_mel")))
    assert warning.startswith(f"log_mel: {told}; ")
    with pytest.raises(ConfigError, match=re.escape(f"mel.bands: mfcc: {told}, and mel.empty is error")):
        empty_band_warnings(load_config(config_of({**knobs, "mel.empty": "error"}, "mfcc")))


def test_the_bands_without_a_bin_are_constant_and_no_others() -> None:
    knobs = {"audio.sample_rate": 11_025, "mel.bands": 256}
    rows = rows_of(noise(4_001), knobs, "log_mel")
    constant = [band for band in range(256) if not np.ptp(rows[:, band])]
    assert constant == bands_without_bin(knobs)
    assert len(constant) == 18


# As a user meets them


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clips at 11,025 Hz, of 0.36 s and 0.9 s."""
    (tmp_path / "clips").mkdir()
    for name, n_samples in (("short", 4_001), ("long", 9_923)):
        # Whole numbers: libsndfile rounds fractions in its own way for each format.
        samples = np.random.default_rng(n_samples).integers(-9_000, 9_000, n_samples, np.int16)
        soundfile.write(tmp_path / "clips" / f"{name}.wav", samples, 11_025, subtype="PCM_16")
    return tmp_path / "clips"


JOB = {
    "audio.sample_rate": 11_025,
    "audio.peak": 0.95,
    "audio.quantize": "int16",
    "length.pad_to_seconds": 0.55,
    "length.pad_with": "repeat_whole",
    "length.pad_step_seconds": 0.2,
    "length.cut_to_seconds": 0.93,
    "frame.win_samples": 275,
    "frame.hop_samples": 331,
    "frame.n_fft": 301,
    "frame.align": "center",
    "frame.pad": "reflect",
    "mel.bands": 101,
    "mel.sides": "hz",
    "deltas.orders": 1,
    "cmvn.mode": "meanvar",
    "cmvn.eps": 1e-3,
    "stack.right": 1,
    "stack.stride": 2,
    "stack.order": "columns",
    "length.frames": 15,
    "length.pad_value": -1.5,
}


def test_a_job_of_odd_numbers_goes_from_files_to_its_slow_twins_rows(folder: Path, tmp_path: Path) -> None:
    config = config_of(JOB, "log_mel")
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(config))
    store = tmp_path / "store"
    done = audiofeat("extract", folder, store, "-c", tmp_path / "job.yaml", "--set", "compute.precision=float64")
    assert (done.code, done.err) == (0, "")
    assert "1 of 101 mel bands holds no FFT bin and would be constant (band " in done.out
    assert list(package.open_store(store)) == ["long", "short"]
    for key, clip in package.open_store(store).items():
        samples, rate_hz = soundfile.read(folder / f"{key}.wav", dtype="float32")
        assert rate_hz == 11_025
        assert clip["log_mel"].shape == (15, 404)
        assert_close_to_scale(clip["log_mel"], config_twin(config, samples), FLOAT64)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["frame.n_fft=399"],
            "n_fft is 399 but win_samples is 400: the window must fit into the FFT; raise n_fft or lower win_samples",
        ),
        (
            ["audio.sample_rate=11025", "mel.fmax_hz=5513"],
            "fmax_hz is 5513 but audio at 11025 Hz holds nothing above 5512.5 Hz; lower it, leave it out, or raise",
        ),
        (
            ["mel.bands=256", "mel.empty=error"],
            "25 of 256 mel bands hold no FFT bin and would be constant (bands 2, 3, 6, 7, 8, 11, 12, 15, …, counted",
        ),
        (
            ["frame.align=same", "frame.hop_samples=161"],
            "n_fft is 512 and hop_samples is 161; make the difference even",
        ),
        (["mel.bands=0"], "0: must be at least 1"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_what_would_do(
    folder: Path, tmp_path: Path, settings: list[str], message: str
) -> None:
    chosen = [word for setting in settings for word in ("--set", setting)]
    done = audiofeat("extract", folder, tmp_path / "store", "-c", "kaldi-fbank80", *chosen)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not (tmp_path / "store").exists()
