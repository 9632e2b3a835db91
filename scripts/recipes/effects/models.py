"""Five models of an effect: half a second of samples before it in, the same half second behind it out.

The first four are those of the course project. The fifth works where a filter is simple, on the STFT: there it is a
factor for each bin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import audiofeat

WINDOW_SAMPLES = 22_050
# A matrix of half a second by half a second has millions of weights for what a few hundred would do: the dense models
# see frames of 10 ms.
FRAME_SAMPLES, FRAME_STEP = 450, 225
N_HIDDEN = 1_000
N_FILTERS, FILTER_SAMPLES = 50, 50

STFT = {
    "audio": {"sample_rate": 44_100},
    "frame": {"win_samples": 1024, "hop_samples": 256, "n_fft": 1024, "align": "center", "pad": "reflect"},
    "features": {"stft": {}},
}


class Plan(NamedTuple):
    """A model, and how it is trained unless the command line says otherwise."""

    make: Callable[[], keras.Model]
    epochs: int
    learning_rate: float
    theirs: str = ""
    """RMSE on the test piece by the reference's standard deviation, as the course project reports them."""


def linear() -> keras.Model:
    return dense(activation=None)


def relu() -> keras.Model:
    return dense(activation="relu")


def dense(*, activation: str | None) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input([WINDOW_SAMPLES]),
            keras.layers.Lambda(lambda signal: tf.signal.frame(signal, FRAME_SAMPLES, FRAME_STEP)),
            keras.layers.Dense(N_HIDDEN, activation),
            keras.layers.Dense(FRAME_SAMPLES),
            keras.layers.Lambda(faded),
        ]
    )


def faded(frames: tf.Tensor) -> tf.Tensor:
    """Frames to a signal, each fading in and out over its neighbours: side by side, they would click."""
    fade = tf.sin(np.pi * (tf.range(FRAME_SAMPLES, dtype=tf.float32) + 0.5) / FRAME_SAMPLES) ** 2
    weights = tf.signal.overlap_and_add(tf.ones_like(frames) * fade, FRAME_STEP)
    return tf.signal.overlap_and_add(frames * fade, FRAME_STEP) / weights


def tied() -> keras.Model:
    return as_channel(TiedConvolution())


def untied() -> keras.Model:
    return as_channel(
        keras.layers.Conv1D(N_FILTERS, FILTER_SAMPLES, padding="same", use_bias=False),
        keras.layers.Conv1DTranspose(1, FILTER_SAMPLES, padding="same", use_bias=False),
    )


def as_channel(*layers: keras.layers.Layer) -> keras.Model:
    """Convolutions want an axis for channels, of which a mono window has one."""
    shapes = keras.layers.Reshape([WINDOW_SAMPLES, 1]), keras.layers.Reshape([WINDOW_SAMPLES])
    return keras.Sequential([keras.Input([WINDOW_SAMPLES]), shapes[0], *layers, shapes[1]])


class TiedConvolution(keras.layers.Layer):
    """A convolution, and the transposed convolution with the same weights.

    Each filter is so applied forwards and backwards: it delays nothing, and turns no frequency over. An effect that
    does either is out of its reach.
    """

    def build(self, _: Any) -> None:
        self.filters = self.add_weight(shape=(FILTER_SAMPLES, 1, N_FILTERS), initializer="glorot_uniform")

    def call(self, signal: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.conv1d(signal, self.filters, stride=1, padding="SAME")
        return tf.nn.conv1d_transpose(hidden, self.filters, tf.shape(signal), strides=1, padding="SAME")


def spectral() -> keras.Model:
    return keras.Sequential([keras.Input([WINDOW_SAMPLES]), BinGains(audiofeat.Frontend(STFT))])


class BinGains(keras.layers.Layer):
    """To the STFT, a complex factor for each bin, and back to samples. It begins as no effect at all."""

    def __init__(self, frontend: audiofeat.Frontend) -> None:
        super().__init__()
        self.frontend = frontend

    def build(self, _: Any) -> None:
        (stft,) = self.frontend.features
        self.real = self.add_weight(shape=(stft.dims,), initializer="ones")
        self.imaginary = self.add_weight(shape=(stft.dims,), initializer="zeros")

    def call(self, signal: tf.Tensor) -> tf.Tensor:
        stft = self.frontend(signal)["stft"] * tf.complex(self.real, self.imaginary)
        return self.frontend.inverse_stft(stft, WINDOW_SAMPLES)


MODELS = {
    "linear": Plan(linear, epochs=8, learning_rate=1e-3, theirs="0.0345 / 0.104 = 0.33"),
    "relu": Plan(relu, epochs=16, learning_rate=1e-3),
    "tied": Plan(tied, epochs=6, learning_rate=1e-2, theirs="0.0095 / 0.104 = 0.091"),
    "untied": Plan(untied, epochs=6, learning_rate=1e-2),
    "spectral": Plan(spectral, epochs=6, learning_rate=1e-1),
}
