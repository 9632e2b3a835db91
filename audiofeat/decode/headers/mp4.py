"""MP4, M4A, MOV: whether the audio track's time stamps count samples, so that a seek by time is a seek by sample.

That is so where each packet lasts as long as the one before and nothing was cut but the encoder's delay at the start.
A file of any other kind is whole and good, only sought in by decoding from the start. What is wrong with a file is
left to ffmpeg to say, but for the two things of ``mp4_tracks``.

Source: ISO/IEC 14496-12 (boxes), 8.6.1.2 (``stts``), 8.6.6 (``elst``); QuickTime File Format for ``iTunSMPB``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct, error, unpack_from

from audiofeat.decode.container import Container
from audiofeat.decode.headers.mp4_tracks import check_track
from audiofeat.decode.opening import SourceFile

_MAX_BOXES = 1_000
_MAX_MOOV_BYTES = 64 << 20
_Clock = tuple[int | None, int | None]
_NO_CLOCK: _Clock = (None, None)
_SIZE_AND_TYPE = Struct(">I4s")
_TIME_TO_SAMPLE = Struct(">II")
# Codecs whose decoders forget what lies more than a second back.
_SEEKABLE_CODECS = frozenset(
    (b"mp4a", b"alac", b"fLaC", b"Opus", b"sowt", b"twos", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32")
)
# iTunes writes the encoder's delay as text, the second of twelve hexadecimal numbers.
_ITUNES_DELAY = re.compile(rb"iTunSMPB.{0,32}? [0-9A-F]{8} ([0-9A-F]{8}) ", re.DOTALL)


def read(file: SourceFile, container: Container) -> Container:
    """``container`` with the clock and the length of the first audio track, where a seek by it is exact.

    Raises:
        ClipError: ``input.external-reference`` or ``input.unsupported-codec``.
    """
    try:
        moov = _moov(file)
        clock_hz, clock_frames = (None, None) if moov is None else _clock(moov)
        return container._replace(clock_hz=clock_hz, clock_frames=clock_frames)
    except error:  # a box ends before its fields do
        return container


def _moov(file: SourceFile) -> bytes | None:
    """The body of the ``moov`` box; None where there is none, or where fragments follow it."""
    moov = None
    offset = 0
    for _ in range(_MAX_BOXES):
        header = file.read_at(offset, 16)
        if len(header) < _SIZE_AND_TYPE.size:
            return moov
        size, kind = _SIZE_AND_TYPE.unpack_from(header)
        header_bytes = 16 if size == 1 else 8
        if size == 1:
            (size,) = unpack_from(">Q", header, 8)
        if size == 0:  # to the end of the file
            size = file.size_bytes - offset
        if kind == b"moof" or size < header_bytes:
            return None
        if kind == b"moov":
            if size > _MAX_MOOV_BYTES:
                return None
            moov = file.read_at(offset + header_bytes, size - header_bytes)
        offset += size
    return None


def _clock(moov: bytes) -> _Clock:
    for track in _all(moov, b"trak"):
        media = _first(track, b"mdia") or b""
        if (_first(media, b"hdlr") or b"")[8:12] == b"soun":
            information = _first(media, b"minf") or b""
            check_track(
                references=_first(_first(information, b"dinf") or b"", b"dref") or b"",
                codec=(_first(_first(information, b"stbl") or b"", b"stsd") or b"")[12:16],
            )
            if _first(moov, b"mvex") is not None:
                return _NO_CLOCK
            tag = _ITUNES_DELAY.search(moov)
            return _track_clock(track, media, tagged_delay=int(tag[1], 16) if tag else None)
    return _NO_CLOCK


def _track_clock(track: bytes, media: bytes, *, tagged_delay: int | None) -> _Clock:
    table = _first(_first(media, b"minf") or b"", b"stbl") or b""
    descriptions = _first(table, b"stsd") or b""
    (count,) = unpack_from(">I", descriptions, 4)
    if count != 1 or descriptions[12:16] not in _SEEKABLE_CODECS:
        return _NO_CLOCK
    edits = _first(_first(track, b"edts") or b"", b"elst")
    delay = 0 if edits is None else _edited_delay(edits)
    # ffmpeg drops what the tag says, and counts the time stamps from what the edit list says.
    ticks = _even_ticks(_first(table, b"stts") or b"")
    if delay is None or tagged_delay not in (None, delay) or ticks is None:
        return _NO_CLOCK
    header = _first(media, b"mdhd") or b""
    (clock_hz,) = unpack_from(">I", header, 20 if header[:1] == b"\x01" else 12)
    return (int(clock_hz), max(ticks - delay, 0)) if clock_hz else _NO_CLOCK


def _edited_delay(edits: bytes) -> int | None:
    """Where in the media the only edit begins, to show it at its own pace; None where edits do anything else."""
    entry = Struct(">QqI" if edits[:1] == b"\x01" else ">IiI")
    (count,) = unpack_from(">I", edits, 4)
    if count != 1:
        return None
    _, media_time, rate = entry.unpack_from(edits, 8)
    return int(media_time) if media_time >= 0 and rate == 0x10000 else None


def _even_ticks(times: bytes) -> int | None:
    """How long all packets last together; None where any but the last one lasts shorter or longer than the first."""
    (count,) = unpack_from(">I", times, 4)
    entries = list(_TIME_TO_SAMPLE.iter_unpack(times[8 : 8 + 8 * count])) if count <= 2 else []
    if len(entries) != count or count == 0:
        return None
    (_, ticks), (last_packets, last_ticks) = entries[0], entries[-1]
    is_even = count == 1 or (last_packets == 1 and last_ticks <= ticks)
    return sum(packets * ticks for packets, ticks in entries) if is_even else None


def _first(body: bytes, wanted: bytes) -> bytes | None:
    return next(_all(body, wanted), None)


def _all(body: bytes, wanted: bytes) -> Iterator[bytes]:
    """The bodies of the boxes of one type in ``body``."""
    offset = 0
    while offset + _SIZE_AND_TYPE.size <= len(body):
        size, kind = _SIZE_AND_TYPE.unpack_from(body, offset)
        if size < _SIZE_AND_TYPE.size:
            return
        if kind == wanted:
            yield body[offset + _SIZE_AND_TYPE.size : offset + size]
        offset += size
