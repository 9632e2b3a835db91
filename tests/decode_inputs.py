"""Audio files for the decoding tests, made on the spot: a chirp, written by soundfile or encoded by ffmpeg."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiofeat.decode import Shared, find_ffmpeg, open_clip
from audiofeat.decode.channels import Channels
from audiofeat.errors import ClipError
from audiofeat.records import Excerpt, Member

FFMPEG = find_ffmpeg()
RATE_HZ = 16_000


@dataclass(frozen=True)
class Bounds:
    """The limits group of the configuration, as decoding sees it."""

    max_bytes: int = 100_000_000_000
    max_seconds: float = 86_400.0
    max_channels: int = 64
    min_sample_rate: int = 1_000
    max_sample_rate: int = 768_000


@dataclass(frozen=True)
class Decoded:
    """What one pass over a clip gave."""

    samples: np.ndarray
    decoder: str
    native_sample_rate: int
    channels: int
    source_frames: int
    source_digest: str
    where: tuple[float | None, float | None]
    """``start_seconds`` and ``end_seconds``."""


def chirp(seconds: float = 1.0, *, sample_rate: int = RATE_HZ) -> np.ndarray:
    """A sweep from 200 to 2,000 Hz at half of full scale: no two moments of it are alike."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * (200 * time + 900 / seconds * time**2))).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, *, sample_rate: int = RATE_HZ, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, sample_rate, format="WAV", subtype=subtype)
    return path


def run_ffmpeg(*arguments: str | Path) -> bytes:
    """Run ffmpeg for a test's own purposes; what it wrote to stdout."""
    command = [FFMPEG or "ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout


def decode(
    path: str | Path,
    *,
    sample_rate: int | None = RATE_HZ,
    limits: Bounds | None = None,
    excerpt: Excerpt | None = None,
    channels: Channels = "mix",
    member: Member | None = None,
    shared: Shared | None = None,
) -> Decoded:
    """One pass over a clip; ``samples`` are (n,) where one channel comes out, else (n, channels)."""
    with open_clip(
        str(path), member=member, excerpt=excerpt, channels=channels, sample_rate=sample_rate,
        limits=limits or Bounds(), ffmpeg=FFMPEG, shared=shared,
    ) as clip:  # fmt: skip
        blocks = list(clip)
        assert all(block.dtype == np.float32 and block.shape[1:] == (clip.output_channels,) for block in blocks)
        samples = np.concatenate(blocks)
        return Decoded(
            samples[:, 0] if channels != "each" else samples,
            clip.decoder,
            clip.native_sample_rate,
            clip.channels,
            clip.source_frames,
            clip.source_digest,
            (clip.start_seconds, clip.end_seconds),
        )


def refused(
    path: str | Path,
    *,
    limits: Bounds | None = None,
    ffmpeg: str | None = FFMPEG,
    excerpt: Excerpt | None = None,
    channels: Channels = "mix",
    member: Member | None = None,
) -> ClipError:
    """The error that decoding ``path`` ends with."""
    with (
        pytest.raises(ClipError) as caught,
        open_clip(
            str(path), member=member, excerpt=excerpt, channels=channels, sample_rate=RATE_HZ,
            limits=limits or Bounds(), ffmpeg=ffmpeg,
        ) as clip,
    ):  # fmt: skip
        list(clip)
    assert str(path) not in str(caught.value)
    return caught.value


def wav_bytes(
    *,
    frames: int = 1_000,
    tag: int = 1,
    channels: int = 1,
    sample_rate: int = RATE_HZ,
    bits: int = 16,
    block_align: int | None = None,
    data_size: int | None = None,
    before_data: bytes = b"",
) -> bytes:
    """A WAV file whose header says what it is told to; the samples count up."""
    align = channels * bits // 8 if block_align is None else block_align
    data = (np.arange(frames * max(channels, 1)) % 251).astype("<i2").tobytes()
    body = b"fmt " + struct.pack("<IHHIIHH", 16, tag, channels, sample_rate, sample_rate * align, align, bits)
    body += before_data + b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(body) & 0xFFFFFFFF) + b"WAVE" + body
