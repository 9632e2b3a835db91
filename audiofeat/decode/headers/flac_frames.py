"""Whether the frames of a FLAC file go on behind the end that its header declares, where libsndfile stops.

Only the last frame is looked for, from the end of the file backwards: its header states its place, and has a checksum.

Source: RFC 9639, sections 8.1 (metadata blocks) and 9.1 (frame header).
"""

from __future__ import annotations

from audiofeat.decode.opening import SourceFile

_MAX_BLOCKS = 1_000
_SEARCH_BYTES = 1 << 16  # more than the largest frame of usual settings, and a tag behind it
_MAX_HEADER_BYTES = 16
_CHECKSUM_POLYNOMIAL = 0x107


def ends_behind(declared_frames: int, file: SourceFile, start: int, *, block_frames: int) -> bool:
    """Whether the last frame ends behind ``declared_frames``.

    ``start`` is where the file's ``fLaC`` is, and ``block_frames`` the size of its blocks where they are all the same.
    """
    first = file.read_at(_first_frame(file, start), 4)
    search_from = max(file.size_bytes - _SEARCH_BYTES, 0)
    tail = file.read_at(search_from, _SEARCH_BYTES)
    place = tail.rfind(first[:2]) if len(first) == 4 else -1
    while place >= 0:
        end = _end_frame(tail[place : place + _MAX_HEADER_BYTES], first, block_frames)
        if end is not None:
            return end > declared_frames
        place = tail.rfind(first[:2], 0, place + 1)
    return False


def _first_frame(file: SourceFile, start: int) -> int:
    offset = start + 4
    for _ in range(_MAX_BLOCKS):
        block = file.read_at(offset, 4)
        offset += 4 + int.from_bytes(block[1:], "big")
        if not block or block[0] & 0x80:
            break
    return offset


def _end_frame(header: bytes, first: bytes, block_frames: int) -> int | None:
    """Where the sound of the frame with this header ends; None if it is none, or of another kind than the first."""
    if len(header) < _MAX_HEADER_BYTES or header[2] & 0xF != first[2] & 0xF or header[3] & 0xF != first[3] & 0xF:
        return None
    number_bytes = max(8 - (~header[4] & 0xFF).bit_length(), 1)
    number = header[4] & (0x7F >> number_bytes if number_bytes > 1 else 0x7F)
    for byte in header[5 : 4 + number_bytes]:
        number = number << 6 | byte & 0x3F
    at, code = 4 + number_bytes, header[2] >> 4
    size_bytes = {6: 1, 7: 2}.get(code, 0)
    rate_bytes = {12: 1, 13: 2, 14: 2}.get(header[2] & 0xF, 0)
    checked = at + size_bytes + rate_bytes
    if number_bytes > 7 or checked >= len(header) or _checksum(header[:checked]) != header[checked]:
        return None
    frames = {1: 192, 6: header[at] + 1, 7: int.from_bytes(header[at : at + 2], "big") + 1}.get(
        code, 576 << code - 2 if 2 <= code <= 5 else 256 << max(code - 8, 0)
    )
    is_variable = first[1] & 0x1
    return (number if is_variable else number * block_frames) + frames


def _checksum(header: bytes) -> int:
    value = 0
    for byte in header:
        value ^= byte
        for _ in range(8):
            value <<= 1
            if value & 0x100:
                value ^= _CHECKSUM_POLYNOMIAL
    return value
