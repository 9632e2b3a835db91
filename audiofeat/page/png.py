"""Small pictures of one byte a dot and 256 colours, as PNG (RFC 2083) in a ``data:`` address.

Written here, since matplotlib would make RGBA of them: that takes four times the room, and a page has many.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EIGHT_BITS_OF_PALETTE = struct.pack(">5B", 8, 3, 0, 0, 0)


def png_address(dots: Bytes, colours: Bytes) -> str:
    """The picture as the value of an ``img`` element's ``src``.

    Shape:
        dots (height, width), from the top; colours (256, 3).
    """
    height, width = dots.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), dots], axis=1)  # each row begins with its filter: none
    content = (
        _SIGNATURE
        + _chunk(b"IHDR", struct.pack(">2I", width, height) + _EIGHT_BITS_OF_PALETTE)
        + _chunk(b"PLTE", colours.tobytes())
        + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + _chunk(b"IEND", b"")
    )
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
