"""Rows 70 to 86: files with a sound header whose samples are damaged, endless, or not what a sample should be."""

from __future__ import annotations

import numpy as np
from decode_inputs import wav_bytes
from faults.inputs.bomb import flac_bomb
from faults.inputs.case import BadInput
from faults.inputs.seeds import (
    FRAMES,
    encoded,
    flac_claiming,
    flipped,
    part_of,
    read_whole,
    refused,
    rf64,
    sparse,
    with_bytes,
    without_hole,
    written,
)


def _floats(*, at: int, value: float, bits: int = 32) -> bytes:
    """A second of quiet floats with three of another value in it."""
    samples = np.full(FRAMES, 0.25, f"<f{bits // 8}")
    samples[at : at + 3] = value
    head = wav_bytes(frames=0, tag=3, bits=bits, data_size=samples.nbytes)
    return head + samples.tobytes()


def _pcm(samples: np.ndarray) -> bytes:
    return wav_bytes(frames=0, data_size=2 * len(samples)) + samples.astype("<i2").tobytes()


def _adts(*rates_hz: int) -> bytes:
    return b"".join(encoded("aac", "-ar", str(rate)) for rate in rates_hz)


def _mpeg(*options: str) -> bytes:
    return encoded("mp3", "-write_xing", "0", "-id3v2_version", "0", *options)


def _middle(content: bytes, junk: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + junk + content[half:]


def _flac_of_another_sound() -> bytes:
    """A FLAC file whose frames are whole, and not those that its MD5 was taken of."""
    return with_bytes(written("FLAC", "PCM_16"), 26, bytes(range(16)))


_JUNK = np.random.default_rng(74).bytes(3_000).replace(b"\xff", b"\x7f")

_LONG_BYTES = 1_000 * 86_401
_TOO_LONG = ("86401.0 s", "86400 s")


def _long_wav() -> bytes:
    """The header of a WAV file of a day and a second, at 1,000 Hz."""
    return wav_bytes(frames=0, sample_rate=1_000, bits=8, data_size=_LONG_BYTES)


INPUTS: tuple[BadInput, ...] = (
    refused(70, "flipped.flac", lambda: flipped(written("FLAC", "PCM_16")), "input.corrupt", "frame"),
    refused(70, "half.flac", lambda: part_of(written("FLAC", "PCM_16"), 0.5), "input.corrupt", "frame"),
    refused(70, "hole.flac", lambda: without_hole(written("FLAC", "PCM_16"), hole_bytes=2_000), "input.corrupt"),
    refused(
        70,
        "flipped_stream.flac",
        lambda: flac_claiming(0, flipped(written("FLAC", "PCM_16"))),
        "input.corrupt",
        "CRC",
        needs="ffmpeg",
    ),
    read_whole(71, "md5.flac", _flac_of_another_sound),
    refused(72, "flipped.ogg", lambda: flipped(written("OGG")), "input.corrupt", "page", "checksum"),
    refused(72, "half.ogg", lambda: part_of(written("OGG"), 0.5), "input.truncated", "whole pages"),
    refused(72, "hole.ogg", lambda: without_hole(written("OGG"), hole_bytes=500), "input.corrupt", "page"),
    refused(72, "flipped_opus.opus", lambda: flipped(written("OGG", "OPUS")), "input.corrupt", "page"),
    refused(72, "half_opus.opus", lambda: part_of(written("OGG", "OPUS"), 0.5), "input.truncated", "whole pages"),
    refused(
        72,
        "no_last_page.ogg",
        lambda: written("OGG")[: written("OGG").rindex(b"OggS")],
        "input.truncated",
        "no page is marked as the last one",
    ),
    refused(73, "half.mp3", lambda: part_of(written("MP3"), 0.5), "input.truncated", "bytes of MP3", "(50 %)"),
    refused(74, "junk.mp3", lambda: _middle(_mpeg(), _JUNK), "input.corrupt", "3000 bytes", needs="ffmpeg"),
    refused(74, "junk_xing.mp3", lambda: _middle(written("MP3"), _JUNK), "input.corrupt", "3000 bytes"),
    refused(74, "overwritten.mp3", lambda: with_bytes(written("MP3"), 600, _JUNK[:300]), "input.corrupt", "bytes"),
    read_whole(75, "vbr.mp3", lambda: _mpeg("-q:a", "3"), None, needs="ffmpeg"),
    refused(76, "two.mp3", lambda: written("MP3") * 2, "input.chained", "second MP3"),
    refused(76, "two_ogg.ogg", lambda: written("OGG") * 2, "input.chained", "second Ogg"),
    refused(77, "rates.aac", lambda: _adts(16_000, 24_000), "input.format-changes", "24000 Hz", needs="ffmpeg"),
    refused(
        77, "rates_mp3.mp3", lambda: _mpeg() + _mpeg("-ar", "24000"), "input.format-changes", "24000", needs="ffmpeg"
    ),
    refused(78, "nan.wav", lambda: _floats(at=1_000, value=np.nan), "input.non-finite", "3 of 16000", "frame 1000"),
    refused(78, "infinite.wav", lambda: _floats(at=9_000, value=-np.inf), "input.non-finite", "3 of 16000", "9000"),
    refused(79, "double.wav", lambda: _floats(at=5, value=1e300, bits=64), "input.non-finite", "3 of 16000", "frame 5"),
    read_whole(80, "loud.wav", lambda: _floats(at=5, value=1e6)),
    read_whole(81, "silent.wav", lambda: _pcm(np.zeros(FRAMES))),
    read_whole(81, "level.wav", lambda: _pcm(np.full(FRAMES, 12_345))),
    read_whole(81, "denormal.wav", lambda: _floats(at=0, value=1e-40)),
    refused(82, "one.wav", lambda: _pcm(np.ones(1)), "input.too-short", "1 samples"),
    BadInput(83, "row83/a_day.wav", sparse(_long_wav(), size_bytes=44 + _LONG_BYTES), "limit.duration", _TOO_LONG),
    # Of a length that the header leaves open: only the file's own size tells.
    BadInput(
        83,
        "row83/endless.wav",
        sparse(with_bytes(_long_wav(), 40, b"\xff" * 4), size_bytes=44 + _LONG_BYTES),
        "limit.duration",
        _TOO_LONG,
    ),
    refused(84, "bomb.flac", lambda: flac_bomb(seconds=90_000, is_told=True), "limit.duration", "90000", "86400 s"),
    BadInput(
        86,
        "row86/sparse.wav",
        sparse(rf64(declared_bytes=1 << 40, data=b""), size_bytes=(1 << 40) + 80),
        "limit.bytes",
        ("1,099,511,627,856 bytes", "100,000,000,000"),
    ),
)
