"""MPEG audio frames, ADTS, ID3v2 and the Xing header.

An MP3 has no magic bytes but an 11-bit sync word, which any data may hold; so one header counts only if the next one
stands where it says. A Xing header states how many bytes belong to the stream: a file with fewer was cut.

Source: ISO/IEC 11172-3 section 2.4, 13818-3 (lower rates), 13818-7 (ADTS); id3.org, "ID3v2.4.0 Structure".
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from audiofeat.decode.container import Container
from audiofeat.decode.headers import promise
from audiofeat.decode.headers.mpeg_frames import Frame, check_frames
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

_KBITS = {  # (is MPEG-1, layer) -> kbit/s by index
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_ADTS_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_ADTS_HEADER_BYTES = 7
_ID3_HEADER_BYTES = 10
_MAX_ID3_TAGS = 100


class _Frame(NamedTuple):
    version: int
    layer: int
    sample_rate: int
    is_mono: bool
    size_bytes: int

    @property
    def samples(self) -> int:
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != 3 else 1152


class _Xing(NamedTuple):
    frames: int
    """Without the one that it stands in."""
    size_bytes: int
    """With that one."""


def id3_end(file: SourceFile, start: int = 0) -> int:
    """Where the ID3v2 tags at ``start`` of ``file`` end.

    Raises:
        ClipError: ``input.corrupt``: a tag is longer than the file.
    """
    end = start
    for _ in range(_MAX_ID3_TAGS):
        if file.read_at(end, 3) != b"ID3":
            return end
        header = file.read_at(end, _ID3_HEADER_BYTES)
        if len(header) < _ID3_HEADER_BYTES or any(byte & 0x80 for byte in header[6:]):
            raise ClipError("input.corrupt", "the ID3 tag's size cannot be read", hint="fetch the file again")
        size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        footer_bytes = _ID3_HEADER_BYTES if header[5] & 0x10 else 0
        end += _ID3_HEADER_BYTES + size + footer_bytes
        if end > file.size_bytes:
            raise ClipError(
                "input.corrupt",
                f"the ID3 tag says {size} bytes, the file has {file.size_bytes}",
                hint="fetch the file again",
            )
    raise ClipError("input.corrupt", f"more than {_MAX_ID3_TAGS} ID3 tags, one behind the other", hint="make it again")


def is_frame_sequence(file: SourceFile, offset: int) -> bool:
    """Whether MPEG audio frames of one kind follow one another from ``offset``."""
    first = _parse(file.read_at(offset, 4))
    if first is None:
        return False
    following = file.read_at(offset + first.size_bytes, 4)
    if len(following) < 4:
        return offset + first.size_bytes <= file.size_bytes  # a file of one frame
    second = _parse(following)
    return second is not None and second[:3] == first[:3]


def is_adts(file: SourceFile, offset: int) -> bool:
    """Whether AAC frames with ADTS headers follow one another from ``offset``."""
    header = file.read_at(offset, 6)
    if not _is_adts_header(header):
        return False
    size = _adts_size(header)
    following = file.read_at(offset + size, 6)
    return size >= _ADTS_HEADER_BYTES and (len(following) < 6 or _is_adts_header(following))


def read_adts(file: SourceFile, container: Container) -> Container:
    """Check the frames of an ADTS stream. Raises ClipError as ``mpeg_frames.check_frames`` says."""
    check_frames(file, _start(file), _adts_frame)
    return container


def read(file: SourceFile, container: Container) -> Container:
    """Check the frames of an MP3 and its Xing header, and leave files to ffmpeg that have none, or a wrong one.

    Without it libsndfile *estimates* the length from the first frame's bit rate and stops there; and it stops after as
    many frames as the header says.

    Raises:
        ClipError: ``input.truncated``, ``input.chained``, ``input.corrupt`` or ``input.format-changes``.
    """
    start = _start(file)
    first = _parse(file.read_at(start, 4))
    xing = None if first is None else _xing(file, start, first)
    if first is None or xing is None:
        frames = check_frames(file, start, _mpeg_frame)
        seconds = None if first is None else frames * first.samples / first.sample_rate
        return container._replace(decoder="ffmpeg", counted_seconds=seconds)
    _check_chained(file, start, xing)
    frames = check_frames(file, start, _mpeg_frame)
    held_bytes = file.size_bytes - start
    # Some writers count a tag among the bytes, which is gone or another one when the file has been edited.
    if held_bytes < xing.size_bytes and frames - 1 < xing.frames:
        raise promise.truncated(declared=xing.size_bytes, held=held_bytes, unit="bytes of MP3")
    is_right = frames - 1 <= xing.frames != frames
    return container if is_right and is_where_libsndfile_looks(file, start) else container._replace(decoder="ffmpeg")


def is_where_libsndfile_looks(file: SourceFile, start: int) -> bool:
    """Whether libsndfile finds what begins at ``start``, behind ID3 tags: it knows of no footer and no padding."""
    return start == 0 or (start == id3_end(file) and file.read_at(start - _ID3_HEADER_BYTES, 3) != b"3DI")


def _start(file: SourceFile) -> int:
    """Where the first frame begins."""
    start = id3_end(file)
    while file.read_at(start, 1) == b"\x00":
        start += 1
    return start


def _xing(file: SourceFile, start: int, frame: _Frame) -> _Xing | None:
    """What the Xing header in the first frame says; None where it is not there, or does not say how much follows."""
    if frame.layer != 3:
        return None
    side_bytes = (17 if frame.is_mono else 32) if frame.version == 3 else (9 if frame.is_mono else 17)
    xing = file.read_at(start + 4 + side_bytes, 16)
    has_frames_and_bytes = int.from_bytes(xing[4:8], "big") & 0x3 == 0x3
    found = _Xing(int.from_bytes(xing[8:12], "big"), int.from_bytes(xing[12:16], "big"))
    if xing[:4] not in (b"Xing", b"Info") or not has_frames_and_bytes or found.size_bytes == 0:
        return None
    return found


def _check_chained(file: SourceFile, start: int, xing: _Xing) -> None:
    end = start + xing.size_bytes
    held_bytes = file.size_bytes - start
    if 10 * (held_bytes - xing.size_bytes) > xing.size_bytes and is_frame_sequence(file, id3_end(file, end)):
        raise ClipError(
            "input.chained",
            f"a second MP3 begins at byte {end}, behind the first one's end",
            hint="split the file into its streams",
        )


def _parse(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 0x3, 4 - (header[1] >> 1 & 0x3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 0x3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    bits_a_second = 1000 * _KBITS[version == 3, layer][bitrate]
    sample_rate = _RATES_HZ[version][rate]
    padding = header[2] >> 1 & 0x1
    if layer == 1:
        size = (12 * bits_a_second // sample_rate + padding) * 4
    else:
        size = (72 if layer == 3 and version != 3 else 144) * bits_a_second // sample_rate + padding
    return _Frame(version, layer, sample_rate, header[3] >> 6 == 3, size)


@lru_cache(maxsize=1024)
def _mpeg_frame(header: bytes) -> Frame | None:
    frame = _parse(header)
    if frame is None:
        return None
    return Frame(f"{frame.sample_rate} Hz, {'one channel' if frame.is_mono else 'two channels'}", frame.size_bytes)


def _adts_frame(header: bytes) -> Frame | None:
    size = _adts_size(header) if _is_adts_header(header) else 0
    if size < _ADTS_HEADER_BYTES:
        return None
    channels = (header[2] & 0x1) << 2 | header[3] >> 6
    return Frame(f"{_ADTS_RATES_HZ[header[2] >> 2 & 0xF]} Hz, channels {channels}", size)


def _adts_size(header: bytes) -> int:
    return (header[3] & 0x3) << 11 | header[4] << 3 | header[5] >> 5


def _is_adts_header(header: bytes) -> bool:
    return (
        len(header) == 6
        and header[0] == 0xFF
        and header[1] & 0xF6 == 0xF0
        and header[2] >> 2 & 0xF < len(_ADTS_RATES_HZ)
    )
