"""What the first bytes of a file say it is, and which decoder reads it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Decoder = Literal["pcm", "soundfile", "ffmpeg"]


class Pcm16(NamedTuple):
    """Where the little-endian 16-bit samples of a file lie, its channels interleaved."""

    offset: int
    """Of the first one, in bytes."""
    frames: int
    channels: int
    sample_rate: int


class Container(NamedTuple):
    """A container format as found in one file."""

    name: str
    """The format's usual short name: ``wav``, ``flac``, ``mp4``."""
    decoder: Decoder
    demuxer: str
    """ffmpeg's name for the format; the only one that ffmpeg is allowed to use for the file."""
    declared_frames: int | None = None
    """Frames that the header promises, where a header can be trusted to be exact; None where it says nothing."""
    is_open_ended: bool = False
    """The header was written before the length was known: the samples go on to the end of the file."""
    counted_seconds: float | None = None
    """How long all packets last together, where they were counted: when so much comes, a decoder that complains of what
    is no packet means the bytes behind the last one."""
    last_seek_frame: int | None = None
    """The last frame that libsndfile seeks to exactly; None where that is any."""
    clock_hz: int | None = None
    """The rate of the packets' time stamps, where these count samples without a gap from the first decoded one, so
    that ffmpeg seeks exactly; None where it has to decode from the start."""
    clock_frames: int | None = None
    """With ``clock_hz``: how long all packets last together. A decoder may make a packet more or less of it."""
    pcm: Pcm16 | None = None
    """With the decoder ``pcm``."""
