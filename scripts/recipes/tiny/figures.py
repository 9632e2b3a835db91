"""Yes and no, loud and quiet: as a waveform, as an FFT, as a spectrogram and in mel bands.

Four figures of two times two clips, whose axes and colours are the same, so that what differs is the sound. The clips
become a feature store first, as any folder does; what a store does not hold, the samples, is read from the files.

    python scripts/recipes/tiny/figures.py                                    clips that it synthesises
    python scripts/recipes/tiny/figures.py --recordings FOLDER -o mine.png    yes_loud.wav, yes_quiet.wav, no_...
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
from words import write_words

import audiofeat
from audiofeat.errors import AudioFeatError

CONFIG = Path(__file__).with_name("tiny.yaml")
CLIPS = (("yes_loud", "yes_quiet"), ("no_loud", "no_quiet"))
RANGE_DB = 80  # what lies further below the loudest is the room, not the word
WORK = Path("tiny")


@click.command(help=__doc__.partition("\n\n")[0])
@click.option("--recordings", type=click.Path(path_type=Path, exists=True), help="Folder of the four WAV files.")
@click.option("--store", type=click.Path(path_type=Path), default=WORK / "store", show_default=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=WORK / "tiny.png", show_default=True)
def main(recordings: Path | None, store: Path, out: Path) -> None:
    if recordings is None:
        recordings = WORK / "recordings"
        write_words(recordings)
    audiofeat.extract(recordings, store, CONFIG)
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(recordings, store, out)
    click.echo(f"{out}: {out.stat().st_size:,} bytes")


def draw(recordings: Path, store_path: Path, out: Path) -> None:
    """Write all four figures as one picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    (waveform, fft), (spectrogram, mel) = figure.subfigures(2, 2, wspace=0.03, hspace=0.03)
    sounds = {key: soundfile.read(recordings / f"{key}.wav", dtype="float32") for key in np.ravel(CLIPS)}
    _draw_waveforms(waveform, sounds)
    _draw_spectra(fft, sounds)
    rate_hz = sounds[CLIPS[0][0]][1]
    places = {"spectrogram": (spectrogram, rate_hz / 2_000, "kHz"), "log_mel": (mel, None, "band")}
    with audiofeat.open_store(store_path) as store:
        for spec in store.features:
            place, top, unit = places[spec.name]
            _draw_images(place, spec, {key: store[key][spec.name] for key in sounds}, top=top or spec.dims, unit=unit)
    figure.savefig(out, dpi=70)


def _draw_waveforms(figure: Any, sounds: dict[str, Any]) -> None:
    axes = _axes(figure, "waveform", x="seconds", y="amplitude")
    for key, (samples, rate_hz) in sounds.items():
        axes[key].plot(np.arange(len(samples)) / rate_hz, samples, linewidth=0.4)
        axes[key].grid(alpha=0.3)


def _draw_spectra(figure: Any, sounds: dict[str, Any]) -> None:
    """One FFT over each whole clip, as it is: a word's vowel and its hiss cannot be told apart in time."""
    axes = _axes(figure, "FFT", x="Hz", y="amplitude")
    for key, (samples, rate_hz) in sounds.items():
        amplitudes = 2 / len(samples) * np.abs(np.fft.rfft(samples))
        axes[key].loglog(np.fft.rfftfreq(len(samples), 1 / rate_hz)[1:], amplitudes[1:], linewidth=0.4)
        axes[key].set_xlim(20, rate_hz / 2)
        axes[key].set_ylim(1e-8, 1e-1)
        axes[key].grid(alpha=0.3)


def _draw_images(figure: Any, spec: Any, images: dict[str, Any], *, top: float, unit: str) -> None:
    axes = _axes(figure, f"{spec.name}, {spec.unit}", x="seconds", y=unit)
    loudest = max(float(image.max()) for image in images.values())
    for key, image in images.items():
        extent = (0, len(image) / spec.frame_rate_hz, 0, top)
        drawn = axes[key].imshow(
            image.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=loudest - RANGE_DB, vmax=loudest
        )
    figure.colorbar(drawn, ax=list(axes.values()), aspect=40)


def _axes(figure: Any, title: str, *, x: str, y: str) -> dict[str, Any]:
    """Axes by key, two times two, with names at the outer ones."""
    figure.suptitle(title, weight="bold")
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for ax, key in zip(grid.flat, np.ravel(CLIPS), strict=True):
        ax.set_title(key.replace("_", " "), fontsize=9)
        ax.tick_params(labelsize=7)
    figure.supxlabel(x, fontsize=8)
    figure.supylabel(y, fontsize=8)
    return dict(zip(np.ravel(CLIPS), grid.flat, strict=True))


if __name__ == "__main__":
    try:
        main()
    except AudioFeatError as error:
        sys.exit(str(error))
