"""What Kaldi's filterbank and python_speech_features mean in settings, and Kaldi's rows with its own options set."""

from __future__ import annotations

from typing import Any

import kaldi_native_fbank as knf
from laying import Array

from audiofeat.dsp.framing import Samples
from audiofeat.parity.with_kaldi_native_fbank import rows_of

PSF = {
    "audio.scale": 32768.0,
    "frame.tail": "pad_last",
    "window.type": "rect",
    "preemphasis.coeff": 0.97,
    "preemphasis.scope": "signal",
    "preemphasis.first": "keep",
    "spectrum.norm": "n_fft",
    "mel.bands": 26,
    "mel.sides": "bin_floor",
    "log.guard": "replace_zero",
    "log.floor": 2.0**-52,
    "mfcc.lifter": 22.0,
    "mfcc.c0": "energy",
    "energy.source": "spectrum",
    "energy.floor": 2.0**-52,
}
KALDI = {
    "audio.scale": 32768.0,
    "frame.remove_dc": True,
    "window.sampling": "symmetric",
    "window.power": 0.85,
    "preemphasis.coeff": 0.97,
    "mel.bands": 23,
    "mel.fmin_hz": 20.0,
    "log.floor": 2.0**-23,
    "energy.floor": 2.0**-23,
}


def kaldi_rows(samples: Samples, kind: str, *, dims: int, rate_hz: int = 16_000, **settings: Any) -> Array:
    """Of ``fbank`` or ``mfcc`` without dither, with options by the name they have in whichever group."""
    options = knf.MfccOptions() if kind == "mfcc" else knf.FbankOptions()
    for name, value in {"dither": 0.0, "samp_freq": rate_hz, **settings}.items():
        groups = (options.frame_opts, options.mel_opts, options)
        setattr(next(group for group in groups if hasattr(group, name)), name, value)
    computer = knf.OnlineMfcc(options) if kind == "mfcc" else knf.OnlineFbank(options)
    return rows_of(computer, samples, dims=dims, rate_hz=rate_hz)
