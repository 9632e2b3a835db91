"""AIFF and AIFF-C: the frames that ``COMM`` declares against the bytes that ``SSND`` holds.

Source: Apple, "Audio Interchange File Format: AIFF" 1.3, and "AIFF-C" draft of 1991-08-26.
"""

from __future__ import annotations

import math
from struct import Struct

from audiofeat.decode.container import Container
from audiofeat.decode.headers import promise
from audiofeat.decode.opening import SourceFile

_MAX_CHUNKS = 1000
_CHUNK = Struct(">4sI")
_COMMON = Struct(">hIh")
_PCM = (b"NONE", b"twos", b"sowt", b"in24", b"in32", b"42ni", b"23ni", b"raw ")
_BYTES_A_SAMPLE = {b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8, b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1}


def read(file: SourceFile, container: Container) -> Container:
    """Check an AIFF or AIFF-C header. Raises ClipError as ``headers.read_header`` says."""
    is_compressed = file.head[8:12] == b"AIFC"
    common = b""
    sound: tuple[int, int] | None = None
    offset = 12
    for _ in range(_MAX_CHUNKS):
        found = file.read_at(offset, 8)
        if len(found) < 8 or (common and sound):
            break
        ident, size = _CHUNK.unpack(found)
        if ident == b"COMM":
            common = file.read_at(offset + 8, min(size, 22))
        elif ident == b"SSND":
            # Behind an offset and a block size, four bytes each.
            sound = offset + 16, max(size - 8, 0)
        offset += 8 + size + (size & 1)
    if len(common) < (22 if is_compressed else 18):
        raise promise.bad_header(f"a 'COMM' chunk of {len(common)} bytes; it has at least 18")

    channels, frames, bits = _COMMON.unpack_from(common)
    promise.check_channels_and_rate(channels=channels, sample_rate=_extended(common[8:18]))
    codec = common[18:22] if is_compressed else b"NONE"
    if codec in _PCM:
        if not 1 <= bits <= 32:
            raise promise.bad_header(f"{bits} bits a sample")
        bytes_a_sample = (bits + 7) // 8
    elif codec in _BYTES_A_SAMPLE:
        bytes_a_sample = _BYTES_A_SAMPLE[codec]
    else:
        return container._replace(decoder="soundfile" if codec == b"ima4" else "ffmpeg")

    if sound is None:
        raise promise.no_samples("there is no 'SSND' chunk")
    offset, size = sound
    is_open_ended = frames == 0 and size == 0
    held_bytes = file.size_bytes - offset if is_open_ended else min(size, file.size_bytes - offset)
    held = max(held_bytes, 0) // (channels * bytes_a_sample)
    if is_open_ended and held:
        return container._replace(is_open_ended=True)
    if frames == 0:
        raise promise.no_samples("the header declares 0 frames")
    if held < frames:
        raise promise.truncated(declared=frames, held=held)
    return container._replace(declared_frames=frames)


def _extended(number: bytes) -> float:
    """An 80-bit extended float, as far as a sample rate needs one."""
    exponent = int.from_bytes(number[:2], "big")
    mantissa = int.from_bytes(number[2:], "big")
    if exponent & 0x8000 or not 16383 <= exponent < 16383 + 63:  # negative, below 1, or absurdly large
        return 0.0
    return math.ldexp(mantissa, exponent - 16383 - 63)
