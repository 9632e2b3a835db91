"""Decoding by ffmpeg: the AU stream that it writes, as blocks of samples.

A span is sought only where the file's time stamps count samples (see ``headers.mp4``): decoding then begins two seconds
early, and what comes first is cut off by them. Everywhere else decoding begins with the file, and what lies before
the span is dropped: a seek by bytes or milliseconds may be off by a packet, and nothing would tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct

import numpy as np

from audiofeat.decode.container import Container
from audiofeat.decode.ffmpeg import Cut
from audiofeat.decode.ffmpeg_complaints import judge
from audiofeat.decode.ffmpeg_group import Written
from audiofeat.decode.ffmpeg_process import FfmpegProcess
from audiofeat.decode.headers import promise
from audiofeat.decode.limits import Limits, check_declared, check_format
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.samples import BLOCK_FRAMES, Samples
from audiofeat.decode.span import WHOLE, Span
from audiofeat.errors import ClipError

_SAMPLE_BYTES = 4
_AU_HEADER = Struct(">4s5I")
_AU_FLOAT = 6
_MAX_AU_HEADER_BYTES = 4096

_PREROLL_SECONDS = 1
# ffmpeg cuts at whole seconds, one before and one behind the span: that tells whether the file is there, and goes on.
_MARGIN_SECONDS = 1
# It reads on behind a cut, by less than this.
_AHEAD_SECONDS = 10


class FfmpegDecoder:
    """One file's blocks, decoded by an ffmpeg process that lives until ``close``, or by one that has ended."""

    may_be_non_finite = True

    def __init__(
        self,
        file: SourceFile,
        *,
        container: Container,
        limits: Limits,
        ffmpeg: str | None,
        span: Span = WHOLE,
        written: Written | None = None,
    ) -> None:
        """Start ffmpeg and wait for the first bytes, which state the sample rate and the channels.

        Args:
            written: what ffmpeg has given for the whole file already; it is closed with this.

        Raises:
            ClipError: ``decoder.missing``, or whatever ``ffmpeg_complaints`` makes of a file that gives nothing.
        """
        self._file, self._container, self._ffmpeg = file, container, ffmpeg
        self._span, self._written = span, written
        self._start(may_seek=container.clock_hz is not None)
        try:
            check_format(channels=self.channels, sample_rate=self.sample_rate, limits=limits)
            if span == WHOLE and container.declared_frames is not None:
                check_declared(container.declared_frames, sample_rate=self.sample_rate, limits=limits)
            self.start_frame = span.start_frame(self.sample_rate)
            self.end_frame = span.end_frame(self.sample_rate) or 0
            """Known of a span without an end, or beyond the file's, once the blocks have come."""
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[Samples]:
        """Blocks (n, channels) float32 of the span, 65,536 frames each, the last one shorter.

        Raises:
            ClipError: ``input.*`` by what ffmpeg said, ``input.span-outside``, ``limit.time``, ``decoder.crashed`` or
                ``decoder.killed``.
        """
        self._drop(self.start_frame - self._frame)
        if self._has_sought and not self._given_frames:  # behind the end, or where the file is cut
            self.close()
            clock_frames = self._container.clock_frames
            if clock_frames is not None and clock_frames <= self.start_frame:
                self._span.end_within(clock_frames, sample_rate=self.sample_rate)
            # Only all of the file tells what is wrong with it.
            self._start(may_seek=False)
            self._drop(self.start_frame)
        end = self._span.end_frame(self.sample_rate)
        while True:
            wanted = BLOCK_FRAMES if end is None else min(BLOCK_FRAMES, max(end - self._frame, 0))
            block = self._read(wanted)
            if len(block):
                yield block
            if len(block) < BLOCK_FRAMES:
                break
        if end is not None and self._frame == end:
            self._drop((2 * _MARGIN_SECONDS + _AHEAD_SECONDS) * self.sample_rate)
        self._judge()
        declared = self._container.declared_frames
        if end is None and declared is not None and self._frame < declared:
            raise promise.truncated(declared=declared, held=self._frame)
        self.end_frame = self._span.end_within(self._frame, sample_rate=self.sample_rate)

    def close(self) -> None:
        """End ffmpeg, whatever it is doing, and reap it."""
        self._process.close()

    def _start(self, *, may_seek: bool) -> None:
        """Start ffmpeg at the span, if it may seek, or else at the file's start; sets the rate and the channels."""
        end = self._span.end_seconds
        end_seconds = None if end is None else math.ceil(end) + _MARGIN_SECONDS
        counted = self._container.counted_seconds
        if end_seconds is not None and counted is not None and end_seconds > counted - _AHEAD_SECONDS:
            end_seconds = None  # so that all come, or it is not known of what ffmpeg complains
        start_seconds = math.floor(self._span.start_seconds) - _MARGIN_SECONDS
        seek_seconds = start_seconds - _PREROLL_SECONDS
        self._has_sought = may_seek and seek_seconds > 0
        if self._has_sought:
            with suppress(ClipError):  # decoding from the start tells what is wrong with the file
                self._launch(Cut(seek_seconds, start_seconds, end_seconds))
                if self.sample_rate == self._container.clock_hz:
                    self._frame = start_seconds * self.sample_rate
                    return
                self.close()
        self._has_sought = False
        self._launch(Cut(0, 0, end_seconds))
        self._frame = 0

    def _launch(self, cut: Cut) -> None:
        self._given_frames = 0
        self._process = self._written or FfmpegProcess(
            self._file.fd, demuxer=self._container.demuxer, cut=cut, ffmpeg=self._ffmpeg
        )
        try:
            self.version = self._process.version
            self.sample_rate, self.channels = self._read_au_header()
        except BaseException:
            self.close()
            raise

    def _read_au_header(self) -> tuple[int, int]:
        process = self._process
        header = bytearray(_AU_HEADER.size)
        if process.fill(memoryview(header)) < len(header):
            self._judge()
            raise ClipError("decoder.crashed", "ffmpeg ended well and gave nothing", hint="see audiofeat doctor")
        magic, offset, _, encoding, sample_rate, channels = _AU_HEADER.unpack(header)
        rest = bytearray(max(offset - len(header), 0)) if offset <= _MAX_AU_HEADER_BYTES else bytearray()
        if magic != b".snd" or encoding != _AU_FLOAT or process.fill(memoryview(rest)) < len(rest):
            raise ClipError(
                "decoder.crashed", "ffmpeg gave something else than an AU stream", hint="see audiofeat doctor"
            )
        return sample_rate, channels

    def _read(self, wanted: int) -> Samples:
        """The next ``wanted`` frames; fewer only at the end of what ffmpeg gives."""
        frame_bytes = self.channels * _SAMPLE_BYTES
        buffer = bytearray(wanted * frame_bytes)
        frames = self._process.fill(memoryview(buffer)) // frame_bytes
        self._frame += frames
        self._given_frames += frames
        self._process.given_seconds = self._given_frames / self.sample_rate
        block = np.frombuffer(buffer, ">f4", frames * self.channels)
        return block.astype(np.float32).reshape(frames, self.channels)

    def _drop(self, frames: int) -> None:
        while frames > 0 and (dropped := len(self._read(min(BLOCK_FRAMES, frames)))):
            frames -= dropped

    def _is_all(self) -> bool:
        counted = self._container.counted_seconds
        if counted is None or not self._given_frames:
            return False
        return self._given_frames == round(counted * self.sample_rate)

    def _judge(self) -> None:
        """Wait for ffmpeg's end, then say what was wrong, if anything was."""
        complaints, exit_code = self._process.finish()
        error = judge(
            complaints,
            exit_code=exit_code,
            frames=self._given_frames,
            is_open_ended=self._container.is_open_ended,
            is_all=self._is_all(),
        )
        if error is not None:
            raise error
