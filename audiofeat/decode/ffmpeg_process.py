"""ffmpeg in a child process, held on a short lead.

It gets descriptors of ours, no stdin, an empty environment, and bounds on memory, files and processor time. Ctrl-C,
meant for us, does not reach it and look like a bad file: it has a session of its own, or that of a worker process,
which has one already, so that whoever ends the worker's process group ends it too. It is killed with SIGKILL, because
it ignores SIGTERM while it blocks, and always waited for.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from audiofeat.decode.ffmpeg import Cut, decode_command, environment, ffmpeg_version, group_command
from audiofeat.errors import ClipError, MissingToolError

_MAX_STDERR_BYTES = 16_384
_MAX_MEMORY_BYTES = 4 << 30
_MAX_FILES = 16
# For one that nobody waits for any more. An hour decodes the longest of files many times over.
_MAX_PROCESSOR_SECONDS = 3_600

# ffmpeg may keep us waiting this long in all, and for half as long again as the sound that it has given: what the
# header declares would let a lie buy hours.
_PATIENCE_SECONDS = 30.0
_PATIENCE_PER_SECOND = 0.5
_POLL_SECONDS = 1.0


class _Ffmpeg:
    """A running ffmpeg: what it complains of, and how it ends."""

    def __init__(self, process: subprocess.Popen[bytes], *, ffmpeg: str | None, inputs: int) -> None:
        self.given_seconds = 0.0
        """How much sound it has given: the more, the longer it may take."""
        self._stderr = bytearray()
        self._most_stderr_bytes = inputs * _MAX_STDERR_BYTES
        self._is_stderr_at_end = False
        self._waited_seconds = 0.0
        self._process = process
        try:
            self.version = _version(ffmpeg)
            self._poll = select.poll()
            self._stderr_fd = _fileno(self._process.stderr)
            self._poll.register(self._stderr_fd, select.POLLIN)
        except BaseException:
            self.close()
            raise

    def finish(self) -> tuple[str, int]:
        """Wait for the end, once the output has ended; what it complained of, and its exit code.

        Raises:
            ClipError: ``limit.time``.
        """
        while not self._is_stderr_at_end:
            self._wait()
        try:
            exit_code = self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as timeout:
            raise self._out_of_time() from timeout
        return self._stderr.decode("utf-8", "replace"), exit_code

    def close(self) -> None:
        """End ffmpeg, whatever it is doing, and reap it."""
        process = self._process
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _wait(self) -> list[int]:
        """The descriptors that can be read, stderr already taken care of."""
        started = time.monotonic()
        ready = [fd for fd, _ in self._poll.poll(1000 * min(self._patience_left(), _POLL_SECONDS))]
        if self._stderr_fd in ready:
            text = os.read(self._stderr_fd, 65_536)
            self._stderr += text[: self._most_stderr_bytes - len(self._stderr)]
            if not text:
                self._is_stderr_at_end = True
                self._poll.unregister(self._stderr_fd)
        # Reading included: complaints without end are time, too. What is beyond the poll's own time passed while this
        # process was stopped, and ffmpeg perhaps with it.
        self._spend(min(time.monotonic() - started, 2 * _POLL_SECONDS))
        return ready

    def _spend(self, seconds: float) -> None:
        self._waited_seconds += seconds
        if self._patience_left() <= 0.0:
            raise self._out_of_time()

    def _patience_left(self) -> float:
        """In seconds."""
        return _PATIENCE_SECONDS + _PATIENCE_PER_SECOND * self.given_seconds - self._waited_seconds

    def _out_of_time(self) -> ClipError:
        return ClipError(
            "limit.time",
            f"ffmpeg gave {self.given_seconds:.1f} s of sound and then nothing within the time allowed",
            hint="convert the file to WAV or FLAC by other means, or leave it out",
        )


class FfmpegProcess(_Ffmpeg):
    """The ffmpeg of one file, and what it gives."""

    def __init__(self, fd: int, *, demuxer: str, cut: Cut, ffmpeg: str | None) -> None:
        """Start decoding the file open as ``fd``.

        Raises:
            ClipError: ``decoder.missing`` or ``io.process``.
        """
        command = partial(decode_command, fd=fd, demuxer=demuxer, cut=cut)
        super().__init__(_start(command, ffmpeg=ffmpeg, stdout=subprocess.PIPE, fds=(fd,)), ffmpeg=ffmpeg, inputs=1)
        self.received_bytes = 0
        self._stdout_fd = _fileno(self._process.stdout)
        self._poll.register(self._stdout_fd, select.POLLIN)

    def fill(self, buffer: memoryview) -> int:
        """Read its output into ``buffer`` until that is full or the output ends; how many bytes came.

        Raises:
            ClipError: ``limit.time``.
        """
        filled = 0
        while filled < len(buffer):
            if self._stdout_fd in self._wait():
                count = os.readv(self._stdout_fd, [buffer[filled:]])
                if count == 0:
                    break
                filled += count
        self.received_bytes += filled
        return filled

    def finish(self) -> tuple[str, int]:
        self._poll.unregister(self._stdout_fd)
        return super().finish()


class GroupProcess(_Ffmpeg):
    """The ffmpeg of several files, which writes what each of them gives to a file in memory."""

    def __init__(
        self,
        fds: Sequence[int],
        *,
        demuxers: Sequence[str],
        outputs: Sequence[int],
        most_output_bytes: int,
        ffmpeg: str | None,
    ) -> None:
        """Start decoding the files open as ``fds``, each to the one of ``outputs`` in its place.

        Raises:
            ClipError: ``decoder.missing`` or ``io.process``.
        """
        command = partial(group_command, fds=fds, demuxers=demuxers, outputs=outputs)
        process = _start(
            command, ffmpeg=ffmpeg, stdout=subprocess.DEVNULL, fds=(*fds, *outputs), file_bytes=most_output_bytes
        )
        super().__init__(process, ffmpeg=ffmpeg, inputs=len(fds))
        if sys.platform == "linux":
            # Its dozens of threads would take the processor from each other for every packet.
            with suppress(OSError):
                os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))

    @property
    def has_said_all(self) -> bool:
        """Whether nothing of what it complained of was lost."""
        return len(self._stderr) < self._most_stderr_bytes


def _start(
    command: Callable[[str], Sequence[str]],
    *,
    ffmpeg: str | None,
    stdout: int,
    fds: tuple[int, ...],
    file_bytes: int = 0,
) -> subprocess.Popen[bytes]:
    if ffmpeg is None:
        raise _missing("no ffmpeg was found, and soundfile cannot read this format")
    try:
        process = subprocess.Popen(
            command(ffmpeg), stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, bufsize=0,
            pass_fds=fds, start_new_session=not _leads_session(),
            env=environment(), cwd="/",
        )  # fmt: skip
    except (FileNotFoundError, PermissionError) as error:
        raise _missing(f"ffmpeg cannot be run: {os.strerror(error.errno or 0)}") from error
    except OSError as error:
        raise ClipError(
            "io.process", f"no process for ffmpeg: {os.strerror(error.errno or 0)}", hint="run fewer workers"
        ) from error
    # It opens each of the files once more, and a pipe or two of its own.
    _bound(process.pid, files=_MAX_FILES + 4 * (len(fds) - 1), file_bytes=file_bytes)
    return process


def _leads_session() -> bool:
    return os.getsid(0) == os.getpid()


def _bound(pid: int, *, files: int, file_bytes: int) -> None:
    """Bound what the process may take. From outside: code between fork and exec is not safe with threads."""
    if sys.platform != "linux":
        return
    import resource

    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_AS: _MAX_MEMORY_BYTES,
        resource.RLIMIT_NOFILE: files,
        resource.RLIMIT_CPU: _MAX_PROCESSOR_SECONDS,
    }
    for bound, most in bounds.items():
        # It has ended already, or a lower bound of the caller's is in force.
        with suppress(ProcessLookupError, PermissionError, ValueError):
            resource.prlimit(pid, bound, (most, most))


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
