"""How long a clip is, by its header alone: enough for a plan, and no promise."""

from __future__ import annotations

from audiofeat.decode.headers import read_header
from audiofeat.decode.limits import Limits
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.sniff import sniff
from audiofeat.decode.soundfile_decoder import SoundfileDecoder
from audiofeat.decode.span import WHOLE, Span
from audiofeat.errors import ClipError
from audiofeat.records import Excerpt, Member


def declared_seconds(
    path: str, *, member: Member | None = None, excerpt: Excerpt | None = None, limits: Limits
) -> float | None:
    """The length of a clip in seconds; None where its header does not tell, or cannot be right."""
    if excerpt is not None and excerpt.end_seconds is not None:
        return excerpt.end_seconds - (excerpt.start_seconds or 0.0)
    start_seconds = (excerpt and excerpt.start_seconds) or 0.0
    try:
        file = SourceFile(path, member=member, max_bytes=limits.max_bytes)
    except ClipError:
        return None
    try:
        container = read_header(file, sniff(file))
        if container.decoder == "ffmpeg":
            if not container.clock_hz or not container.clock_frames:
                return None
            return max(0.0, container.clock_frames / container.clock_hz - start_seconds)
        span = Span(start_seconds) if start_seconds else WHOLE
        sound = SoundfileDecoder(file, container=container, limits=limits, span=span)
        sound.close()
        return (sound.end_frame - sound.start_frame) / sound.sample_rate
    except ClipError:
        return None
    finally:
        file.close()
