"""A FLAC file by hand, of silence alone: 14 bytes hold 65,535 frames, so that 300 kB are a day of sound.

Source: RFC 9639, sections 8.2 (STREAMINFO), 9.1 (frame header), 9.2.3 (constant subframe).
"""

from __future__ import annotations

import struct
from functools import cache

from decode_inputs import RATE_HZ

_BLOCK_FRAMES = 65_535


def flac_bomb(*, seconds: float, is_told: bool) -> bytes:
    """Silence of one channel at 16 kHz; whether the header tells how long it is, or leaves that open."""
    blocks = round(seconds * RATE_HZ) // _BLOCK_FRAMES + 1
    total = blocks * _BLOCK_FRAMES if is_told else 0
    packed = RATE_HZ << 44 | 15 << 36 | total  # one channel, 16 bits
    info = struct.pack(">HH", _BLOCK_FRAMES, _BLOCK_FRAMES) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\x00\x00\x22" + info + b"".join(map(_frame, range(blocks)))


def _frame(number: int) -> bytes:
    # Fixed block size, given in 16 bits; the rate and the sample size as in STREAMINFO.
    head = b"\xff\xf8\x70\x00" + _numbered(number) + struct.pack(">H", _BLOCK_FRAMES - 1)
    head += bytes([_crc(head, bits=8, polynomial=0x07)])
    body = head + b"\x00\x00\x00"  # a constant subframe, whose value is 0
    return body + _crc(body, bits=16, polynomial=0x8005).to_bytes(2, "big")


def _numbered(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass")


def _crc(content: bytes, *, bits: int, polynomial: int) -> int:
    table = _table(bits, polynomial)
    value = 0
    for byte in content:
        value = (value << 8 & (1 << bits) - 1) ^ table[value >> bits - 8 ^ byte]
    return value


@cache
def _table(bits: int, polynomial: int) -> tuple[int, ...]:
    values = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
            value &= (1 << bits) - 1
        values.append(value)
    return tuple(values)
