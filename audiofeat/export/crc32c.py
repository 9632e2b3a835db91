"""CRC-32C (Castagnoli), the check sum of TFRecord files, in NumPy: some hundred megabytes a second.

A CRC without its inversions is linear over XOR, and zeros in front change nothing. So the message is cut into blocks of
64 bytes, filled up with zeros in front; what each byte adds to its block's sum stands in a table by the byte's place;
and the sums of neighbouring blocks are joined, level by level, by advancing the left one over the right one's length.
Starting from all ones instead of zero is the same as inverting the message's first four bytes.

Reference: RFC 3720, appendix B.4, whose examples the tests run; the polynomial is in its section 12.1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiofeat.store.shard_format import Array

_POLYNOMIAL = np.uint32(0x82F63B78)  # its bits reversed
_ALL_ONES = 0xFFFFFFFF
_BLOCK_BYTES = 64
_SLAB_LEVELS = 10
_SLAB_BYTES = _BLOCK_BYTES << _SLAB_LEVELS
"""What is taken at once: so little that the processor's cache holds it."""


def crc32c(message: bytes | memoryview) -> int:
    """The CRC-32C of a message of at least four bytes."""
    content = np.frombuffer(message, np.uint8)
    first = (len(content) - 4) % _SLAB_BYTES + 4  # the four bytes to invert are among them
    padded = np.zeros(_filled_bytes(first), np.uint8)
    padded[len(padded) - first :] = content[:first]
    padded[len(padded) - first :][:4] ^= 0xFF
    total = _linear_crc(padded)
    for start in range(first, len(content), _SLAB_BYTES):
        total = _advanced(total, _SLAB_LEVELS) ^ _linear_crc(content[start : start + _SLAB_BYTES])
    return int(total[0]) ^ _ALL_ONES


def _filled_bytes(size_bytes: int) -> int:
    """The smallest power of two times a block that holds so many bytes."""
    n_blocks = -(-size_bytes // _BLOCK_BYTES)
    return _BLOCK_BYTES << (n_blocks - 1).bit_length()


def _linear_crc(message: Array) -> Array:
    """The sum without inversions, as an array of one, of a power of two of blocks."""
    places = _by_place()
    sums: Array = np.bitwise_xor.reduce(places.take(message.reshape(-1, _BLOCK_BYTES) + _row_starts()), axis=1)
    level = 0
    while len(sums) > 1:
        sums = _advanced(sums[::2], level) ^ sums[1::2]
        level += 1
    return sums


def _advanced(sums: Array, level: int) -> Array:
    """The sums after ``2 ** level`` blocks of zeros."""
    table = _by_level()[level]
    parts = (table[byte].take((sums >> np.uint32(8 * byte)) & np.uint32(0xFF)) for byte in range(4))
    advanced: Array = np.bitwise_xor.reduce(list(parts), axis=0)
    return advanced


@lru_cache(maxsize=1)
def _single() -> Array:
    """The sum of each byte alone: (256,)."""
    sums = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        sums = (sums >> np.uint32(1)) ^ (sums & np.uint32(1)) * _POLYNOMIAL
    return sums


def _over_one_zero(sums: Array) -> Array:
    over: Array = (sums >> np.uint32(8)) ^ _single().take(sums & np.uint32(0xFF))
    return over


@lru_cache(maxsize=1)
def _by_place() -> Array:
    """What a byte at each place of a block adds to its sum: (64 * 256,), by place, then value."""
    rows = [_single()]
    for _ in range(_BLOCK_BYTES - 1):
        rows.append(_over_one_zero(rows[-1]))
    return np.concatenate(rows[::-1])


@lru_cache(maxsize=1)
def _row_starts() -> Array:
    """Where each place's row begins in :func:`_by_place`."""
    return np.arange(_BLOCK_BYTES) * 256


@lru_cache(maxsize=1)
def _by_level() -> list[Array]:
    """For ``2 ** level`` blocks of zeros: what they make of each byte of a sum, (4, 256)."""
    sums = np.arange(256, dtype=np.uint32) << (8 * np.arange(4, dtype=np.uint32))[:, np.newaxis]
    for _ in range(_BLOCK_BYTES):
        sums = _over_one_zero(sums)
    levels = [sums]
    for _ in range(_SLAB_LEVELS):
        half = levels[-1]
        twice = half[0].take(half & np.uint32(0xFF))
        for byte in range(1, 4):
            twice = twice ^ half[byte].take((half >> np.uint32(8 * byte)) & np.uint32(0xFF))
        levels.append(twice)
    return levels
