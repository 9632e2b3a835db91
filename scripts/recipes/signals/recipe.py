"""What ``tf.contrib.signal`` was shown off with in 2018, as three feature stores, held against today's ``tf.signal``.

A siren becomes frames, spectrograms, mel bands, MFCC and patches, and is put together again from its spectrum. Each
array is computed twice, by audiofeat and by the calls of ``tf.signal`` that it stands for; the table says how far the
two lie apart, and the exit code is 1 where that is more than it may be.

    python scripts/recipes/signals/recipe.py --out signals
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import soundfile
import tensorflow as tf
from matplotlib.figure import Figure

import audiofeat
from audiofeat.errors import AudioFeatError

HERE = Path(__file__).parent
RATE_HZ = 16_000
# How far apart two arrays may be, as a share of the largest value. Float32 holds 1e-7; the logarithm of a quiet band
# makes more of that, and tf.signal computes its mel weights in float32, which are 1e-5 off.
TOLERANCES = {"mel": 1e-5, "log mel": 1e-4, "mfcc": 1e-5}
TOLERANCE = 2e-6


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("signals"), show_default=True, help="Folder.")
@click.option("--audio", type=click.Path(path_type=Path, exists=True), help="Another mono WAV, 16 bits, 16 kHz.")
@click.option("--seconds", type=click.FloatRange(1.0), default=4.0, show_default=True, help="Length of the siren.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or gpu.")
def main(out: Path, audio: Path | None, seconds: float, device: str) -> None:
    """Compute a siren's features with audiofeat and with tf.signal, compare them, and draw them."""
    wav = out / "source" / "siren.wav"
    wav.parent.mkdir(parents=True, exist_ok=True)
    if audio is None:
        soundfile.write(wav, siren(seconds), RATE_HZ, subtype="PCM_16")
    else:
        given = soundfile.info(audio)
        if (given.samplerate, given.channels, given.subtype) != (RATE_HZ, 1, "PCM_16"):
            raise click.UsageError(f"{audio} is no mono WAV of 16 bits and 16 kHz")
        wav.write_bytes(audio.read_bytes())

    # One store a frame geometry: in a store, frame i is the same moment in every feature.
    stores = {}
    for name in ("frames", "patches", "cepstra"):
        audiofeat.extract(wav.parent, out / name, HERE / f"{name}.yaml", device=device)
        stores[name] = audiofeat.open_store(out / name)

    signal, _ = tf.audio.decode_wav(tf.io.read_file(str(wav)), desired_channels=1)
    ours, theirs = by_audiofeat(stores), by_tf_signal(signal[:, 0])
    is_close = print_table(ours, theirs)
    draw_patches(out / "patches.png", ours, theirs)
    drawn = [f"{out / 'cepstra'}:siren", "-o", out / "features.png"]
    subprocess.run([sys.executable, "-m", "audiofeat", "plot", *drawn], check=True)
    sys.exit(0 if is_close else 1)


