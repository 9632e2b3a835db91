"""Rows 45 to 69: files whose container or header is not what it should be, or only looks odd and is sound."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from decode_inputs import RATE_HZ, wav_bytes
from faults.inputs import playlists
from faults.inputs.case import BadInput
from faults.inputs.seeds import (
    FRAMES,
    encoded,
    flac_claiming,
    id3,
    read_whole,
    refused,
    rf64,
    sparse,
    with_bytes,
    written,
)

_VIDEO = ("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=10", "-c:v", "mpeg4")
_HUM = ("-f", "lavfi", "-i", "sine=frequency=50:duration=3")
_SUBTITLE = (
    "-f",
    "srt",
    "-i",
    "data:text/plain,1%0A00:00:00,000 --> 00:00:01,000%0AHello%0A",
    "-map",
    "1:s",
    "-c:s",
    "mov_text",
)
_WAV_BYTES = 44 + 2 * FRAMES


def _wav_of_size(size: int) -> bytes:
    """A second of sound whose ``data`` chunk says that it has ``size`` bytes."""
    return with_bytes(written("WAV"), 40, struct.pack("<I", size))


def _rate(content: bytes, offset: int, rate: bytes) -> Callable[[], bytes]:
    return lambda: with_bytes(content, offset, rate)


def _adpcm(subtype: str) -> bytes:
    """ADPCM as libsndfile writes it, its ``fact`` chunk corrected to the second that it holds."""
    content = written("WAV", subtype)
    place = content.index(b"fact") + 8
    return with_bytes(content, place, struct.pack("<I", FRAMES))


def _wav_of_four_gigabytes(path: Path) -> None:
    """Its length was written modulo 2**32, as writers do that know of no limit."""
    sparse(wav_bytes(frames=0, data_size=2 * FRAMES), size_bytes=_WAV_BYTES + (1 << 32))(path)


def _flac_with_tags() -> bytes:
    """A FLAC file with a megabyte of comment that is no UTF-8, between the first block and the rest."""
    content = written("FLAC", "PCM_16")
    comment = b"TITLE=" + b"\xff\xfe" * 500_000
    tags = struct.pack("<I", 0) + struct.pack("<I", 1) + struct.pack("<I", len(comment)) + comment
    return content[:42] + bytes([4]) + len(tags).to_bytes(3, "big") + tags + content[42:]


def _protected() -> bytes:
    """An M4A as shops used to sell them: the same file, its codec named ``drms``."""
    return encoded("m4a").replace(b"mp4a", b"drms", 1)


def _several_streams() -> bytes:
    """The second of sound, and three seconds of another."""
    return encoded("mka", *_HUM, "-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le")


_NEGATIVE_RATE_80_BITS = b"\xc0\x0c\xfa\x00\x00\x00\x00\x00\x00\x00"

INPUTS: tuple[BadInput, ...] = (
    refused(45, "random.wav", lambda: np.random.default_rng(45).bytes(4_000), "input.unknown-format", "begins with"),
    refused(45, "zeros.wav", lambda: bytes(4_000), "input.unknown-format", r"'\x00\x00"),
    refused(45, "text.wav", lambda: b"It was a bright cold day in April.\n", "input.not-audio", "text", "It was a"),
    read_whole(46, "flac.wav", partial(written, "FLAC", "PCM_16")),
    read_whole(46, "wav.mp3", partial(written, "WAV")),
    read_whole(46, "mp4.flac", partial(encoded, "m4a"), needs="ffmpeg"),
    read_whole(46, "mp3.ogg", partial(written, "MP3")),
    *(
        BadInput(47, f"row47/{name}", make, "input.playlist", (what, "other files"))
        for name, make, what in playlists.NAMED_LIKE_AUDIO
    ),
    BadInput(
        48, "row48/elsewhere.mov", playlists.mov_elsewhere, "input.external-reference", ("secret.m4a",), needs="ffmpeg"
    ),
    refused(49, "video.mp4", partial(encoded, "mp4", *_VIDEO, "-map", "1:v"), "input.no-audio-stream", needs="ffmpeg"),
    refused(49, "subtitle.m4a", partial(encoded, "mp4", *_SUBTITLE), "input.no-audio-stream", needs="ffmpeg"),
    read_whole(50, "two.mka", _several_streams, needs="ffmpeg"),
    refused(51, "header.wav", lambda: wav_bytes(frames=0), "input.no-samples", "0 bytes", "44 bytes"),
    refused(51, "promised.wav", lambda: wav_bytes(frames=0, data_size=32_000), "input.no-samples", "0 bytes"),
    refused(51, "header_flac.flac", lambda: written("FLAC", "PCM_16")[:42], "input.no-samples", "nothing follows"),
    *(
        refused(
            52,
            f"cut_{kind}.{kind.lower()}",
            lambda f=kind: written(f)[: -2 * 8_000],
            "input.truncated",
            "16000",
            "8000 (50 %)",
        )
        for kind in ("WAV", "AIFF", "W64", "CAF", "AU")
    ),
    *(
        read_whole(53, f"open_{size:x}.wav", partial(_wav_of_size, size))
        for size in (0x7FFFF000, 0x80000000, 0xFFFFFFFF)
    ),
    read_whole(53, "open_0.wav", partial(_wav_of_size, 0), needs="ffmpeg"),
    read_whole(54, "trailing.wav", lambda: written("WAV") + bytes(900)),
    refused(54, "most_unread.wav", partial(_wav_of_size, 100), "input.header-mismatch", "100 bytes", "31900 more"),
    refused(
        55,
        "ds64_lies.wav",
        lambda: rf64(declared_bytes=1 << 50, data=bytes(32_000)),
        "input.truncated",
        str(1 << 49),
        "16000 (0 %)",
    ),
    refused(55, "w64_lies.w64", lambda: _w64_lies(1 << 50), "input.truncated", "16000 (0 %)"),
    # Not read on to the end of the file: what a writer does behind its own limit is anybody's guess.
    BadInput(56, "row56/wrapped.wav", _wav_of_four_gigabytes, "input.header-mismatch", ("32000 bytes", "4294967296")),
    refused(57, "none.wav", lambda: wav_bytes(channels=0, block_align=2), "input.bad-header", "0 channels"),
    refused(57, "none_aiff.aiff", lambda: with_bytes(written("AIFF"), 20, b"\0\0"), "input.bad-header", "0 channels"),
    refused(58, "many.wav", lambda: wav_bytes(channels=1_000, frames=20), "limit.channels", "1000", "64"),
    refused(58, "most.wav", lambda: wav_bytes(channels=32_767, frames=2), "limit.channels", "32767", "1024"),
    refused(
        58, "too_many.wav", lambda: wav_bytes(channels=65_535, frames=2, bits=8), "limit.channels", "65535", "1024"
    ),
    refused(59, "none.wav", lambda: wav_bytes(sample_rate=0), "input.bad-header", "0 Hz"),
    refused(
        59, "negative.aiff", lambda: with_bytes(written("AIFF"), 28, _NEGATIVE_RATE_80_BITS), "input.bad-header", "0 Hz"
    ),
    refused(
        59,
        "negative_caf.caf",
        lambda: with_bytes(written("CAF"), 20, struct.pack(">d", -16_000.0)),
        "input.bad-header",
        "-16000 Hz",
    ),
    refused(
        59, "nan.caf", lambda: with_bytes(written("CAF"), 20, struct.pack(">d", np.nan)), "input.bad-header", "nan"
    ),
    *(
        refused(60, f"{rate}.wav", lambda r=rate: wav_bytes(sample_rate=r), "limit.sample-rate", str(rate), "768000")
        for rate in (1, 999, 768_001, 2**31 - 1)
    ),
    refused(60, "most.wav", lambda: wav_bytes(sample_rate=2**32 - 1, bits=8), "limit.sample-rate", "4294967295"),
    refused(61, "bits_0.wav", lambda: wav_bytes(bits=0), "input.bad-header", "0 bits"),
    refused(61, "bits_7.wav", lambda: wav_bytes(bits=7, block_align=1), "input.bad-header", "7 bits"),
    refused(61, "bits_64.wav", lambda: wav_bytes(bits=64), "input.bad-header", "64 bits"),
    refused(61, "align.wav", lambda: wav_bytes(block_align=3), "input.bad-header", "3 bytes a frame", "16 bits"),
    refused(62, "tag_1234.wav", lambda: wav_bytes(tag=0x1234), "input.unsupported-codec", "0x1234"),
    refused(62, "protected.m4p", _protected, "input.unsupported-codec", "drms", needs="ffmpeg"),
    read_whole(62, "windows.wma", partial(encoded, "wma", "-c:a", "wmav2"), None, needs="ffmpeg"),
    read_whole(63, "ima.wav", partial(_adpcm, "IMA_ADPCM")),
    read_whole(63, "ms.wav", partial(_adpcm, "MS_ADPCM")),
    refused(63, "vox.au", lambda: written("AU", "G721_32"), "input.unsupported-codec", "23"),
    refused(63, "nms.wav", lambda: written("WAV", "NMS_ADPCM_16"), "input.unsupported-codec", "0x38"),
    refused(64, "huge.wav", lambda: wav_bytes(before_data=b"LIST\xf0\xff\xff\xff"), "input.corrupt", "'data'"),
    refused(64, "many.wav", lambda: wav_bytes(before_data=b"junk\0\0\0\0" * 200_000), "input.corrupt", "1000 chunks"),
    refused(65, "longer.mp3", lambda: id3(1 << 27, bytes(4_000)), "input.corrupt", str(1 << 27), "4010"),
    refused(65, "tags.mp3", lambda: id3(0) * 400_000, "input.corrupt", "ID3 tags"),
    BadInput(66, "row66/art.mp3", lambda path: _after_art(path, written("MP3")), None, frames=FRAMES),
    read_whole(67, "stream.flac", partial(flac_claiming, 0), needs="ffmpeg"),
    refused(68, "claims.flac", partial(flac_claiming, 2**36 - 1), "limit.duration", "4294967.3 s", "86400 s"),
    refused(68, "an_hour.flac", partial(flac_claiming, 3_600 * RATE_HZ), "input.truncated", "57600000", "16000"),
    read_whole(69, "tags.flac", _flac_with_tags),
    read_whole(69, "title.mp3", lambda: id3(1_000_000, _text_frame(999_990)) + written("MP3")),
)


def _w64_lies(declared_bytes: int) -> bytes:
    content = written("W64")
    return with_bytes(content, content.index(b"data\xf3\xac") + 16, struct.pack("<Q", declared_bytes + 24))


def _text_frame(size_bytes: int) -> bytes:
    """A title in an ID3v2.4 tag, of the encoding UTF-8, that is none."""
    sizes = bytes(size_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"TIT2" + sizes + b"\0\0\x03" + b"\xff" * (size_bytes - 1)


def _after_art(path: Path, sound: bytes) -> None:
    """A tag with a picture of 100 MB, which is a hole in the file, before the sound."""
    art_bytes = 100_000_000
    sizes = bytes(art_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    head = id3(art_bytes + 10, b"APIC" + sizes + b"\0\0" + b"\0image/png\0\x03\0\x89PNG\r\n\x1a\n")
    with path.open("wb") as file:
        file.write(head)
        file.seek(10 + art_bytes + 10)
        file.write(sound)
