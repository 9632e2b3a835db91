"""Every knob up to the cepstrum, in the company of others as the systems have them: the programs are the slow twin.

A case is a program: knobs that no two libraries share stand together in one, so that few are compiled. Sizes are odd
wherever a library allows it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from comparing import assert_close_to_scale
from laying import features_of, frontend_with
from signals import noise, over_room_noise, tone
from twins import KNOBS, twin

from audiofeat.dsp.framing import Samples


class Case(NamedTuple):
    features: tuple[str, ...]
    knobs: dict[str, Any]


SMALL = {
    "audio.sample_rate": 8_000,
    "frame.win_samples": 60,
    "frame.hop_samples": 25,
    "frame.n_fft": 64,
    "mel.bands": 6,
}
CASES = {
    "hop longer than an odd window": Case(
        ("waveform", "stft", "spectrogram", "mel", "log_mel"),
        {
            "audio.sample_rate": 11_025, "audio.scale": 0.7,
            "frame.win_samples": 25, "frame.hop_samples": 40, "frame.n_fft": 31, "frame.remove_dc": True,
            "window.type": "hamming", "window.coefficient": 0.6, "window.sampling": "half_sample",
            "preemphasis.coeff": 0.9, "preemphasis.first": "reflect",
            "spectrum.output": "magnitude", "mel.bands": 4, "log.kind": "log10",
        },
    ),
    "python_speech_features at 11,025 Hz": Case(
        ("mel", "log_mel", "mfcc"),
        {
            "audio.sample_rate": 11_025, "audio.scale": 32768.0,
            "frame.win_samples": 276, "frame.hop_samples": 110, "frame.tail": "pad_last", "window.type": "rect",
            "spectrum.norm": "n_fft", "mel.bands": 26, "mel.sides": "bin_floor",
            "log.guard": "replace_zero", "log.floor": 2.0**-52,
            "mfcc.lifter": 22.0, "mfcc.c0": "energy", "energy.source": "spectrum", "energy.floor": 2.0**-52,
        },
    ),
    "torch without centring": Case(
        ("waveform", "stft", "spectrogram", "log_mel"),
        {
            "audio.sample_rate": 11_025, "frame.win_samples": 101, "frame.hop_samples": 33, "frame.n_fft": 130,
            "frame.count_by": "n_fft", "spectrum.norm": "window_energy", "mel.bands": 9, "mel.sides": "hz",
            "mel.grid": "half_int", "mel.norm": "unit_l2", "log.ref": 0.01,
        },
    ),
    "counted by the FFT, zeros behind": Case(
        ("stft", "log_mel"),
        {**SMALL, "frame.win_samples": 21, "frame.hop_samples": 7, "frame.count_by": "n_fft", "frame.tail": "pad_last"},
    ),
    "tf.signal with pad_end": Case(
        ("stft", "spectrogram", "mfcc"),
        {
            **SMALL, "frame.win_samples": 61, "frame.tail": "pad_hop", "window.sampling": "periodic_if_even",
            "preemphasis.coeff": 0.5, "preemphasis.first": "keep", "spectrum.power": 1, "spectrum.output": "ln",
            "log.guard": "add", "log.floor": 1e-6, "mfcc.n": 6, "mfcc.dct": "htk",
        },
    ),
    "Essentia": Case(
        ("stft", "log_mel", "mfcc"),
        {
            **SMALL, "frame.align": "center", "frame.tail": "extra", "window.sampling": "symmetric",
            "spectrum.norm": "window_sum", "mel.norm": "unit_sum", "log.kind": "db", "log.gain": 2.0,
            "mfcc.n": 5, "mfcc.c0": "drop", "mfcc.dct": "x2",
        },
    ),
    "HTK": Case(
        ("mel", "log_mel", "mfcc"),
        {
            "audio.scale": 32768.0, "frame.remove_dc": True, "window.type": "hamming", "window.sampling": "symmetric",
            "preemphasis.coeff": 0.97, "spectrum.power": 1, "mel.bands": 20, "mel.fmin_hz": 60.0, "mel.fmax_hz": 7e3,
            "mel.edge_bins": "htk", "log.floor": 1.0, "mfcc.dct": "htk", "mfcc.c0": "last", "mfcc.lifter": 22.0,
            "energy.source": "windowed", "energy.floor": 1.0, "energy.column": "last",
        },
    ),
    "TFLite's micro frontend, in real numbers": Case(
        ("mel", "log_mel"),
        {
            "frame.win_samples": 480, "frame.hop_samples": 320, "window.sampling": "half_sample",
            "mel.bands": 40, "mel.fmin_hz": 125.0, "mel.fmax_hz": 7_500.0, "mel.edge_bins": "tf_op", "mel.sqrt": True,
            "log.kind": "db",
        },
    ),
    "SpeechBrain, relative to the clip's maximum": Case(
        ("log_mel", "mfcc"),
        {
            **SMALL, "frame.n_fft": 60, "frame.align": "center", "window.type": "hamming", "mel.sides": "hz_left",
            "mel.grid": "half_int", "log.kind": "db", "log.ref": "max", "log.range": 20.0, "mfcc.n": 6,
            "mfcc.lifter": 9.0, "mfcc.lifter_base": 1, "mfcc.dct": "x1", "mfcc.c0": "energy", "energy.column": "first",
        },
    ),
    "HiFi-GAN": Case(
        ("spectrogram", "mel", "log_mel"),
        {
            **SMALL, "frame.hop_samples": 16, "frame.align": "same", "frame.pad": "reflect", "spectrum.power": 1,
            "spectrum.guard": "add", "spectrum.floor": 1e-9, "mel.scale": "slaney", "mel.sides": "hz",
            "mel.norm": "slaney", "log.floor": 1e-5,
        },
    ),
    "ESPnet's vocoder, the last frame dropped": Case(
        ("spectrogram", "log_mel"),
        {
            **SMALL, "frame.align": "center", "frame.pad": "reflect", "frame.drop_last": True, "spectrum.power": 1,
            "spectrum.guard": "max", "spectrum.floor": 1e-4, "spectrum.output": "db", "mel.norm": "unit_max",
            "log.kind": "log10", "log.ref": 3.0, "log.range": 1.5, "log.gain": 0.25, "log.offset": 1.0,
        },
    ),
    "Kaldi without snip-edges and raw energy": Case(
        ("log_mel", "mfcc"),
        {
            **SMALL, "frame.align": "hop_center", "frame.pad": "symmetric", "window.type": "sine", "window.power": 0.85,
            "window.sampling": "symmetric", "preemphasis.coeff": 0.97, "preemphasis.first": "extrapolate",
            "energy.source": "windowed", "energy.column": "first", "mfcc.c0": "energy", "mfcc.n": 4, "log.range": 3.0,
        },
    ),
    "one band": Case(("log_mel", "mfcc"), {**SMALL, "mel.bands": 1, "mfcc.n": 1, "mfcc.c0": "last"}),
    "256 bands, most of them empty": Case(
        ("log_mel",), {**SMALL, "mel.bands": 256, "mel.norm": "unit_sum", "window.type": "blackman"}
    ),
    "a window of one's own": Case(
        ("stft", "spectrogram"),
        {**SMALL, "window.values": [float(n % 7) - 1.0 for n in range(60)], "spectrum.norm": "win_length"},
    ),
    "frames of one sample": Case(
        ("waveform", "stft", "log_mel"),
        {
            **SMALL, "frame.win_samples": 1, "frame.hop_samples": 2, "frame.n_fft": 3, "mel.bands": 1,
            "preemphasis.coeff": 0.97, "preemphasis.first": "extrapolate",
        },
    ),
}  # fmt: skip
PROGRAMS = [pytest.param(*case, id=name) for name, case in CASES.items()]
# Of the feature's largest value, or of 1; behind each the worst that was measured.
FLOAT64 = 1e-11  # 2.5e-13
FLOAT32 = {
    "waveform": 1e-7,  # 8.9e-9
    "stft": 1e-6,  # 1.1e-7
    "mel": 1e-6,  # 1.8e-7
    "spectrogram": 5e-5,  # 5.7e-6, its logarithm
    "log_mel": 5e-6,  # 4.2e-7
    "mfcc": 2e-5,  # 1.9e-6
}


def clips_for(rate_hz: int, win_samples: int) -> list[Samples]:
    """Silence, a tone, and noise of lengths around everything that could matter."""
    lengths = (1, 2, win_samples - 1, win_samples, win_samples + 1, 1_999)
    silence = np.zeros(max(700, 2 * win_samples), np.float32)
    return [silence, over_room_noise(tone(rate_hz))[:3_001], *(noise(n, seed=n) for n in lengths if n)]


@pytest.mark.parametrize(("features", "knobs"), PROGRAMS)
def test_in_float64_a_program_is_the_slow_twin(features: tuple[str, ...], knobs: dict[str, Any]) -> None:
    frontend = frontend_with(knobs, *features)
    recipe = frontend.recipe
    clips = clips_for(recipe.sample_rate_hz, recipe.rule.win_samples)
    specs = {spec.name: spec for spec in recipe.feature_specs()}
    for clip, found in zip(clips, features_of(frontend, clips), strict=True):
        assert list(found) == sorted(features)
        for name, rows in found.items():
            assert (rows.shape[1], str(rows.dtype)) == (specs[name].dims, specs[name].dtype)
            if len(rows) or recipe.rule.n_frames(len(clip)):
                assert_close_to_scale(rows, twin(clip, name, knobs), FLOAT64)


@pytest.mark.parametrize(("features", "knobs"), PROGRAMS)
def test_in_float32_a_program_is_the_slow_twin_but_for_rounding(
    features: tuple[str, ...], knobs: dict[str, Any]
) -> None:
    frontend = frontend_with(knobs, *features, precision="float32")
    clips = [noise(3_001)]
    for clip, found in zip(clips, features_of(frontend, clips), strict=True):
        for name, rows in found.items():
            assert rows.dtype == (np.complex64 if name == "stft" else np.float32)
            assert_close_to_scale(rows, twin(clip, name, knobs), FLOAT32[name])


@pytest.mark.parametrize(("features", "knobs"), PROGRAMS)
def test_no_clip_feels_its_neighbours(features: tuple[str, ...], knobs: dict[str, Any]) -> None:
    frontend = frontend_with(knobs, *features, precision="float32")
    clip = over_room_noise(tone(frontend.recipe.sample_rate_hz))[:3_001]
    alone = features_of(frontend, [clip])[0]
    beside = [noise(1, level=3.0), clip, noise(frontend.length + 77), clip, np.full(999, 0.9, np.float32), clip]
    for features_beside in features_of(frontend, beside, block_samples=997)[1::2]:
        for name, rows in features_beside.items():
            np.testing.assert_array_equal(rows, alone[name], err_msg=name)


def test_every_knob_of_the_twin_is_turned_in_some_case() -> None:
    turned = {name for case in CASES.values() for name, value in case.knobs.items() if value != KNOBS[name]}
    assert sorted(KNOBS.keys() - turned) == []