def siren(seconds: float) -> np.ndarray:
    """Two tones in turn that wail three times a second, with six harmonics, and a little noise."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = np.where(times % 1.0 < 0.5, 660.0, 880.0) + 80.0 * np.sin(2 * np.pi * 3.0 * times)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    tone = sum(np.sin(order * phase) / order for order in range(1, 8))
    return 0.3 * tone + 0.003 * np.random.default_rng(0).standard_normal(len(times))


def by_audiofeat(stores: dict) -> dict[str, np.ndarray]:
    """All arrays out of the stores; patches are cut when they are read, so that they take no room on the disk."""
    frames, short, long = (store["siren"] for store in stores.values())
    patches = stores["patches"].patches("spectrogram", length=64, step=16)
    return {
        "frames 128/32": frames["waveform"],
        "stft 256/64": short["stft"],
        "magnitude 256/64": short["spectrogram"],
        "patches 64/16": np.stack(list(patches)),
        "overlap-and-add": audiofeat.Frontend(HERE / "patches.yaml").inverse_stft(short["stft"]).numpy(),
        "stft 1024/512": long["stft"],
        "power 1024/512": long["spectrogram"],
        "mel": long["mel"],
        "log mel": long["log_mel"],
        "mfcc 30": long["mfcc"],
        "mfcc 13": long["mfcc"][:, :13],
    }


def by_tf_signal(signal: tf.Tensor) -> dict[str, np.ndarray]:
    """The same arrays, the way the blog post computes them."""
    short = tf.signal.stft(signal, frame_length=256, frame_step=64, fft_length=256)
    long = tf.signal.stft(signal, frame_length=1024, frame_step=512, fft_length=1024)
    weights = tf.signal.linear_to_mel_weight_matrix(64, 513, RATE_HZ, 80.0, 8000.0)
    mel = tf.tensordot(tf.abs(long), weights, 1)
    log_mel = tf.math.log(mel + 1e-6)
    mfcc = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)
    arrays = {
        "frames 128/32": tf.signal.frame(signal, frame_length=128, frame_step=32),
        "stft 256/64": short,
        "magnitude 256/64": tf.abs(short),
        "patches 64/16": tf.signal.frame(tf.abs(short), frame_length=64, frame_step=16, axis=0),
        "overlap-and-add": signal,  # from the stft back to what it was made of
        "stft 1024/512": long,
        "power 1024/512": tf.math.real(long * tf.math.conj(long)),
        "mel": mel,
        "log mel": log_mel,
        "mfcc 30": mfcc[:, :30],
        "mfcc 13": mfcc[:, :13],
    }
    return {name: array.numpy() for name, array in arrays.items()}


def print_table(ours: dict, theirs: dict) -> bool:
    """Print how far apart the arrays are; whether all are as close as they may be."""
    click.echo("| array | shape | largest value | difference | as a share | tolerance |\n|---|---|--:|--:|--:|--:|")
    is_close = True
    for name, reference in theirs.items():
        here, there = ours[name], reference
        if name == "overlap-and-add":  # only one window sees a sample at the very ends, with next to no weight
            here, there = here[64:-64], there[64 : len(here) - 64]
        largest, apart = np.abs(there).max(), np.abs(here - there).max()
        tolerance = next((share for start, share in TOLERANCES.items() if name.startswith(start)), TOLERANCE)
        is_close &= bool(here.shape == there.shape and apart <= tolerance * largest)
        shape = " x ".join(map(str, here.shape))
        click.echo(f"| {name} | {shape} | {largest:.3g} | {apart:.1e} | {apart / largest:.1e} | {tolerance:.0e} |")
    return is_close


def draw_patches(path: Path, ours: dict, theirs: dict) -> None:
    """Draw every tenth patch, and the signal beside what overlap-and-add makes of its spectrum."""
    figure = Figure(figsize=(9.0, 4.5), layout="constrained")
    above, below = figure.subfigures(2, 1)
    patches = ours["patches 64/16"][::10]
    for number, (ax, patch) in enumerate(zip(above.subplots(1, len(patches), squeeze=False)[0], patches, strict=True)):
        ax.imshow(np.log(patch.T + 1e-6), origin="lower", aspect="auto", cmap="magma", vmin=-1.5, vmax=3)
        ax.set(title=f"patch {10 * number}", xticks=[0, 63], yticks=[0, 128] if number == 0 else [])
    ax = below.subplots()
    milliseconds = np.arange(RATE_HZ // 100) * 1000 / RATE_HZ
    ax.plot(milliseconds, theirs["overlap-and-add"][: len(milliseconds)], "#0072b2", linewidth=3, label="the siren")
    ax.plot(milliseconds, ours["overlap-and-add"][: len(milliseconds)], "#e69f00", label="overlap-and-add of its stft")
    ax.set(xlabel="milliseconds", ylabel="amplitude", ylim=(-0.6, 0.9))
    ax.legend(loc="upper right", ncols=2, frameon=False)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    try:
        main()
    except (AudioFeatError, soundfile.SoundFileError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
