"""Whole sound files to be damaged: the same second of a sweep, in any format, written once a process."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import soundfile
from decode_inputs import RATE_HZ, chirp, run_ffmpeg
from faults.inputs.case import BadInput

FRAMES = RATE_HZ
"""How many frames each has: one second at 16 kHz, one channel."""


@cache
def written(kind: str, subtype: str | None = None) -> bytes:
    """By libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, chirp(), RATE_HZ, format=kind, subtype=subtype)
    return file.getvalue()


@cache
def encoded(suffix: str, *options: str) -> bytes:
    """By ffmpeg, from the WAV file that :func:`written` gives; ``options`` stand between input and output."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.wav"), Path(folder, f"target.{suffix}")
        source.write_bytes(written("WAV"))
        run_ffmpeg("-i", source, *options, "-fflags", "+bitexact", "-flags:a", "+bitexact", target)
        return target.read_bytes()


def file_of(content: Callable[[], bytes]) -> Callable[[Path], None]:
    """What makes a file of bytes that are made when it is."""

    def make(path: Path) -> None:
        path.write_bytes(content())

    return make


def refused(row: int, name: str, content: Callable[[], bytes], reason: str, *says: str, needs: str = "") -> BadInput:
    """A file that is not to be decoded."""
    return BadInput(row, f"row{row}/{name}", file_of(content), reason, says, needs=needs)


def read_whole(
    row: int, name: str, content: Callable[[], bytes], frames: int | None = FRAMES, *, needs: str = ""
) -> BadInput:
    """A file that is odd, and a clip like any other."""
    return BadInput(row, f"row{row}/{name}", file_of(content), None, frames=frames, needs=needs)


def sparse(head: bytes, *, size_bytes: int) -> Callable[[Path], None]:
    """What makes a file that begins with ``head`` and goes on with zeros that no disk holds."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(size_bytes)

    return make


def with_bytes(content: bytes, offset: int, replacement: bytes) -> bytes:
    """``content`` with some bytes replaced where they stand; an offset below 0 counts from the end."""
    start = offset % len(content)
    return content[:start] + replacement + content[start + len(replacement) :]


def part_of(content: bytes, share: float) -> bytes:
    """The beginning of a file, as a copy that broke off leaves it."""
    return content[: int(len(content) * share)]


def flipped(content: bytes, share: float = 0.5) -> bytes:
    """A file with one bit turned at that share of its length."""
    offset = int(len(content) * share)
    return with_bytes(content, offset, bytes([content[offset] ^ 0x10]))


def without_hole(content: bytes, *, hole_bytes: int, share: float = 0.5) -> bytes:
    """A file out of whose middle a block is missing."""
    start = int(len(content) * share)
    return content[:start] + content[start + hole_bytes :]


def flac_claiming(frames: int, content: bytes | None = None) -> bytes:
    """A FLAC file that claims so many frames: 36 bits from the middle of its 22nd byte."""
    content = content or written("FLAC", "PCM_16")
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | frames
    return with_bytes(content, 18, packed.to_bytes(8, "big"))


def id3(size_bytes: int, body: bytes = b"") -> bytes:
    """The head of an ID3v2.4 tag that claims ``size_bytes``, and what there is of its body."""
    sizes = bytes(size_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + sizes + body


def rf64(*, declared_bytes: int, data: bytes) -> bytes:
    """An RF64 file whose ``ds64`` chunk says that there are so many bytes of samples."""
    head = b"RF64\xff\xff\xff\xffWAVEds64"
    head += struct.pack("<IQQQI", 28, declared_bytes + 72, declared_bytes, declared_bytes // 2, 0)
    head += b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16) + b"data\xff\xff\xff\xff"
    return head + data


def box(kind: bytes, body: bytes) -> bytes:
    """A box of an MP4 file."""
    return struct.pack(">I4s", 8 + len(body), kind) + body
