#!/usr/bin/env python3
"""Synthesise what an effect does: recordings before it and behind it, 16 bits at 44.1 kHz.

    python make_data.py OUT [--seconds 10] [--effect zero-phase|causal]

OUT/pre and OUT/post hold files of the same names. ``sine.wav``, ``square.wav`` and ``saw.wav`` are sweeps to learn
from, stereo: up on the left, down on the right. ``piano.wav`` is a piece to test on, which has nothing of a sweep:
strings that decay, several at a time. Nothing is random.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float64]

RATE_HZ = 44_100
CUTOFF_HZ = 1_000.0
SWEEP_HZ = (30.0, 15_000.0)
NOTE_SECONDS = 0.3
# Semitones from the C above middle C, a bar a line: a bass note, then the chord above it broken.
BARS = ((-12, 4, 7, 12), (-15, 0, 4, 9), (-19, 0, 5, 9), (-17, 2, 7, 11))
MELODY = (16, 19, 14, 12, 17, 21, 19, 14)


def main() -> None:
    parser = argparse.ArgumentParser(description="Synthesise recordings before an effect (pre) and behind it (post).")
    parser.add_argument("out", type=Path, help="folder to fill; made if missing")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each file (default: 10)")
    parser.add_argument("--effect", choices=EFFECTS, default="zero-phase", help="default: zero-phase")
    arguments = parser.parse_args()
    make_data(arguments.out, seconds=arguments.seconds, effect=arguments.effect)


def make_data(out: Path, *, seconds: float, effect: str = "zero-phase") -> None:
    """Fill ``out/pre`` and ``out/post`` with three sweeps and a piece, the same bytes every time."""
    dry = {name: both_ways(sweep(seconds, name)) for name in ("sine", "square", "saw")}
    dry["piano"] = piano(seconds)[:, None]
    for name, samples in dry.items():
        write(out / "pre" / f"{name}.wav", samples)
        write(out / "post" / f"{name}.wav", low_passed(samples, effect))


def low_passed(samples: Samples, effect: str) -> Samples:
    """The effect: above the cutoff, half or a quarter of the amplitude an octave higher.

    (samples, channels) -> the same. The product of spectra is a circular convolution: a second of silence keeps the
    end from running into the start.
    """
    n_fft = len(samples) + RATE_HZ
    gain = EFFECTS[effect](np.fft.rfftfreq(n_fft, 1 / RATE_HZ) / CUTOFF_HZ)
    spectrum = np.fft.rfft(samples, n_fft, axis=0) * gain[:, None]
    return np.fft.irfft(spectrum, n_fft, axis=0)[: len(samples)]


EFFECTS = {
    "causal": lambda ratio: 1 / (1 + 1j * ratio),  # a resistor and a capacitor
    "zero-phase": lambda ratio: 1 / (1 + ratio**2),  # the same forwards and backwards, so nothing comes late
}


def sweep(seconds: float, wave: str) -> Samples:
    """As many seconds for each octave. What folds back of the corners is part of the dry signal, and is no harm."""
    low_hz, high_hz = SWEEP_HZ
    octaves = np.log(high_hz / low_hz)
    cycles = low_hz * seconds / octaves * np.expm1(octaves * times(seconds) / seconds)
    waves = {
        "sine": np.sin(2 * np.pi * cycles),
        "square": np.where(cycles % 1 < 0.5, 1.0, -1.0),
        "saw": 2 * (cycles % 1) - 1,
    }
    return 0.5 * waves[wave]


def both_ways(samples: Samples) -> Samples:
    """Up and down, so that the end of each recording, which is held out, is not the top of the scale only."""
    return np.stack([samples, samples[::-1]], axis=1)


def piano(seconds: float) -> Samples:
    """A bass note, three of the chord and one of the melody in each bar, which ring on into each other; ends softly."""
    piece = np.zeros(round(seconds * RATE_HZ))
    for number, start in enumerate(np.arange(0, seconds, NOTE_SECONDS)):
        bar, place = divmod(number, 4)
        chord = BARS[bar % len(BARS)]
        for semitones in (chord[place], *([MELODY[bar % len(MELODY)]] if place == 1 else [])):
            at = round(start * RATE_HZ)
            sound = note(523.25 * 2 ** (semitones / 12), seconds=min(2.0, seconds - start))
            piece[at : at + len(sound)] += sound[: len(piece) - at]
    return 0.7 * piece / np.abs(piece).max() * np.minimum(1, times(seconds)[::-1] / 0.1)


def note(pitch_hz: float, *, seconds: float) -> Samples:
    """Partials of a stiff string: a little sharp, the higher the weaker and the sooner gone; a hammer of 4 ms."""
    time = times(seconds)[:, None]
    number = np.arange(1, 25)
    partial_hz = number * pitch_hz * np.sqrt(1 + 4e-4 * number**2)
    partials = np.exp(-time * (1.5 + 0.4 * number)) * np.sin(2 * np.pi * partial_hz * time) / number
    attack = np.minimum(time[:, 0] / 0.004, 1)
    return partials @ (partial_hz < RATE_HZ / 2) * attack


def times(seconds: float) -> Samples:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def write(path: Path, samples: Samples) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")


if __name__ == "__main__":
    main()
