"""From a path to samples: opened once, recognised by its magic bytes, checked, decoded block by block.

SourceFile -> sniff -> read_header -> SoundfileDecoder | FfmpegDecoder -> channels -> Resampler
"""

from __future__ import annotations

from audiofeat.decode.clip import ClipAudio, decoder_versions, open_clip
from audiofeat.decode.declared import declared_seconds
from audiofeat.decode.ffmpeg import ffmpeg_version, find_ffmpeg
from audiofeat.decode.ffmpeg_group import MOST_FILES, MOST_GROUP_BYTES, EarlyClip, decode_together
from audiofeat.decode.limits import Limits
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.shared import Shared

__all__ = [
    "MOST_FILES", "MOST_GROUP_BYTES", "ClipAudio", "EarlyClip", "Limits", "Shared", "SourceFile", "declared_seconds",
    "decode_together", "decoder_versions", "ffmpeg_version", "find_ffmpeg", "open_clip",
]  # fmt: skip
