"""The recordings that scripts/bench runs on: speech-like utterances of 4 to 16 s, and half-second clips, 16 kHz mono.

Vowels from make_sample_data's source-filter model, strung together with pauses and a little noise, so that FLAC and
the lossy codecs have about as much to do as with real speech. Seeded: the same samples every time. Each corpus lies in
two folders, ``first`` with a third of the clips and ``rest`` with the others: the smaller corpus is a part of the
larger one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from make_sample_data import AAC, MP3, OPUS, VORBIS, VOWEL_FORMANTS_HZ, speech_like, write_ffmpeg, write_sndfile

Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000
SEED = 20_160_305
_WORDS = 64
_LIBSNDFILE = ("wav", "flac")
_FFMPEG = {"mp3": MP3, "ogg": VORBIS, "opus": OPUS, "m4a": AAC}
FORMATS = (*_LIBSNDFILE, *_FFMPEG)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of clips in one format. ``small`` holds a third of them, ``large`` all."""

    name: str
    large: Path
    counts_clips: bool = False
    """Whether its speed is better told in clips than in seconds of audio: where each takes next to no time."""

    @property
    def small(self) -> Path:
        return self.large / "first"


def utterances(cache: Path, *, audio_format: str, n_small: int) -> Corpus:
    """Utterances of 4 to 16 s, ``3 * n_small`` in all, made unless the cache has them."""
    folder = cache / f"utterances-{3 * n_small}" / audio_format
    return Corpus(audio_format, _made(folder, _utterances(3 * n_small), audio_format=audio_format, n_small=n_small))


def short_clips(cache: Path, *, n_small: int) -> Corpus:
    """Clips of half a second, ``3 * n_small`` in all, as WAV."""
    folder = cache / f"half-seconds-{3 * n_small}" / "wav"
    large = _made(folder, _half_seconds(3 * n_small), audio_format="wav", n_small=n_small)
    return Corpus("0.5 s wav", large, counts_clips=True)


def _utterances(count: int) -> Iterator[Samples]:
    """``count`` of them, each (n,) with n from 4 to 16 s."""
    random = np.random.default_rng(SEED)
    words = _words(random)
    for _ in range(count):
        length = int(random.uniform(4, 16) * RATE_HZ)
        parts: list[Samples] = []
        while sum(map(len, parts)) < length:
            parts.append(words[random.integers(_WORDS)])
        yield _with_noise(np.concatenate(parts)[:length], random)


def _half_seconds(count: int) -> Iterator[Samples]:
    random = np.random.default_rng(SEED + 1)
    words = _words(random)
    for _ in range(count):
        # Every word is longer: it has 0.35 s of vowel and 0.3 s of pauses at least.
        yield _with_noise(words[random.integers(_WORDS)][: RATE_HZ // 2], random)


def _words(random: np.random.Generator) -> list[Samples]:
    """One to four vowels each, in voices from 90 to 240 Hz."""
    vowels = list(VOWEL_FORMANTS_HZ)
    return [
        speech_like(
            "".join(random.choice(vowels, random.integers(1, 5))), pitch_hz=random.uniform(90, 240), rate_hz=RATE_HZ
        ).astype(np.float32)
        for _ in range(_WORDS)
    ]


def _with_noise(samples: Samples, random: np.random.Generator) -> Samples:
    """-60 dB of noise: digital silence would make FLAC too fast."""
    noisy: Samples = samples + np.float32(1e-3) * random.standard_normal(len(samples), np.float32)
    return noisy


def _made(folder: Path, clips: Iterator[Samples], *, audio_format: str, n_small: int) -> Path:
    """Write the clips to ``folder``, whole or not at all, unless it is there."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
    try:
        for part in ("first", "rest"):
            (partial / part).mkdir()
        for index, samples in enumerate(clips):
            part = "first" if index < n_small else "rest"
            path = partial / part / f"{index:06d}.{audio_format}"
            if audio_format in _LIBSNDFILE:
                write_sndfile(path, samples.astype(np.float64), rate_hz=RATE_HZ, subtype="PCM_16")
            else:
                write_ffmpeg(path, samples.astype(np.float64), rate_hz=RATE_HZ, encoding=_FFMPEG[audio_format])
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder
