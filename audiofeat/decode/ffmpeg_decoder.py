"""Decoding in a child process: ffmpeg, held on a short lead.

It gets one descriptor, no stdin, an empty environment, a session of its own (so that Ctrl-C meant for us does not
look like a bad file) and bounds on memory. It is killed with SIGKILL, because it ignores SIGTERM while it blocks, and
always waited for.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from struct import Struct

import numpy as np

from audiofeat.decode.container import Container
from audiofeat.decode.ffmpeg import decode_command, environment, ffmpeg_version
from audiofeat.decode.ffmpeg_complaints import judge
from audiofeat.decode.limits import Limits, check_format
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.samples import BLOCK_FRAMES, Samples
from audiofeat.errors import ClipError, MissingToolError

_SAMPLE_BYTES = 4
_AU_HEADER = Struct(">4s5I")
_AU_FLOAT = 6
_MAX_AU_HEADER_BYTES = 4096
_MAX_STDERR_BYTES = 16_384
_MAX_MEMORY_BYTES = 4 << 30

# ffmpeg may keep us waiting this long in all, and for half as long again as the sound that it has given.
_PATIENCE_SECONDS = 30.0
_PATIENCE_PER_SECOND = 0.5


class FfmpegDecoder:
    """One file's blocks, decoded by an ffmpeg process that lives until ``close``."""

    def __init__(self, file: SourceFile, *, container: Container, limits: Limits, ffmpeg: str | None) -> None:
        """Start ffmpeg and wait for the first bytes, which state the sample rate and the channels.

        Raises:
            ClipError: ``decoder.missing``, or whatever ``ffmpeg_complaints`` makes of a file that gives nothing.
        """
        self._is_open_ended = container.is_open_ended
        self._stderr = bytearray()
        self._is_stderr_at_end = False
        self._waited_seconds = 0.0
        self._frames = 0
        self._process = _start(file.fd, demuxer=container.demuxer, ffmpeg=ffmpeg)
        try:
            self.version = _version(ffmpeg)
            self._poll = select.poll()
            self._stdout_fd, self._stderr_fd = (_fileno(pipe) for pipe in (self._process.stdout, self._process.stderr))
            self._poll.register(self._stdout_fd, select.POLLIN)
            self._poll.register(self._stderr_fd, select.POLLIN)
            self.sample_rate = self.channels = 0
            self.sample_rate, self.channels = self._read_au_header()
            check_format(channels=self.channels, sample_rate=self.sample_rate, limits=limits)
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[Samples]:
        """Blocks (n, channels) float32 of 65,536 frames, the last one shorter.

        Raises:
            ClipError: ``input.*`` by what ffmpeg said, ``limit.time``, ``decoder.crashed`` or ``decoder.killed``.
        """
        frame_bytes = self.channels * _SAMPLE_BYTES
        while True:
            buffer = bytearray(BLOCK_FRAMES * frame_bytes)
            held_bytes = self._fill(memoryview(buffer))
            frames = held_bytes // frame_bytes
            self._frames += frames
            if frames:
                block = np.frombuffer(buffer, ">f4", frames * self.channels)
                yield block.astype(np.float32).reshape(frames, self.channels)
            if frames < BLOCK_FRAMES:
                break
        self._finish()

    def close(self) -> None:
        """End ffmpeg, whatever it is doing, and reap it."""
        process = self._process
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it ended by itself just now
                process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _read_au_header(self) -> tuple[int, int]:
        header = bytearray(_AU_HEADER.size)
        if self._fill(memoryview(header)) < len(header):
            self._finish()
            raise ClipError("decoder.crashed", "ffmpeg ended well and gave nothing", hint="see audiofeat doctor")
        magic, offset, _, encoding, sample_rate, channels = _AU_HEADER.unpack(header)
        rest = bytearray(max(offset - len(header), 0)) if offset <= _MAX_AU_HEADER_BYTES else bytearray()
        if magic != b".snd" or encoding != _AU_FLOAT or self._fill(memoryview(rest)) < len(rest):
            raise ClipError(
                "decoder.crashed", "ffmpeg gave something else than an AU stream", hint="see audiofeat doctor"
            )
        return sample_rate, channels

    def _fill(self, buffer: memoryview) -> int:
        """Read stdout into ``buffer`` until it is full or the stream ends, and keep stderr from filling up."""
        filled = 0
        while filled < len(buffer):
            if self._stdout_fd in self._wait():
                count = os.readv(self._stdout_fd, [buffer[filled:]])
                if count == 0:
                    break
                filled += count
        return filled

    def _finish(self) -> None:
        """Wait for the end, then say what was wrong, if anything was."""
        self._poll.unregister(self._stdout_fd)
        while not self._is_stderr_at_end:
            self._wait()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as timeout:
            raise self._out_of_time() from timeout
        error = judge(
            self._stderr.decode("utf-8", "replace"),
            exit_code=self._process.returncode,
            frames=self._frames,
            is_open_ended=self._is_open_ended,
        )
        if error is not None:
            raise error

    def _wait(self) -> list[int]:
        """The descriptors that can be read, stderr already taken care of."""
        started = time.monotonic()
        ready = [fd for fd, _ in self._poll.poll(1000)]
        self._spend(time.monotonic() - started)
        if self._stderr_fd in ready:
            text = os.read(self._stderr_fd, 65_536)
            self._stderr += text[: _MAX_STDERR_BYTES - len(self._stderr)]
            if not text:
                self._is_stderr_at_end = True
                self._poll.unregister(self._stderr_fd)
        return ready

    def _spend(self, seconds: float) -> None:
        self._waited_seconds += seconds
        decoded_seconds = self._frames / self.sample_rate if self.sample_rate else 0.0
        if self._waited_seconds > _PATIENCE_SECONDS + _PATIENCE_PER_SECOND * decoded_seconds:
            raise self._out_of_time()

    def _out_of_time(self) -> ClipError:
        return ClipError(
            "limit.time",
            f"ffmpeg gave {self._frames} frames and then nothing within the time allowed",
            hint="convert the file to WAV or FLAC by other means, or leave it out",
        )


