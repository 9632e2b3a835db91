"""FLAC: the STREAMINFO block, which must be the first one.

Its MD5 is not compared. The decoder checks the CRC-16 of every frame, and the frames are counted: what is left for the
MD5 to find are whole frames of another file, and that would cost a third of the time that decoding takes.

Source: RFC 9639, section 8.2.
"""

from __future__ import annotations

from audiofeat.decode.container import Container
from audiofeat.decode.headers import mpeg, promise
from audiofeat.decode.headers.flac_frames import ends_behind
from audiofeat.decode.opening import SourceFile

_STREAMINFO_BYTES = 34


def read(file: SourceFile, container: Container) -> Container:
    """Check a FLAC header. Raises ClipError as ``headers.read_header`` says."""
    start = mpeg.id3_end(file) if file.head.startswith(b"ID3") else 0
    block = file.read_at(start + 4, 4 + _STREAMINFO_BYTES)
    if (
        len(block) < 4 + _STREAMINFO_BYTES
        or block[0] & 0x7F != 0
        or int.from_bytes(block[1:4], "big") != _STREAMINFO_BYTES
    ):
        raise promise.bad_header("the first metadata block is not a whole STREAMINFO")
    packed = int.from_bytes(block[14:22], "big")  # rate: 20 bits, channels - 1: 3, bits - 1: 5, total frames: 36
    promise.check_channels_and_rate(channels=(packed >> 41 & 0x7) + 1, sample_rate=packed >> 44)
    total_frames = packed & 0xF_FFFF_FFFF
    if file.size_bytes <= start + 8 + _STREAMINFO_BYTES:
        raise promise.no_samples("nothing follows the header")
    if total_frames == 0:
        # A legal stream of unknown length, which soundfile cannot read.
        return container._replace(decoder="ffmpeg", is_open_ended=True)
    block_frames = int.from_bytes(block[4:6], "big")
    if ends_behind(total_frames, file, start, block_frames=block_frames):
        return container._replace(decoder="ffmpeg")  # libsndfile would leave the rest out
    if not mpeg.is_where_libsndfile_looks(file, start):
        container = container._replace(decoder="ffmpeg")
    return container._replace(declared_frames=total_frames)
