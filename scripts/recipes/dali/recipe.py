"""How far DALI and audiofeat are from librosa: the spectrogram example of DALI's documentation, in decibels.

    python scripts/recipes/dali/recipe.py --dali PYTHON    # an interpreter that can import nvidia.dali

librosa computes in float64 from the same samples. Exit code 1: audiofeat is further away than it may be.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click
import librosa
import numpy as np
import soundfile
from matplotlib.figure import Figure

import audiofeat
from audiofeat.errors import AudioFeatError

HERE = Path(__file__).parent
RATE_HZ = 22_050
FRAMES = {"n_fft": 2048, "hop_length": 512, "pad_mode": "reflect"}  # mirrored at both ends, as DALI does it
# Of the made-up speech. In other recordings, a bin of the spectrogram that is 80 dB below its neighbours may be 3e-3 dB
# off in float32: the picture shows how that grows towards the floor.
MOST_DB = {"float32": 2e-3, "float64": 2e-5}
LIFTER = 22
COLOURS = {  # Okabe and Ito's, which all eyes can tell apart
    "DALI": "#e69f00",
    "DALI, librosa's window": "#009e73",
    "audiofeat, float32": "#0072b2",
    "audiofeat, float64": "#cc79a7",
}
FORMANTS_HZ = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240), "e": (530, 1840, 2480)}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("dali"), show_default=True, help="Folder.")
@click.option("--dali", type=click.Path(path_type=Path, exists=True), help="A Python that has NVIDIA DALI.")
@click.option("--audio", type=click.Path(path_type=Path, exists=True), help="A sound file, instead of the made-up one.")
def main(out: Path, dali: Path | None, audio: Path | None) -> None:
    """Compare audiofeat, and DALI where there is one, with librosa, and draw what they compute."""
    out.mkdir(parents=True, exist_ok=True)
    if audio is None:
        audio = out / "speech.wav"
        soundfile.write(audio, speech(), RATE_HZ, subtype="PCM_16")
    command = ["audiofeat", "plot", audio, "--config", HERE / "dali.yaml", "--out", out / "features.png"]
    subprocess.run([sys.executable, "-m", *command], check=True)

    samples, _ = librosa.load(audio, sr=RATE_HZ)
    wanted = by_librosa(samples.astype(np.float64))
    systems = {} if dali is None else by_dali(dali, samples)
    systems |= {f"audiofeat, {precision}": by_audiofeat(samples, precision) for precision in MOST_DB}
    apart = {
        system: {name: np.abs(arrays[name] - wanted[name]) for name in wanted} for system, arrays in systems.items()
    }
    click.echo(f"| mean and largest, dB | {' | '.join(systems)} |\n|---|{'---|' * len(systems)}")
    for name in wanted:
        cells = (f"{apart[system][name].mean():.1e}, {apart[system][name].max():.1e}" for system in systems)
        click.echo(f"| {name} | {' | '.join(cells)} |")
    draw(out / "apart.png", {system: arrays["spectrogram"] for system, arrays in apart.items()}, wanted["spectrogram"])
    worst = {precision: max(map(np.max, apart[f"audiofeat, {precision}"].values())) for precision in MOST_DB}
    sys.exit(0 if all(worst[precision] < most for precision, most in MOST_DB.items()) else 1)


def by_librosa(samples: np.ndarray) -> dict[str, np.ndarray]:
    """(n,) float64 -> each array, (columns, frames)."""
    power = np.abs(librosa.stft(samples, **FRAMES)) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=RATE_HZ, n_mels=128, fmax=8000.0)
    mel_db = librosa.power_to_db(mel, ref=np.max)  # 80 dB at most
    return {
        "spectrogram": librosa.power_to_db(power, ref=np.max),
        "mel, 128 bands": mel_db,
        "mfcc, 40": librosa.feature.mfcc(S=mel_db, n_mfcc=40),
        f"mfcc, 40, lifter {LIFTER}": librosa.feature.mfcc(S=mel_db, n_mfcc=40, lifter=LIFTER),
    }


def by_audiofeat(samples: np.ndarray, precision: str) -> dict[str, np.ndarray]:
    """(n,) float32 -> each array, (columns, frames) as the two others have them."""
    overrides = [f"compute.precision={precision}"]
    plain = audiofeat.Frontend(HERE / "dali.yaml", overrides=overrides)(samples)
    liftered = audiofeat.Frontend(HERE / "dali.yaml", overrides=[*overrides, f"mfcc.lifter={LIFTER}"])(samples)
    return {
        "spectrogram": plain["spectrogram"].numpy().T,
        "mel, 128 bands": plain["log_mel"].numpy().T,
        "mfcc, 40": plain["mfcc"].numpy().T,
        f"mfcc, 40, lifter {LIFTER}": liftered["mfcc"].numpy().T,
    }


def by_dali(python: Path, samples: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """What DALI makes of the samples, with its own window and with librosa's."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, samples=samples, window=librosa.filters.get_window("hann", 2048))
        subprocess.run([python, HERE / "dali_features.py", given, found], check=True)
        arrays = dict(np.load(found))
    return {
        title: {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        for title, prefix in (("DALI", "own "), ("DALI, librosa's window", "librosa's "))
    }


def draw(path: Path, apart: dict[str, np.ndarray], levels_db: np.ndarray) -> None:
    """Draw the largest difference among the spectrogram's values of each level, 2 dB wide."""
    figure = Figure(figsize=(8.0, 3.5), layout="constrained")
    ax = figure.subplots()
    edges_db = np.arange(-80.0, 1.0, 2.0)
    of_level = np.digitize(levels_db, edges_db)
    for system, differences in apart.items():
        largest = [differences[of_level == number].max(initial=1e-16) for number in range(1, len(edges_db))]
        ax.plot(edges_db[:-1] + 1.0, largest, label=system, color=COLOURS[system])
    ax.set(yscale="log", xlabel="spectrogram: dB below the clip's maximum", ylabel="largest difference, dB")
    figure.legend(loc="outside upper center", ncols=len(apart), frameon=False)
    figure.savefig(path, dpi=100)


def speech() -> np.ndarray:
    """Twelve syllables, each softer than the one before, by 40 dB in all, with silence between them."""
    rng = np.random.default_rng(0)
    times = np.arange(round(0.4 * RATE_HZ)) / RATE_HZ
    pieces = [np.zeros(4_000)]
    for number, vowel in enumerate("aiueaiueaiue"):
        pitch_hz = (140.0 - 4.0 * number) * (1.0 - 0.1 * times)
        turns = np.cumsum(pitch_hz) / RATE_HZ
        syllable = np.zeros(len(times))
        for order in range(1, int(RATE_HZ / 2 / pitch_hz.max())):
            resonances = (1.0 / (1.0 + ((order * pitch_hz - hz) / 90.0) ** 2) for hz in FORMANTS_HZ[vowel])
            gain = (sum(resonances) + 1e-3) / order
            syllable += gain * np.sin(2 * np.pi * (order * turns + rng.uniform()))
        loudness = 10.0 ** (-40.0 / 20.0 * number / 11)
        pieces += [loudness * syllable * np.hanning(len(times)), np.zeros(2_000)]
    voice = np.concatenate(pieces)
    return 0.7 * voice / np.abs(voice).max()


if __name__ == "__main__":
    try:
        main()
    except (AudioFeatError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