def _start(fd: int, *, demuxer: str, ffmpeg: str | None) -> subprocess.Popen[bytes]:
    if ffmpeg is None:
        raise _missing("no ffmpeg was found, and soundfile cannot read this format")
    try:
        process = subprocess.Popen(
            decode_command(ffmpeg, fd=fd, demuxer=demuxer), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, pass_fds=(fd,), start_new_session=True, env=environment(), cwd="/",
        )  # fmt: skip
    except (FileNotFoundError, PermissionError) as error:
        raise _missing(f"ffmpeg cannot be run: {os.strerror(error.errno or 0)}") from error
    except OSError as error:
        raise ClipError(
            "io.process", f"no process for ffmpeg: {os.strerror(error.errno or 0)}", hint="run fewer workers"
        ) from error
    _bound(process.pid)
    return process


def _bound(pid: int) -> None:
    """Bound what the process may take. From outside: code between fork and exec is not safe with threads."""
    if sys.platform != "linux":
        return
    import resource

    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    except (ProcessLookupError, PermissionError, ValueError):
        # It has ended already, or a lower bound of the caller's is in force.
        return


def _version(ffmpeg: str | None) -> str:
    try:
        return ffmpeg_version(ffmpeg or "")
    except MissingToolError as error:
        raise _missing(error.problem) from error


def _missing(found: str) -> ClipError:
    return ClipError("decoder.missing", found, hint="pip install imageio-ffmpeg, or name one in AUDIOFEAT_FFMPEG")


def _fileno(pipe: object) -> int:
    number = getattr(pipe, "fileno", None)
    if number is None:
        raise ClipError("decoder.crashed", "ffmpeg was started without pipes")
    return int(number())
