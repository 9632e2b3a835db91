"""Apple Core Audio Format: the ``desc`` chunk, and ``data`` against the file.

Source: Apple, "Core Audio Format Specification" 1.0.
"""

from __future__ import annotations

from struct import Struct

from audiofeat.decode.container import Container
from audiofeat.decode.headers import promise
from audiofeat.decode.opening import SourceFile

_MAX_CHUNKS = 1000
_CHUNK = Struct(">4sq")
_DESCRIPTION = Struct(">d4sIIIII")
_LINEAR = (b"lpcm", b"ulaw", b"alaw")


def read(file: SourceFile, container: Container) -> Container:
    """Check a CAF header. Raises ClipError as ``headers.read_header`` says."""
    description = file.read_at(20, _DESCRIPTION.size)
    if file.read_at(8, 4) != b"desc" or len(description) < _DESCRIPTION.size:
        raise promise.bad_header("the first chunk is not a whole 'desc'")
    sample_rate, codec, _, packet_bytes, _, channels, bits = _DESCRIPTION.unpack(description)
    promise.check_channels_and_rate(channels=channels, sample_rate=sample_rate)
    if codec not in _LINEAR:  # libsndfile knows one spelling of ALAC in CAF; ffmpeg knows them all
        container = container._replace(decoder="ffmpeg")
    if codec in _LINEAR and (bits not in (8, 16, 24, 32, 64) or packet_bytes != channels * bits // 8):
        raise promise.bad_header(f"{packet_bytes} bytes a frame for {channels} channels of {bits} bits")

    data: tuple[int, int] | None = None
    offset = 8
    for _ in range(_MAX_CHUNKS):
        found = file.read_at(offset, _CHUNK.size)
        if len(found) < _CHUNK.size:
            break
        ident, size = _CHUNK.unpack(found)
        offset += _CHUNK.size
        if ident == b"data":
            data = offset + 4, size - 4  # an edit count comes first
        if size < 0:  # -1: to the end of the file; allowed for the last chunk only
            break
        offset += size

    if data is None or file.size_bytes <= data[0]:
        raise promise.no_samples("nothing follows the header")
    held_bytes = file.size_bytes - data[0]
    if data[1] < 0:
        return container._replace(decoder="ffmpeg", is_open_ended=True)  # libsndfile calls it malformed
    unit = packet_bytes if codec in _LINEAR else 1
    declared, held = data[1] // unit, held_bytes // unit
    if declared == 0:
        raise promise.no_samples("the 'data' chunk is empty")
    if held < declared:
        raise promise.truncated(declared=declared, held=held, unit="frames" if codec in _LINEAR else "bytes")
    return container._replace(declared_frames=declared if codec in _LINEAR else None)
