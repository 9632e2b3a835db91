"""Bytes like those of a seed, with a few things wrong: what damage, truncation, malice and bad tools leave.

Nothing but Python's own random numbers decides, so that a seed and a number say which input it was.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_EDGES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_TOKENS = (
    b"RIFF", b"WAVE", b"fmt ", b"data", b"RF64", b"ds64", b"LIST", b"fLaC", b"OggS", b"ID3", b"ftyp", b"moov", b"stts",
    b"COMM", b"SSND", b"caff", b".snd", b"#EXTM3U\n", b"<MPD", b'"', b",", b"\t", b"\n", b"\r\n", b"\0",
    b"\xef\xbb\xbf", b"[" * 3000, b'{"a":' * 1200, b"null", b"NaN", b"1e999", b"-1", b"9" * 50, b"\\ud800", b"\xff",
    b"../", b"&a *a",
)  # fmt: skip
_MAX_BYTES = 1 << 17


def mutated(data: bytes, *, others: Sequence[bytes], chance: random.Random) -> bytes:
    """``data`` after one to six changes; ``others`` are what it may be spliced with."""
    out = bytearray(data)
    for _ in range(1 + min(int(chance.expovariate(0.7)), 5)):
        change = chance.choice(_CHANGES)
        change(out, others, chance)
    return bytes(out[:_MAX_BYTES])


def _place(out: bytearray, chance: random.Random) -> int:
    """Anywhere, and half of the time near the front, where headers are."""
    most = len(out) if chance.random() < 0.5 else min(len(out), 64)
    return chance.randrange(most + 1)


def _flip(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    if out:
        out[_place(out, chance) % len(out)] ^= 1 << chance.randrange(8)


def _overwrite(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    new = chance.randbytes(chance.randrange(1, 9))
    out[at : at + len(new)] = new


def _number(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    """An integer of 1 to 8 bytes at, beside or far from what tends to break things."""
    width = chance.choice((1, 2, 4, 8))
    number = (chance.choice(_EDGES) + chance.randrange(-2, 3)) % (1 << 8 * width)
    at = _place(out, chance)
    out[at : at + width] = number.to_bytes(width, chance.choice(("little", "big")))


def _cut(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    del out[_place(out, chance) :]


def _drop(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    del out[at : at + chance.randrange(1, 65)]


def _repeat(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    piece = out[at : at + chance.randrange(1, 257)]
    out[at:at] = piece * chance.choice((1, 1, 2, 100))


def _insert(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    out[at:at] = chance.choice(_TOKENS)


def _splice(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    out[_place(out, chance) :] = other[chance.randrange(len(other) + 1) :]


def _zero(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    length = min(chance.choice((4, 64, 512, 4096)), len(out) - at)
    out[at : at + length] = bytes(length)


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _flip, _flip, _flip, _overwrite, _number, _number, _number, _cut, _drop, _repeat, _insert, _insert, _splice, _zero,
)  # fmt: skip
