"""The recordings that scripts/bench runs on: speech-like utterances of 4 to 16 s, and clips of one length, 16 kHz mono.

Vowels from make_sample_data's source-filter model, strung together with pauses and a little noise, so that FLAC and
the lossy codecs have about as much to do as with real speech. Seeded: the same samples every time. Each corpus lies in
two folders, ``first`` with a third of the clips and ``rest`` with the others: the smaller corpus is a part of the
larger one. Recordings that are there already can be taken instead.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
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
_WMA = ("-c:a", "wmav2", "-b:a", "64k")
FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "wma", "mp4")
BY_FFMPEG = ("m4a", "wma", "mp4")
"""What libsndfile cannot read, mp4 being video."""
_MOST_COUNTED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """Two folders of clips in one format: a smaller and a larger one, in which the smaller one is contained."""

    name: str
    audio_format: str
    small: Path
    large: Path
    counts_clips: bool = False
    """Whether its speed is better told in clips than in seconds of audio: where each takes next to no time."""


def utterances(cache: Path, *, audio_format: str, n_small: int) -> Corpus:
    """Utterances of 4 to 16 s, ``3 * n_small`` in all, made unless the cache has them."""
    folder = cache / f"utterances-{3 * n_small}" / audio_format
    large = _made(folder, lambda: _utterances(3 * n_small), audio_format=audio_format, n_small=n_small)
    return Corpus(audio_format, audio_format, large / "first", large)


def clips_of(cache: Path, *, seconds: float, n_small: int) -> Corpus:
    """Clips that are all ``seconds`` long, ``3 * n_small`` in all, as WAV."""
    folder = cache / f"clips-{seconds:g}s-{3 * n_small}" / "wav"
    clips = 3 * n_small
    large = _made(folder, lambda: _clips(clips, seconds=seconds), audio_format="wav", n_small=n_small)
    return Corpus(f"{seconds:g} s wav", "wav", large / "first", large, seconds <= _MOST_COUNTED_SECONDS)


def recordings(small: Path, large: Path, *, audio_format: str) -> Corpus | None:
    """What two folders hold of a format, each in a folder of its name; None where one of them has none."""
    found = small / audio_format, large / audio_format
    return Corpus(audio_format, audio_format, *found) if all(map(Path.is_dir, found)) else None


def _utterances(count: int) -> Iterator[Samples]:
    """``count`` of them, each (n,) with n from 4 to 16 s."""
    random = np.random.default_rng(SEED)
    words = _words(random)
    for _ in range(count):
        yield _speech(int(random.uniform(4, 16) * RATE_HZ), words, random)


def _clips(count: int, *, seconds: float) -> Iterator[Samples]:
    """``count`` of them, each (n,)."""
    random = np.random.default_rng(SEED + 1)
    words = _words(random)
    for _ in range(count):
        yield _speech(round(seconds * RATE_HZ), words, random)


def _words(random: np.random.Generator) -> list[Samples]:
    """One to four vowels each, in voices from 90 to 240 Hz."""
    vowels = list(VOWEL_FORMANTS_HZ)
    return [
        speech_like(
            "".join(random.choice(vowels, random.integers(1, 5))), pitch_hz=random.uniform(90, 240), rate_hz=RATE_HZ
        ).astype(np.float32)
        for _ in range(_WORDS)
    ]


def _speech(length: int, words: list[Samples], random: np.random.Generator) -> Samples:
    """``length`` samples, with -60 dB of noise: digital silence would make FLAC too fast."""
    parts: list[Samples] = []
    missing = length
    while missing > 0:
        parts.append(words[random.integers(_WORDS)])
        missing -= len(parts[-1])
    noisy: Samples = np.concatenate(parts)[:length] + np.float32(1e-3) * random.standard_normal(length, np.float32)
    return noisy


def _made(folder: Path, clips: Callable[[], Iterator[Samples]], *, audio_format: str, n_small: int) -> Path:
    """Write the clips to ``folder``, whole or not at all, unless it is there."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"{folder} ...", file=sys.stderr, flush=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
    try:
        for part in ("first", "rest"):
            (partial / part).mkdir()
        for index, samples in enumerate(clips()):
            part = "first" if index < n_small else "rest"
            path = partial / part / f"{index:06d}.{audio_format}"
            if audio_format in _LIBSNDFILE:
                write_sndfile(path, samples.astype(np.float64), rate_hz=RATE_HZ, subtype="PCM_16")
            else:
                encoding = _encoding(audio_format, seconds=len(samples) / RATE_HZ)
                write_ffmpeg(path, samples.astype(np.float64), rate_hz=RATE_HZ, encoding=encoding)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def _encoding(audio_format: str, *, seconds: float) -> tuple[str, ...]:
    """What ffmpeg is told."""
    picture = f"testsrc2=size=320x240:rate=25:duration={seconds:.3f}"
    video = ("-f", "lavfi", "-i", picture, "-map", "0:a", "-map", "1:v", "-c:v", "mpeg4", *AAC)
    return {"mp3": MP3, "ogg": VORBIS, "opus": OPUS, "m4a": AAC, "wma": _WMA, "mp4": video}[audio_format]
