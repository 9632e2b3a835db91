"""Sixteen-bit PCM in WAV: the samples lie in the file as they are, and nothing has to be decoded.

Opening a file in libsndfile takes as long as reading a second of sound; of the half-second clips that many datasets
consist of, that is most of the work. The header has been checked by then (see ``headers.riff``), and what it says is
all that libsndfile would look at. A sample divided by 2^15 is exact in float32: the bits are those of libsndfile.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiofeat.decode.container import Pcm16
from audiofeat.decode.headers import promise
from audiofeat.decode.limits import Limits, check_declared, check_format
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.samples import BLOCK_FRAMES, Samples
from audiofeat.decode.span import WHOLE, Span

VERSION = "pcm 1"
"""What a store records as the decoder of such a clip."""

_FULL_SCALE = np.float32(1 / 32768)


class PcmDecoder:
    """One file's blocks, read straight from an open descriptor."""

    version = VERSION
    may_be_non_finite = False

    def __init__(self, file: SourceFile, *, pcm: Pcm16, limits: Limits, span: Span = WHOLE):
        """Check the header against the span and the limits.

        Raises:
            ClipError: ``input.span-outside`` or a ``limit.*``.
        """
        self._file, self._pcm = file, pcm
        self.sample_rate, self.channels = pcm.sample_rate, pcm.channels
        check_format(channels=self.channels, sample_rate=self.sample_rate, limits=limits)
        self.start_frame = span.start_frame(self.sample_rate)
        self.end_frame = span.end_within(pcm.frames, sample_rate=self.sample_rate)
        check_declared(self.end_frame - self.start_frame, sample_rate=self.sample_rate, limits=limits)

    def blocks(self) -> Iterator[Samples]:
        """Blocks (n, channels) float32 of the span, 65,536 frames each, the last one shorter.

        Raises:
            ClipError: ``io.read``, or ``input.truncated`` where the file has become shorter than its header says.
        """
        frame_bytes = 2 * self.channels
        for frame in range(self.start_frame, self.end_frame, BLOCK_FRAMES):
            wanted = min(BLOCK_FRAMES, self.end_frame - frame)
            content = self._file.read_at(self._pcm.offset + frame * frame_bytes, wanted * frame_bytes)
            if len(content) < wanted * frame_bytes:
                raise promise.truncated(declared=self.end_frame, held=frame + len(content) // frame_bytes)
            block = np.frombuffer(content, "<i2").reshape(wanted, self.channels)
            yield np.multiply(block, _FULL_SCALE, dtype=np.float32)

    def close(self) -> None:
        """The file is its opener's to close."""
