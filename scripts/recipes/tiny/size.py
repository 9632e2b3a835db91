"""The front end of micro_speech as a model for TFLite: how large, how fast, and how far from the fixed-point original.

The original is C in 16-bit integers; TensorFlow's package has it as an operation. With its noise reduction and gain
control switched off it should give what micro_speech.yaml gives, but for its rounding; with them, something else.

    python scripts/recipes/tiny/size.py
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow

import click
import numpy as np
import numpy.typing as npt
import soxr
import tensorflow as tf
from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op
from words import RATE_HZ, WORDS, spoken

from audiofeat.config import load_config
from audiofeat.serving.export import TFLITE_FILE, export_frontend

Rows = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int16]

CONFIG = Path(__file__).with_name("micro_speech.yaml")
NEAR_THE_LOUDEST = 64 * 1.5 * np.log(10)
"""30 dB, in steps of 1/64 of a natural logarithm of a magnitude: further down, 16 bits are used up."""

SHAPE = {
    "sample_rate": 16_000, "window_size": 30, "window_step": 20, "num_channels": 40,
    "lower_band_limit": 125.0, "upper_band_limit": 7_500.0, "out_scale": 1, "out_type": tf.float32,
}  # fmt: skip
OFF = {"min_signal_remaining": 1.0, "enable_pcan": False}  # all of the signal remains: no noise reduction
ON = {"min_signal_remaining": 0.05, "enable_pcan": True}


@click.command(help=__doc__.partition("\n\n")[0])
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Times that a second is computed; the median is told.",
)
def main(repeats: int) -> None:
    clips = {"noise": noise(), **{word: said(word) for word in WORDS}}
    model, n_bytes = exported()
    click.echo("| | bytes | µs a frame |\n|---|---|---|")
    click.echo(f"| {TFLITE_FILE} | {n_bytes:,} | {microseconds(model, clips['noise'], repeats=repeats):.1f} |")
    click.echo(f"| the original | | {microseconds(original, clips['noise'], repeats=repeats):.1f} |")
    click.echo("\n| noise reduction, gain control | clip | mean, near the loudest | largest | correlation of all |")
    click.echo("|---|---|---|---|---|")
    for what, settings in (("off", OFF), ("on", ON)):
        for name, clip in clips.items():
            mean, largest, correlation = distance(model(clip), original(clip, **settings))
            click.echo(f"| {what} | {name} | {mean:.2f} | {largest:.1f} | {correlation:.4f} |")


def exported() -> tuple[Callable[[Samples], Rows], int]:
    """What computes one clip by the exported model, and the model's size in bytes.

    The same file comes from ``audiofeat export-frontend micro_speech.yaml --to tflite -o FOLDER``.
    """
    with TemporaryDirectory() as folder:
        export_frontend(load_config(CONFIG), Path(folder, "lite"), to="tflite")
        content = Path(folder, "lite", TFLITE_FILE).read_bytes()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
    waveform = interpreter.get_input_details()[0]["index"]
    (rows,) = (one["index"] for one in interpreter.get_output_details() if len(one["shape"]) == 3)

    def model(samples: Samples) -> Rows:
        if interpreter.get_input_details()[0]["shape"][1] != len(samples):
            interpreter.resize_tensor_input(waveform, [1, len(samples)])
            interpreter.allocate_tensors()
        interpreter.set_tensor(waveform, (samples / np.float32(32_768))[None])
        interpreter.invoke()
        found: Rows = interpreter.get_tensor(rows)[0]
        return found

    return model, len(content)


def original(samples: Samples, **settings: Any) -> Rows:
    """What the fixed-point front end gives, in its own steps of 1/64."""
    found: Rows = audio_microfrontend_op.audio_microfrontend(tf.constant(samples), **SHAPE, **settings).numpy()
    return found


def distance(ours: Rows, theirs: Rows) -> tuple[float, float, float]:
    """Mean and largest difference of the values within 30 dB of the loudest one, and the correlation of all."""
    is_near = ours > ours.max() - NEAR_THE_LOUDEST
    differences = np.abs(ours - theirs)[is_near]
    return float(differences.mean()), float(differences.max()), float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1])


def microseconds(computed: Callable[[Samples], Rows], samples: Samples, *, repeats: int) -> float:
    """The median time of a frame, on one thread."""
    n_frames, took = len(computed(samples)), []
    for _ in range(repeats):
        start = time.perf_counter()
        computed(samples)
        took.append(time.perf_counter() - start)
    return float(np.median(took)) / n_frames * 1e6


def noise() -> Samples:
    """A second, 20 dB below full scale."""
    return _in_16_bits(np.random.default_rng(0).standard_normal(16_000) * 0.1)


def said(word: str) -> Samples:
    return _in_16_bits(soxr.resample(spoken(word, peak=0.8, seed=1), RATE_HZ, 16_000))


def _in_16_bits(samples: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.round(samples * 32_768), -32_768, 32_767).astype(np.int16)


if __name__ == "__main__":
    main()
