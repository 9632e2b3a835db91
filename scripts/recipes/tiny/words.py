"""Four clips to look at where nobody has recorded any: "yes" and "no", loud and quiet, at 48 kHz.

A voice is harmonics under three formants that move from sound to sound; the s of "yes" is noise above 5 kHz. Nothing is
recorded, and the same bytes come out every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float64]

RATE_HZ = 48_000
CLIP_SECONDS = 1.5
WORD_STARTS_AT_SECONDS = 0.45
LEVELS = {"loud": 0.8, "quiet": 0.12}
ROOM = 1e-4  # no recording is silent between its words

# What a word goes through: seconds since its start, three formants in Hz, how much voice, how much hiss.
WORDS = {
    "yes": (
        (0.00, 280, 2200, 3000, 0.0, 0.0),
        (0.06, 280, 2200, 3000, 0.6, 0.0),
        (0.16, 550, 1850, 2500, 1.0, 0.0),
        (0.30, 550, 1800, 2500, 0.8, 0.0),
        (0.36, 450, 1800, 2500, 0.0, 0.5),
        (0.50, 450, 1800, 2500, 0.0, 0.4),
        (0.58, 450, 1800, 2500, 0.0, 0.0),
    ),
    "no": (
        (0.00, 250, 1000, 2300, 0.0, 0.0),
        (0.05, 250, 1000, 2300, 0.4, 0.0),
        (0.11, 250, 1000, 2300, 0.4, 0.0),
        (0.18, 560, 900, 2400, 1.0, 0.0),
        (0.32, 500, 850, 2350, 0.9, 0.0),
        (0.46, 330, 700, 2250, 0.0, 0.0),
    ),
}


def write_words(folder: Path) -> None:
    """Write ``yes_loud.wav`` and the three others into a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for word in WORDS:
        for level, peak in LEVELS.items():
            samples = spoken(word, peak=peak, seed=len(list(folder.iterdir())))
            soundfile.write(folder / f"{word}_{level}.wav", samples, RATE_HZ, subtype="PCM_16")


def spoken(word: str, *, peak: float, seed: int) -> Samples:
    """A clip with the word in its middle."""
    noise = np.random.default_rng(seed)
    start, *tracks = np.array(WORDS[word]).T
    times = np.arange(round(start[-1] * RATE_HZ)) / RATE_HZ
    *formants_hz, voice, hiss = (np.interp(times, start, track) for track in tracks)
    sound = voice * _voiced(times, formants_hz) + hiss * _hissed(len(times), noise)
    clip = ROOM * noise.standard_normal(round(CLIP_SECONDS * RATE_HZ))
    first = round(WORD_STARTS_AT_SECONDS * RATE_HZ)
    clip[first : first + len(sound)] += peak * sound / np.abs(sound).max()
    return clip


def _voiced(times: Samples, formants_hz: list[Samples]) -> Samples:
    """Harmonics of a pitch that falls as at the end of a sentence, each as strong as the formants near it let it be."""
    pitch_hz = 130.0 - 40.0 * times
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    sound = np.zeros_like(times)
    for order in range(1, 40):
        strength = sum(
            share / (1 + ((order * pitch_hz - formant_hz) / width_hz) ** 2)
            for formant_hz, width_hz, share in zip(formants_hz, (70, 110, 160), (1.0, 0.5, 0.25), strict=True)
        )
        sound += strength * np.sin(order * phase)
    return sound / np.abs(sound).max()


def _hissed(n_samples: int, noise: np.random.Generator) -> Samples:
    spectrum = np.fft.rfft(noise.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / RATE_HZ)
    sound = np.fft.irfft(spectrum / (1 + (5_000 / np.maximum(hz, 1)) ** 6) / (1 + (hz / 12_000) ** 4), n_samples)
    loudest: Samples = sound / np.abs(sound).max()
    return loudest
