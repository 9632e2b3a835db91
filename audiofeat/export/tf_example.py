"""One ``tf.train.Example`` as bytes, and the frame that a TFRecord file puts around it.

An Example is a map from name to a list of bytes, floats or 64-bit integers; in Protocol Buffers' encoding that is three
levels of "tag, length, content". So little of it is needed that the wire format is written here, and TensorFlow stays
away.

Source: the wire format of Protocol Buffers; TensorFlow's ``example.proto``, ``feature.proto`` and ``record_writer.cc``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from audiofeat.export.crc32c import crc32c

Value: TypeAlias = bytes | memoryview | float | int | list[int]

_MASK_DELTA = 0xA282EAD8


def example(features: Mapping[str, Value]) -> bytes:
    """The Example of these features, in the order of their names."""
    entries = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, _feature(features[name]))) for name in sorted(features)
    )
    return _field(1, entries)


def framed(record: bytes) -> list[bytes]:
    """The record as it stands in a file: length, its check sum, content, its check sum."""
    length = struct.pack("<Q", len(record))
    return [length, _masked_crc(length), record, _masked_crc(record)]


def _masked_crc(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def _feature(value: Value) -> bytes:
    """A Feature: BytesList 1, FloatList 2 or Int64List 3, the numbers packed."""
    if isinstance(value, bytes | memoryview):
        return _field(1, _field(1, value))
    if isinstance(value, float):
        with np.errstate(over="ignore"):  # what no float32 can hold is infinite in a float list
            return _field(2, _field(1, np.float64(value).astype("<f4").tobytes()))
    values = value if isinstance(value, list) else [value]
    return _field(3, _field(1, b"".join(_varint(number & 0xFFFF_FFFF_FFFF_FFFF) for number in values)))


def _field(number: int, content: bytes | memoryview) -> bytes:
    """A field of wire type 2: anything with a length."""
    return b"".join([_varint(number << 3 | 2), _varint(len(content)), content])


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
