#!/usr/bin/env python3
"""Synthesise "digits": ten words of two vowels each, by voices that differ in pitch and length of throat.

    synthesise.py OUT [--speakers N] [--takes N]    OUT/{digit}_{speaker}_{index}.wav, 8 kHz

Harmonics of a falling pitch, as loud as two formants that glide from one vowel to the other make them, over noise. No
digit sounds like this; but what tells them apart, and voices from each other, is what does in speech. The same bytes
every time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RATE_HZ = 8_000
# The first two formants (Hz) of five vowels: Peterson and Barney, JASA 24, 1952, table II. A word is a pair of them.
VOWELS = {"a": (730, 1090), "e": (530, 1840), "i": (270, 2290), "o": (570, 840), "u": (300, 870)}
WORDS = ("ai", "au", "ei", "eo", "ia", "io", "oe", "ui", "ua", "ou")
# Pitch (Hz), and by what all formants are multiplied, since a shorter throat sounds higher.
VOICES = {"low": (105, 1.0), "middle": (165, 1.08), "high": (220, 1.16), "child": (270, 1.25)}
BANDWIDTH_HZ = 90.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to fill; made if missing")
    parser.add_argument("--speakers", type=int, default=3, choices=range(1, len(VOICES) + 1), help="(%(default)s)")
    parser.add_argument("--takes", type=int, default=12, help="of each digit by each speaker (%(default)s)")
    arguments = parser.parse_args()
    synthesise(arguments.out, speakers=arguments.speakers, takes=arguments.takes)


def synthesise(out: Path, *, speakers: int, takes: int) -> None:
    """Fill a folder, which is made if missing."""
    out.mkdir(parents=True, exist_ok=True)
    for speaker in list(VOICES)[:speakers]:
        for digit, word in enumerate(WORDS):
            for take in range(takes):
                chance = np.random.default_rng([*speaker.encode(), digit, take])
                samples = spoken(word, *VOICES[speaker], chance)
                soundfile.write(out / f"{digit}_{speaker}_{take}.wav", samples, RATE_HZ, subtype="PCM_16")


def spoken(word: str, pitch_hz: float, size: float, chance: np.random.Generator) -> npt.NDArray[np.float64]:
    """One take of a word, 0.25 to 0.6 s: no two have the same length, pitch and vowels."""
    times = np.arange(int(RATE_HZ * chance.uniform(0.25, 0.6))) / RATE_HZ
    way = times / times[-1]
    pitch = pitch_hz * chance.uniform(0.94, 1.06) * (1.1 - 0.2 * way)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    gain = size * chance.uniform(0.96, 1.04)
    first, last = (gain * np.array(VOWELS[vowel])[:, None] for vowel in word)
    formants = first + (last - first) / (1 + np.exp(-12 * (way - 0.5)))  # (2, samples): most of the glide is midway
    samples = np.zeros_like(times)
    for number in range(1, int(RATE_HZ / 2 / pitch.max())):
        off = (number * pitch - formants) / BANDWIDTH_HZ
        samples += (1 / (1 + off**2)).sum(axis=0) * np.sin(number * phase)
    samples *= np.sin(np.pi * way) ** 0.5 / np.abs(samples).max()  # no word begins or ends all at once
    return 0.5 * samples + 0.003 * chance.standard_normal(len(samples))


if __name__ == "__main__":
    main()
