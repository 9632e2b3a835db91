"""Ogg: every page is there, whole and with the checksum it was written with.

libsndfile gives 0 or a few frames for a damaged Ogg file and no error, so the pages are walked here. The checksum is
CRC-32 with the bits the other way round from zlib's; reversing the bits of each byte, and of the result, lets zlib
do the work.

Source: RFC 3533 (Ogg), RFC 7845 (Opus), RFC 5215 and the Vorbis I specification, RFC 9639 section 10 (FLAC).
"""

from __future__ import annotations

import zlib
from struct import Struct

from audiofeat.decode.container import Container
from audiofeat.decode.headers import promise
from audiofeat.decode.headers.window import Window
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

_PAGE = Struct("<4sBBqIIIB")
_MAX_HEADER_BYTES = _PAGE.size + 255
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_SEARCH_BYTES = 1 << 16
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_VORBIS = b"\x01vorbis"
_SOUNDFILE_CODECS = (_VORBIS, b"OpusHead")
_FFMPEG_CODECS = (b"\x7fFLAC", b"Speex   ")  # libsndfile fails on an Ogg FLAC that states no length
_SEVERAL_STREAMS = (b"\x80theora", b"fishead\x00")


def read(file: SourceFile, container: Container) -> Container:
    """Check the pages of an Ogg file, and pick the decoder by its first packet.

    Raises:
        ClipError: ``input.corrupt``, ``input.truncated``, ``input.chained`` or ``input.unsupported-codec``.
    """
    first_packet = _first_packet(file)
    if first_packet.startswith(_SEVERAL_STREAMS):
        return container._replace(decoder="ffmpeg")
    if not first_packet.startswith(_SOUNDFILE_CODECS + _FFMPEG_CODECS):
        raise ClipError(
            "input.unsupported-codec",
            f"no decoder for an Ogg stream that begins with {first_packet!r}",
            hint="convert the file to FLAC",
        )
    last_page_frame = _check_pages(file)
    if first_packet.startswith(_FFMPEG_CODECS):
        return container._replace(decoder="ffmpeg")
    # libsndfile counts back from the end of a page to where it begins, which the last page's cut end leads astray.
    is_vorbis = first_packet == _VORBIS
    return container._replace(last_seek_frame=last_page_frame) if is_vorbis else container


def _first_packet(file: SourceFile) -> bytes:
    if len(file.head) < _PAGE.size:
        raise promise.no_samples(f"the file ends after {file.size_bytes} bytes")
    return file.head[_PAGE.size + file.head[26] :][:8]


def _check_pages(file: SourceFile) -> int:
    """Walk all pages; the frame at which the last one that ends a packet begins, in the codec's own count."""
    window = Window(file)
    offset = number = 0
    last_page_frame = end_frame = 0
    has_ended = False
    while offset < file.size_bytes:
        if has_ended and b"OggS" not in window.at(offset, _SEARCH_BYTES):
            break  # a tag or rubbish follows
        head = window.at(offset, _MAX_HEADER_BYTES)
        if len(head) < _PAGE.size:
            raise _ends_early(number, "a page's header is cut")
        magic, version, flags, granule, _, _, checksum, segments = _PAGE.unpack_from(head)
        if magic != b"OggS" or version != 0:
            raise _damaged(number, offset, "no page begins here")
        if has_ended and flags & _FIRST:
            raise ClipError(
                "input.chained",
                f"a second Ogg stream begins at byte {offset}, behind the first one's end",
                hint="split the file into its streams",
            )
        size = _PAGE.size + segments + sum(head[_PAGE.size : _PAGE.size + segments])
        page = window.at(offset, size)
        if size > len(page):
            raise _ends_early(number, f"the last page has {len(page)} of its {size} bytes")
        if _crc(page[:22] + b"\0\0\0\0" + page[26:size]) != checksum:
            raise _damaged(number, offset, "its checksum is wrong")
        if granule >= 0:  # -1: no packet ends on this page
            last_page_frame, end_frame = end_frame, granule
        has_ended = bool(flags & _LAST)
        offset += size
        number += 1
    if not has_ended:
        raise _ends_early(number, "no page is marked as the last one")
    return last_page_frame


def _crc(page: bytes) -> int:
    value = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(value.to_bytes(4, "little").translate(_REVERSED), "big")


def _damaged(number: int, offset: int, found: str) -> ClipError:
    return ClipError(
        "input.corrupt", f"Ogg page {number} at byte {offset} is damaged: {found}", hint="fetch the file again"
    )


def _ends_early(number: int, found: str) -> ClipError:
    return ClipError(
        "input.truncated", f"the Ogg stream stops after {number} whole pages: {found}", hint="fetch the file again"
    )
