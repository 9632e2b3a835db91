"""From a path to mono samples: opened once, recognised by its magic bytes, checked, decoded block by block.

SourceFile -> sniff -> read_header -> SoundfileDecoder | FfmpegDecoder -> to_mono -> Resampler
"""

from __future__ import annotations

from audiofeat.decode.clip import ClipAudio, decoder_versions, open_clip
from audiofeat.decode.ffmpeg import ffmpeg_version, find_ffmpeg
from audiofeat.decode.limits import Limits
from audiofeat.decode.opening import SourceFile

__all__ = ["ClipAudio", "Limits", "SourceFile", "decoder_versions", "ffmpeg_version", "find_ffmpeg", "open_clip"]
