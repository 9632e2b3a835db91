"""WAV, RIFX, RF64, BW64 and Sony Wave64: the ``fmt`` and ``data`` chunks against the file's size.

Source: Microsoft, "Multiple Channel Audio Data and WAVE Files"; EBU Tech 3306 (RF64); Sony Wave64 v1.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from audiofeat.decode.container import Container, Pcm16
from audiofeat.decode.headers import promise
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

_MAX_CHUNKS = 1000
_PCM, _MS_ADPCM, _FLOAT, _ALAW, _MULAW, _IMA_ADPCM, _EXTENSIBLE = 0x1, 0x2, 0x3, 0x6, 0x7, 0x11, 0xFFFE
_BITS = {_PCM: range(8, 33), _FLOAT: (32, 64), _ALAW: (8,), _MULAW: (8,)}
_LEFT_TO_FFMPEG = {
    0x31: "GSM 6.10", 0x50: "MPEG layer II", 0x55: "MP3", 0xFF: "AAC", 0x160: "WMA 1", 0x161: "WMA 2", 0x162: "WMA Pro",
    0x163: "WMA Lossless", 0x1600: "AAC", 0x1610: "AAC", 0x2000: "AC-3", 0x6C61: "ALAC", 0xF1AC: "FLAC",
}  # fmt: skip

# Writers that cannot seek back leave one of these where the length belongs.
_UNKNOWN_SIZES = (0, 0x7FFFF000, 0x80000000)
_UNKNOWN_FROM = 0xFFFFFF00
_MOST_BYTES = 0xFFFFFFFF
_NO_COUNT_FROM = 2**62  # libsndfile writes about 2**63 into Wave64 with MS ADPCM


class _Format(NamedTuple):
    tag: int
    channels: int
    sample_rate: int
    block_align: int
    bits: int


class _Data(NamedTuple):
    offset: int
    size: int
    is_open_ended: bool


def read(file: SourceFile, container: Container) -> Container:
    """Check a WAV header of any of its four spellings. Raises ClipError as ``headers.read_header`` says."""
    order = ">" if file.head.startswith(b"RIFX") else "<"
    format_chunk: _Format | None = None
    fact_frames = long_size = None
    for ident, offset, size in _chunks(file, Struct(order + "4sI")):
        if ident == b"fmt ":
            format_chunk = _parse_format(file.read_at(offset, min(size, 40)), order)
        elif ident == b"fact" and size >= 4:
            fact_frames = int.from_bytes(file.read_at(offset, 4), "big" if order == ">" else "little")
        elif ident == b"ds64" and size >= 16:
            long_size = int.from_bytes(file.read_at(offset + 8, 8), "little")
        elif ident == b"data":
            if format_chunk is None:
                raise promise.bad_header("the 'data' chunk comes before any 'fmt ' chunk")
            if long_size is not None and size == _MOST_BYTES:
                data = _Data(offset, long_size, long_size in (0, 0xFFFFFFFFFFFFFFFF))
            else:
                data = _Data(offset, size, size in _UNKNOWN_SIZES or size >= _UNKNOWN_FROM)
            container = _judge(file, container, format_chunk, data, fact_frames)
            # libsndfile does not know the name BW64, which is RF64's successor.
            return container._replace(decoder="ffmpeg") if file.head.startswith(b"BW64") else container
    raise _no_data_chunk(file)


def read_w64(file: SourceFile, container: Container) -> Container:
    """Check a Wave64 header: 16-byte names, 64-bit sizes that count themselves, 8-byte steps."""
    format_chunk: _Format | None = None
    fact_frames = None
    chunk = Struct("<16sQ")
    offset = 40
    for _ in range(_MAX_CHUNKS):
        header = file.read_at(offset, chunk.size)
        if len(header) < chunk.size:
            raise _no_data_chunk(file)
        ident, size = chunk.unpack(header)
        body, size = offset + chunk.size, max(size - chunk.size, 0)
        if ident[:4] == b"fmt ":
            format_chunk = _parse_format(file.read_at(body, min(size, 40)), "<")
        elif ident[:4] == b"fact":
            found = int.from_bytes(file.read_at(body, min(size, 8)), "little")
            fact_frames = found if found < _NO_COUNT_FROM else None
        elif ident[:4] == b"data":
            if format_chunk is None:
                raise promise.bad_header("the 'data' chunk comes before any 'fmt ' chunk")
            data = _Data(body, size, size == 0 or size >= _NO_COUNT_FROM)
            return _judge(file, container, format_chunk, data, fact_frames)
        offset = body + (size + 7) // 8 * 8
    raise _too_many_chunks()


def _chunks(file: SourceFile, header: Struct) -> Iterator[tuple[bytes, int, int]]:
    offset = 12
    for _ in range(_MAX_CHUNKS):
        found = file.read_at(offset, 8)
        if len(found) < 8:
            return
        ident, size = header.unpack(found)
        yield ident, offset + 8, size
        offset += 8 + size + (size & 1)
    raise _too_many_chunks()


def _parse_format(body: bytes, order: str) -> _Format:
    if len(body) < 16:
        raise promise.bad_header(f"a 'fmt ' chunk of {len(body)} bytes; it has at least 16")
    # The bytes a second are left out: no decoder looks at them, and writers of good files get them wrong.
    tag, channels, sample_rate, _, block_align, bits = Struct(order + "HHIIHH").unpack_from(body)
    if tag == _EXTENSIBLE:
        if len(body) < 26:
            raise promise.bad_header(f"an extensible 'fmt ' chunk of {len(body)} bytes; it has 40")
        (tag,) = Struct(order + "H").unpack_from(body, 24)
    promise.check_channels_and_rate(channels=channels, sample_rate=sample_rate)
    if tag in (_ALAW, _MULAW):
        bits = 8  # no decoder looks at it, and writers leave a 0, or the 16 of what was encoded
    if tag in _BITS:
        if bits not in _BITS[tag]:
            raise promise.bad_header(f"{bits} bits a sample with format tag 0x{tag:X}")
        if block_align != channels * ((bits + 7) // 8):
            raise promise.bad_header(f"{block_align} bytes a frame for {channels} channels of {bits} bits")
    elif block_align < 1:
        raise promise.bad_header(f"{block_align} bytes a block")
    return _Format(tag, channels, sample_rate, block_align, bits)


def _judge(file: SourceFile, container: Container, form: _Format, data: _Data, fact_frames: int | None) -> Container:
    """Compare the data chunk with the file, and pick the decoder by the format tag."""
    if form.tag not in _BITS and form.tag not in (_MS_ADPCM, _IMA_ADPCM):
        if form.tag not in _LEFT_TO_FFMPEG:
            raise ClipError(
                "input.unsupported-codec",
                f"WAV format tag 0x{form.tag:X} has no decoder here",
                hint="convert the file to PCM",
            )
        container = container._replace(decoder="ffmpeg")

    held_bytes = file.size_bytes - data.offset
    if held_bytes < form.block_align:
        raise promise.no_samples(f"{max(held_bytes, 0)} bytes follow the header of {data.offset} bytes")
    if data.is_open_ended and (data.size in (0, _MOST_BYTES) or data.size > held_bytes):
        if data.size > held_bytes:
            return container._replace(is_open_ended=True)
        if data.size == 0 and _is_chunk(file, data.offset):
            raise promise.no_samples("the 'data' chunk holds 0 bytes")
        # libsndfile takes the 0, and the most, at its word.
        return container._replace(
            decoder="ffmpeg",
            is_open_ended=True,
            declared_frames=held_bytes // form.block_align if form.tag in _BITS else None,
        )

    if data.size in (file.size_bytes, file.size_bytes - 8):  # some writers put the size of the file there
        data = data._replace(size=held_bytes)
    declared, held = data.size // form.block_align, held_bytes // form.block_align
    is_linear = form.tag in _BITS
    if declared == 0:
        raise promise.no_samples(f"the 'data' chunk holds {data.size} bytes, a frame is {form.block_align}")
    if held < declared:
        raise promise.truncated(declared=declared, held=held, unit="frames" if is_linear else "blocks")
    _check_trailing(file, data)
    if form.tag == _PCM and form.bits == 16 and file.head.startswith((b"RIFF", b"RF64")):
        pcm = Pcm16(data.offset, declared, form.channels, form.sample_rate)
        # Made anew: to replace fields takes five times as long, and of half-second clips there may be millions.
        return Container(container.name, "pcm", container.demuxer, declared_frames=declared, pcm=pcm)
    frames = declared if is_linear else _adpcm_frames(form, blocks=declared, fact_frames=fact_frames)
    return container._replace(declared_frames=frames)


def _adpcm_frames(form: _Format, *, blocks: int, fact_frames: int | None) -> int | None:
    """The frames of ADPCM: its ``fact`` chunk tells how many of the last block's count.

    Raises:
        ClipError: ``input.truncated``: the blocks hold less.
    """
    if form.tag not in (_MS_ADPCM, _IMA_ADPCM):
        return None  # a compressed stream's own frames count
    # What is not in a block's header is two samples a byte; each channel has one or two samples in the header.
    header_bytes, header_frames = (7, 2) if form.tag == _MS_ADPCM else (4, 1)
    frames_a_block = 2 * (form.block_align - header_bytes * form.channels) // form.channels + header_frames
    held = blocks * frames_a_block
    if fact_frames is None or frames_a_block < 1 or fact_frames <= held - frames_a_block:
        # libsndfile writes half the frames of IMA ADPCM with two channels there, others write 0.
        return max(held, 0) or None
    if fact_frames > held:
        raise promise.truncated(declared=fact_frames, held=held)
    return fact_frames


def _check_trailing(file: SourceFile, data: _Data) -> None:
    """Refuse a header that leaves most of the file unread: its length is wrong (a size above 4 GiB wraps, say)."""
    end = data.offset + data.size + (data.size & 1)
    trailing_bytes = file.size_bytes - end
    if 2 * trailing_bytes > file.size_bytes and not _is_chunk(file, end):
        raise ClipError(
            "input.header-mismatch",
            f"the header declares {data.size} bytes of samples, and {trailing_bytes} more follow outside any chunk",
            hint="make the file again; above 4 GiB as RF64 or FLAC",
        )


def _is_chunk(file: SourceFile, offset: int) -> bool:
    found = file.read_at(offset, 8)
    ident = found[:4]
    # Chunk names are printable ASCII; samples that look like one and like a size that fits are rare enough.
    return len(found) == 8 and all(32 <= byte < 127 for byte in ident) and (
        offset + 8 + int.from_bytes(found[4:], "little") <= file.size_bytes + 1
    )  # fmt: skip


def _no_data_chunk(file: SourceFile) -> ClipError:
    return ClipError(
        "input.corrupt",
        f"no 'data' chunk within the file's {file.size_bytes} bytes",
        hint="fetch or make the file again",
    )


def _too_many_chunks() -> ClipError:
    return ClipError(
        "input.corrupt", f"no 'data' chunk among the first {_MAX_CHUNKS} chunks", hint="fetch or make the file again"
    )
