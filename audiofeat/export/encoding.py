"""How keys and arrays are spelled in more than one format."""

from __future__ import annotations

import io
import re

import numpy as np

from audiofeat.store.rows import bytes_of
from audiofeat.store.shard_format import Array


def percent_encoded(key: str, unsafe: re.Pattern[str]) -> str:
    """The key with what ``unsafe`` finds percent-encoded; ``urllib.parse.unquote`` undoes it if that includes ``%``."""
    return unsafe.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), key)


def raw_bytes(array: Array) -> memoryview:
    """The array's values row by row, little-endian on every machine."""
    return bytes_of(np.ascontiguousarray(array, array.dtype.newbyteorder("<")))


def npy_parts(array: Array) -> tuple[bytes, memoryview]:
    """The header and the values of the array's NPY file (version 1.0)."""
    header = io.BytesIO()
    descriptor = {"descr": array.dtype.newbyteorder("<").str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(header, descriptor)
    return header.getvalue(), raw_bytes(array)
