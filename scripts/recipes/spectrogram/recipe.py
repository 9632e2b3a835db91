"""A sound file's spectrogram as a picture, with one command, and how far its numbers are from the tutorial's.

python scripts/recipes/spectrogram/recipe.py song.wav --out spectrogram.png
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click
import librosa
import numpy as np
import soundfile
import tensorflow as tf

import audiofeat
from audiofeat.errors import AudioFeatError

CONFIG = Path(__file__).with_name("spectrogram.yaml")
RATE_HZ = 22_050
DB_OF_LN = 20.0 / np.log(10.0)
# The picture tells apart what lies within 80 dB of its loudest spot. Down there float32 rounding is up to 0.02 dB.
SHOWN_DB, TOLERANCE_DB = 80.0, 0.02


@click.command()
@click.argument("audio", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--out", type=click.Path(path_type=Path), default=Path("spectrogram.png"), show_default=True)
def main(audio: Path | None, out: Path) -> None:
    """Draw AUDIO, or birdsong that is made up, and compare with librosa.load, tf.signal.stft and a logarithm."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if audio is None:
        audio = out.with_name("birdsong.wav")
        soundfile.write(audio, birdsong(), RATE_HZ, subtype="PCM_16")

    command = ["audiofeat", "plot", str(audio), "--config", str(CONFIG), "--out", str(out)]
    click.echo(f"$ {shlex.join(command)}")
    subprocess.run([sys.executable, "-m", *command], check=True)

    samples, rate_hz = librosa.load(audio, sr=None)
    frontend = audiofeat.Frontend(CONFIG, sample_rate_hz=int(rate_hz))
    ours, theirs = frontend(samples)["spectrogram"].numpy(), tutorial(samples) * DB_OF_LN
    is_shown = theirs > theirs.max() - SHOWN_DB
    apart_db = np.abs(ours - theirs)[is_shown].max()
    click.echo(
        f"{' x '.join(map(str, ours.shape))}, at most {apart_db:.1e} dB apart within {SHOWN_DB:g} dB of the loudest"
    )
    sys.exit(0 if apart_db <= TOLERANCE_DB else 1)


def tutorial(samples: np.ndarray) -> np.ndarray:
    """(n,) -> (frames, 129): the natural logarithm of the magnitudes."""
    stft = tf.signal.stft(samples, frame_length=256, frame_step=128)
    return tf.math.log(tf.abs(stft) + 1e-10).numpy()


def birdsong() -> np.ndarray:
    """Three seconds: four calls that rise, fall and tremble, and nothing between them."""
    times = np.arange(3 * RATE_HZ) / RATE_HZ
    song = np.zeros(len(times))
    calls = [  # start and length in seconds; pitch from, to and trembling in Hz
        (0.2, 0.4, 2_000, 4_500, 0),
        (0.8, 0.5, 5_000, 2_500, 30),
        (1.5, 0.3, 3_000, 4_000, 0),
        (2.1, 0.7, 6_000, 2_000, 18),
    ]
    for start, length, from_hz, to_hz, tremble_hz in calls:
        inside = np.clip((times - start) / length, 0.0, 1.0)
        pitch_hz = from_hz + (to_hz - from_hz) * inside + 300.0 * np.sin(2 * np.pi * tremble_hz * times)
        song += 0.3 * np.sin(np.pi * inside) ** 2 * np.sin(2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ)
    return song


if __name__ == "__main__":
    try:
        main()
    except (AudioFeatError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
