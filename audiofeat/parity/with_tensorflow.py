"""TensorFlow 2.21: the MFCC example of ``tf.signal``, and the two ops that its speech_commands example calls.

In float32 and eagerly, as its users run both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array

_RATE_HZ = 16_000


def _tutorial(samples: Samples) -> Array:
    """(n,) -> (frames, 13)."""
    spectrograms = tf.abs(tf.signal.stft(samples, frame_length=1024, frame_step=256, fft_length=1024))
    weights = tf.signal.linear_to_mel_weight_matrix(80, spectrograms.shape[-1], _RATE_HZ, 80.0, 7600.0)
    log_mel = tf.math.log(tf.tensordot(spectrograms, weights, 1) + 1e-6)
    cepstra: Array = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :13].numpy()
    return cepstra


def _speech_commands(samples: Samples) -> Array:
    """(n,) -> (frames, 40)."""
    power = tf.raw_ops.AudioSpectrogram(input=samples[:, None], window_size=480, stride=160, magnitude_squared=True)
    cepstra: Array = tf.raw_ops.Mfcc(spectrogram=power, sample_rate=_RATE_HZ, dct_coefficient_count=40).numpy()[0]
    return cepstra


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType(
    {"speech-commands": _speech_commands, "tf-tutorial": _tutorial}
)
