"""What each container's header promises, read by ourselves before a decoder sees the file.

libsndfile clamps a header that promises more than the file holds and says nothing, and ffmpeg ends with exit code 0
on half a file. So the promise is read here, with ``struct`` and a bounded number of reads, and compared with the file
and, after decoding, with what came out.
"""

from __future__ import annotations

from audiofeat.decode.container import Container
from audiofeat.decode.headers import aiff, au, caf, flac, mp4, mpeg, ogg, riff
from audiofeat.decode.opening import SourceFile

_READERS = {
    "wav": riff.read,
    "w64": riff.read_w64,
    "flac": flac.read,
    "ogg": ogg.read,
    "mp3": mpeg.read,
    "aac": mpeg.read_adts,
    "aiff": aiff.read,
    "caf": caf.read,
    "au": au.read,
    "mp4": mp4.read,
}


def read_header(file: SourceFile, container: Container) -> Container:
    """``container`` completed with what the header declares, and with the decoder that its codec needs.

    Raises:
        ClipError: ``input.bad-header``, ``input.truncated``, ``input.no-samples``, ``input.corrupt``,
            ``input.header-mismatch``, ``input.chained``, ``input.format-changes``, ``input.external-reference``,
            ``input.unsupported-codec``, ``limit.channels`` or ``limit.sample-rate``.
    """
    reader = _READERS.get(container.name)
    return container if reader is None else reader(file, container)
