"""The container of a file, from its magic bytes alone.

The name's suffix is never looked at, and the choice never depends on whether another decoder failed: the same bytes
always meet the same decoder. libsndfile, in this process, reads what it reads well; ffmpeg reads the rest.
"""

from __future__ import annotations

from audiofeat.decode import impostors
from audiofeat.decode.container import Container
from audiofeat.decode.headers import mpeg
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

WAV = Container("wav", "soundfile", "wav")
W64 = Container("w64", "soundfile", "w64")
FLAC = Container("flac", "soundfile", "flac")
OGG = Container("ogg", "soundfile", "ogg")
MP3 = Container("mp3", "soundfile", "mp3")
AIFF = Container("aiff", "soundfile", "aiff")
CAF = Container("caf", "soundfile", "caf")
AU = Container("au", "soundfile", "au")
MP4 = Container("mp4", "ffmpeg", "mov")
ASF = Container("asf", "ffmpeg", "asf")
AMR = Container("amr", "ffmpeg", "amr")
MATROSKA = Container("matroska", "ffmpeg", "matroska")
AVI = Container("avi", "ffmpeg", "avi")
AAC = Container("aac", "ffmpeg", "aac")
MPEG_TS = Container("mpegts", "ffmpeg", "mpegts")
MPEG_PS = Container("mpegps", "ffmpeg", "mpeg")
FLV = Container("flv", "ffmpeg", "flv")

_BY_FIRST_FOUR = {
    b"RIFX": WAV, b"RF64": WAV, b"BW64": WAV, b"fLaC": FLAC, b"OggS": OGG, b"caff": CAF, b".snd": AU, b"dns.": AU,
    b"\x1a\x45\xdf\xa3": MATROSKA, b"\x00\x00\x01\xba": MPEG_PS, b"FLV\x01": FLV,
}  # fmt: skip
_W64_GUID = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_ASF_GUID = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_MAX_SYNC_SEARCH_BYTES = 4096  # zeros that some taggers leave between an ID3 tag and the first frame


def sniff(file: SourceFile) -> Container:
    """The container that ``file`` is.

    Raises:
        ClipError: it is none that can be decoded; the reason says what it is instead (see ``impostors``).
    """
    if file.size_bytes == 0:
        raise ClipError("input.empty", "the file is empty (0 bytes)", hint="fetch or make it again")
    head = file.head
    magic = head[:4]
    if magic == b"RIFF":
        return _riff(head)
    if container := _BY_FIRST_FOUR.get(magic):
        return container
    if magic == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    if magic[:3] == b"ID3":
        return _after_id3(file)
    if magic == b"riff" and head.startswith(_W64_GUID):
        return W64
    if head[4:8] in _MP4_BOXES:
        return MP4
    if head.startswith(_ASF_GUID):
        return ASF
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return AMR
    if mpeg.is_adts(file, 0):
        return AAC
    if mpeg.is_frame_sequence(file, 0):
        return MP3
    if _is_mpeg_ts(head):
        return MPEG_TS
    raise impostors.refusal(head)


def _riff(head: bytes) -> Container:
    form = head[8:12]
    if form == b"WAVE":
        return WAV
    if form == b"AVI ":
        return AVI
    raise ClipError(
        "input.unknown-format",
        f"a RIFF file of the form {impostors.quote(form)}; only WAVE and AVI can be decoded",
        hint="convert it to WAV or FLAC, or leave it out",
    )


def _after_id3(file: SourceFile) -> Container:
    """What follows the ID3v2 tag decides: taggers put one before MP3, ADTS and FLAC alike."""
    start = mpeg.id3_end(file)
    if file.read_at(start, 4) == b"fLaC":
        return FLAC
    padding = file.read_at(start, _MAX_SYNC_SEARCH_BYTES)
    start += len(padding) - len(padding.lstrip(b"\x00"))
    if mpeg.is_adts(file, start):
        return AAC
    if mpeg.is_frame_sequence(file, start):
        return MP3
    raise ClipError(
        "input.unknown-format",
        f"no MPEG audio, AAC or FLAC begins behind the ID3 tag of {start} bytes",
        hint="fetch the file again, or leave it out",
    )


def _is_mpeg_ts(head: bytes) -> bool:
    # Packets of 188 bytes that begin with 0x47; M2TS puts a 4-byte time before each.
    return any(
        len(head) >= 2 * size + first
        and all(head[first + size * k : first + size * k + 1] in (b"\x47", b"") for k in range(5))
        for first, size in ((0, 188), (4, 192))
    )
