#!/usr/bin/env python3
"""Synthesise a small folder of audio in many formats: what the demo runs on and what tests decode.

Nothing is recorded and nothing is random: tones, sweeps, a siren, and speech-like sounds from a source-filter model
(glottal pulses through formant resonators: D. H. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67,
1980). PCM and FLAC are written by libsndfile, everything else by the ffmpeg that imageio-ffmpeg ships.

    python scripts/make_sample_data.py OUT              14 good clips, 2 broken ones, 2 files that are no clips
    python scripts/make_sample_data.py OUT --formats    one clip of each format that audiofeat reads
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float64]

# Formant frequencies (Hz) of five vowels, a man's voice: Peterson and Barney, JASA 24, 1952, table II.
VOWEL_FORMANTS_HZ = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
FORMANT_BANDWIDTHS_HZ = (80, 100, 140)

# How ffmpeg encodes. No `-shortest`: where it cuts the video depends on which of two threads is ahead.
MP3 = ("-c:a", "libmp3lame", "-b:a", "96k")
VORBIS = ("-c:a", "libvorbis", "-q:a", "4")
OPUS = ("-c:a", "libopus", "-b:a", "48k")
AAC = ("-c:a", "aac", "-b:a", "96k")
VIDEO = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1.5", "-map", "0:a", "-map", "1:v", "-c:v", "mpeg4")


def main() -> None:
    parser = argparse.ArgumentParser(description="Synthesise a small folder of audio in many formats.")
    parser.add_argument("out", type=Path, help="folder to fill; made if missing")
    parser.add_argument("--formats", action="store_true", help="one clip of each format instead of the sample data set")
    arguments = parser.parse_args()
    make = make_formats if arguments.formats else make_sample_data
    make(arguments.out)
    print(f"{sum(path.is_file() for path in arguments.out.rglob('*'))} files in {arguments.out}")


def make_sample_data(out: Path) -> None:
    """Fill ``out`` with 14 good clips of 1 to 4 s, two broken ones, a text file and a hidden file.

    The same bytes every time.
    """
    tones, sweeps, speech, broken = (out / name for name in ("tones", "sweeps", "speech", "broken"))
    for folder in (tones, sweeps, speech / "low", speech / "high", broken):
        folder.mkdir(parents=True, exist_ok=True)

    write_sndfile(tones / "sine_440hz.wav", sine(seconds=1.0, rate_hz=16_000), rate_hz=16_000, subtype="PCM_16")
    write_sndfile(tones / "square_220hz.flac", square(seconds=1.5, rate_hz=22_050), rate_hz=22_050, subtype="PCM_16")
    write_ffmpeg(tones / "saw_110hz.mp3", saw(seconds=2.0, rate_hz=44_100), rate_hz=44_100, encoding=MP3)
    write_ffmpeg(tones / "siren.ogg", siren(seconds=4.0, rate_hz=32_000), rate_hz=32_000, encoding=VORBIS)

    rising = sweep(seconds=3.0, rate_hz=44_100, from_hz=50, to_hz=20_000)
    both_ways = np.stack([rising, rising[::-1]], axis=1)
    write_sndfile(sweeps / "both_ways_stereo.wav", both_ways, rate_hz=44_100, subtype="PCM_24")
    write_sndfile(sweeps / "both_ways_stereo_copy.flac", both_ways, rate_hz=44_100, subtype="PCM_24")
    write_ffmpeg(sweeps / "rising.m4a", rising, rate_hz=44_100, encoding=AAC)
    write_ffmpeg(sweeps / "falling.mp3", rising[::-1], rate_hz=44_100, encoding=MP3)

    for voice, pitch_hz in (("low", 110.0), ("high", 210.0)):
        folder = speech / voice
        long, middle, short = (
            speech_like(vowels, pitch_hz=pitch_hz, rate_hz=16_000) for vowels in ("aeiou", "oia", "ue")
        )
        write_sndfile(folder / "aeiou.wav", long, rate_hz=16_000, subtype="PCM_16")
        write_ffmpeg(folder / "oia.m4a", middle, rate_hz=16_000, encoding=AAC)
        write_ffmpeg(folder / "ue.ogg", short, rate_hz=16_000, encoding=VORBIS)

    whole = (speech / "low" / "aeiou.wav").read_bytes()
    (broken / "cut_in_the_middle.wav").write_bytes(whole[: len(whole) // 2])
    (broken / "text_not_audio.wav").write_text("The recording of 12 May was lost; see the log book.\n")
    (out / "README.txt").write_text("Synthesised by scripts/make_sample_data.py of audiofeat. No rights reserved.\n")
    (out / ".hidden.wav").write_bytes(whole)


SNDFILE_FORMATS = {
    "wav_u8.wav": "PCM_U8",
    "wav_s16.wav": "PCM_16",
    "wav_s24.wav": "PCM_24",
    "wav_s32.wav": "PCM_32",
    "wav_alaw.wav": "ALAW",
    "wav_ulaw.wav": "ULAW",
    "w64_s16.w64": "PCM_16",
    "flac_s16.flac": "PCM_16",
    "flac_s24.flac": "PCM_24",
    "aiff_s16.aiff": "PCM_16",
    "caf_s16.caf": "PCM_16",
    "au_s16.au": "PCM_16",
}
FFMPEG_FORMATS = {
    "wav_f32.wav": ("-c:a", "pcm_f32le"),  # libsndfile would write the time of day into a float file's PEAK chunk
    "wav_f64.wav": ("-c:a", "pcm_f64le"),
    "mp3.mp3": MP3,
    "ogg_vorbis.ogg": VORBIS,
    "opus.opus": OPUS,
    "m4a_aac.m4a": AAC,
    "m4a_alac.m4a": ("-c:a", "alac"),
    "aac_adts.aac": AAC,
    "wma.wma": ("-c:a", "wmav2", "-b:a", "64k"),
    "amr_nb.amr": ("-c:a", "libopencore_amrnb", "-b:a", "12.2k", "-ar", "8000"),
    "webm_opus.webm": OPUS,
    "mp4_video.mp4": (*VIDEO, *AAC),
    "mkv_video.mkv": (*VIDEO, *VORBIS),
}


def make_formats(out: Path) -> None:
    """Fill ``out`` with one file of each format: :func:`format_tone`, mono at 16 kHz (8 kHz in ``amr_nb.amr``)."""
    out.mkdir(parents=True, exist_ok=True)
    for name, subtype in SNDFILE_FORMATS.items():
        write_sndfile(out / name, format_tone(), rate_hz=16_000, subtype=subtype)
    for name, encoding in FFMPEG_FORMATS.items():
        write_ffmpeg(out / name, format_tone(), rate_hz=16_000, encoding=encoding)


def format_tone(*, rate_hz: int = 16_000) -> Samples:
    """What :func:`make_formats` encodes: 1.5 s of 440 Hz at a peak of 0.5; shape (1.5 * rate_hz,)."""
    return sine(seconds=1.5, rate_hz=rate_hz)


def sine(*, seconds: float, rate_hz: int, tone_hz: float = 440.0) -> Samples:
    tone: Samples = 0.5 * np.sin(2 * np.pi * tone_hz * _times(seconds, rate_hz=rate_hz))
    return tone


def square(*, seconds: float, rate_hz: int, tone_hz: float = 220.0) -> Samples:
    """Odd harmonics up to half the sample rate: a sum, not a sign, so that nothing folds back."""
    return _harmonics(seconds, rate_hz=rate_hz, tone_hz=tone_hz, step=2)


def saw(*, seconds: float, rate_hz: int, tone_hz: float = 110.0) -> Samples:
    return _harmonics(seconds, rate_hz=rate_hz, tone_hz=tone_hz, step=1)


def sweep(*, seconds: float, rate_hz: int, from_hz: float, to_hz: float) -> Samples:
    """A tone whose frequency grows exponentially, so that every octave takes the same time."""
    times = _times(seconds, rate_hz=rate_hz)
    octave_rate = np.log(to_hz / from_hz) / seconds
    phase = 2 * np.pi * from_hz * np.expm1(octave_rate * times) / octave_rate
    tone: Samples = 0.5 * np.sin(phase)
    return tone


def siren(*, seconds: float, rate_hz: int) -> Samples:
    """A tone that wails between 500 and 1,500 Hz twice a second, with one harmonic."""
    frequency_hz = 1000 + 500 * np.sin(2 * np.pi * 2.0 * _times(seconds, rate_hz=rate_hz))
    phase = 2 * np.pi * np.cumsum(frequency_hz) / rate_hz
    wail: Samples = 0.4 * np.sin(phase) + 0.1 * np.sin(2 * phase)
    return wail


def speech_like(vowels: str, *, pitch_hz: float, rate_hz: int) -> Samples:
    """Vowels of 0.35 s with pauses of 0.15 s around them, falling in pitch as a sentence does."""
    pause = np.zeros(round(0.15 * rate_hz))
    pieces = [pause]
    for position, vowel in enumerate(vowels):
        pulses = _glottal_pulses(0.35, rate_hz=rate_hz, pitch_hz=pitch_hz * (1 - 0.04 * position))
        for formant_hz, bandwidth_hz in zip(VOWEL_FORMANTS_HZ[vowel], FORMANT_BANDWIDTHS_HZ, strict=True):
            pulses = _resonate(pulses, centre_hz=formant_hz, bandwidth_hz=bandwidth_hz, rate_hz=rate_hz)
        pieces += [0.5 * pulses * np.hanning(pulses.size) / np.abs(pulses).max(), pause]
    return np.concatenate(pieces)


def write_sndfile(path: Path, samples: Samples, *, rate_hz: int, subtype: str) -> None:
    """Write samples of shape (frames,) or (frames, channels) in the format that the suffix names."""
    soundfile.write(path, samples, rate_hz, subtype=subtype)


def write_ffmpeg(path: Path, samples: Samples, *, rate_hz: int, encoding: Sequence[str]) -> None:
    """Encode mono samples of shape (frames,) with ffmpeg; bit-exact flags keep dates, versions and serials out."""
    reading = ("-f", "f32le", "-ar", str(rate_hz), "-ac", "1", "-i", "pipe:0")
    exact = ("-threads", "1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1")
    quiet = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y")
    command = [*quiet, *reading, *encoding, *exact, f"file:{path}"]
    done = subprocess.run(command, input=samples.astype("<f4").tobytes(), stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"ffmpeg could not write {path.name}: {done.stderr.decode(errors='replace').strip()}")


def _times(seconds: float, *, rate_hz: int) -> Samples:
    return np.arange(round(seconds * rate_hz)) / rate_hz


def _harmonics(seconds: float, *, rate_hz: int, tone_hz: float, step: int) -> Samples:
    times = _times(seconds, rate_hz=rate_hz)
    orders = range(1, int(rate_hz / 2 / tone_hz) + 1, step)
    wave: Samples = np.sum([np.sin(2 * np.pi * order * tone_hz * times) / order for order in orders], axis=0)
    wave *= 0.5 / np.abs(wave).max()
    return wave


def _glottal_pulses(seconds: float, *, rate_hz: int, pitch_hz: float) -> Samples:
    """One impulse a period through a smooth decay: a spectrum that falls with frequency, as a voice's does."""
    impulses = np.zeros(round(seconds * rate_hz))
    impulses[(np.arange(0, seconds, 1 / pitch_hz) * rate_hz).astype(int)] = 1.0
    decay = np.exp(-np.arange(round(0.01 * rate_hz)) / (0.001 * rate_hz))
    return np.convolve(impulses, decay)[: impulses.size]


def _resonate(samples: Samples, *, centre_hz: float, bandwidth_hz: float, rate_hz: int) -> Samples:
    """Klatt's resonator, by convolution with its impulse response (50 ms: it has died away by then)."""
    times = np.arange(round(0.05 * rate_hz)) / rate_hz
    response = np.exp(-np.pi * bandwidth_hz * times) * np.sin(2 * np.pi * centre_hz * (times + 1 / rate_hz))
    return np.convolve(samples, response)[: samples.size]


if __name__ == "__main__":
    main()
