"""Several files decoded by one ffmpeg process, because starting it takes longer than decoding a short clip.

Each file gives an AU stream in a file in memory, which ``FfmpegDecoder`` reads like that of a process of its own. What
ffmpeg complains of does not say which file it means: where anything is wrong with one of them, nothing of the group
counts, and whoever asked decodes them one by one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from audiofeat.decode.container import Container
from audiofeat.decode.ffmpeg_complaints import judge_group
from audiofeat.decode.ffmpeg_process import GroupProcess
from audiofeat.decode.headers import read_header
from audiofeat.decode.limits import Limits
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.shared import Shared
from audiofeat.decode.sniff import sniff
from audiofeat.errors import ClipError
from audiofeat.records import Member

MOST_FILES = 16 if sys.platform == "linux" else 1

# What a file may be and may give. A longer one gains little: with 10 s of speech the start is already less than half.
_MAX_BYTES = 8 << 20
_FRAME_BYTES = 8  # of two channels; how many there are, no header is asked

MOST_GROUP_BYTES = MOST_FILES * 2 * _MAX_BYTES
"""What a group takes at most: files and what they give."""


class Written:
    """What ffmpeg gave for one file, all of it good; to ``FfmpegDecoder`` it is a process that has just ended."""

    def __init__(self, fd: int, *, version: str) -> None:
        """``fd`` is a file of ours; it is closed with this."""
        self._fd, self.version = fd, version
        self._position = 0
        self.given_seconds = 0.0

    def fill(self, buffer: memoryview) -> int:
        """Read what comes next into ``buffer``; how many bytes there were."""
        filled = 0
        while filled < len(buffer) and (count := os.preadv(self._fd, [buffer[filled:]], self._position)):
            filled += count
            self._position += count
        return filled

    def finish(self) -> tuple[str, int]:
        """No complaints, and a good end."""
        return "", 0

    def close(self) -> None:
        os.close(self._fd)


class EarlyClip(NamedTuple):
    """A file that was opened, recognised and decoded before its turn, as a whole."""

    file: SourceFile
    container: Container
    written: Written

    def close(self) -> None:
        self.written.close()
        self.file.close()


class _Candidate(NamedTuple):
    place: int
    file: SourceFile
    container: Container

    @property
    def size_bytes(self) -> int:
        """What it takes until its turn comes, as far as its header tells: its samples, and its own bytes."""
        return _FRAME_BYTES * _frames(self.container) + self.file.size_bytes


def decode_together(
    clips: Sequence[tuple[str, Member | None]],
    *,
    limits: Limits,
    ffmpeg: str | None,
    shared: Shared,
    most_bytes: int = MOST_GROUP_BYTES,
) -> dict[int, EarlyClip]:
    """Have one ffmpeg process decode those of ``clips`` (paths and members) that it is for and that are short.

    Args:
        most_bytes: that all of them may take in memory, shared out evenly.

    Returns:
        what came, by place in ``clips``; the caller closes it. Empty where there are not two that ffmpeg is for.

    Raises:
        ClipError: something is wrong with one of them, or with the group.
    """
    candidates: list[_Candidate] = []
    outputs: list[int] = []
    try:
        for place, (path, member) in enumerate(clips):
            candidate = _candidate(place, path, member, limits=limits, shared=shared)
            if candidate is None:
                continue
            candidates.append(candidate)
            if max(each.size_bytes for each in candidates) > most_bytes // len(candidates):
                candidates.pop().file.close()
        if len(candidates) < 2:
            _close(candidates, outputs)
            return {}
        for _ in candidates:
            outputs.append(_memory_file())
        file_bytes = min(_MAX_BYTES, most_bytes // len(candidates))
        version = _decode(candidates, outputs, file_bytes=file_bytes, ffmpeg=ffmpeg)
    except BaseException:
        _close(candidates, outputs)
        raise
    return {
        place: EarlyClip(file, container, Written(output, version=version))
        for (place, file, container), output in zip(candidates, outputs, strict=True)
    }


def _candidate(place: int, path: str, member: Member | None, *, limits: Limits, shared: Shared) -> _Candidate | None:
    """A file, open, if it is one for a group; what is wrong with any other will show when its turn comes."""
    try:
        file = SourceFile(path, member=member, shared=shared, max_bytes=min(limits.max_bytes, _MAX_BYTES))
    except ClipError:
        return None
    try:
        container = read_header(file, sniff(file))
        if container.decoder == "ffmpeg" and _FRAME_BYTES * _frames(container) <= _MAX_BYTES:
            return _Candidate(place, file, container)
    except ClipError:
        pass
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def _frames(container: Container) -> int:
    """How long a file is by its header; 0 where that does not tell."""
    return container.declared_frames or container.clock_frames or 0


def _memory_file() -> int:
    try:
        return os.memfd_create("audiofeat-samples", os.MFD_CLOEXEC)
    except OSError as error:
        raise ClipError("io.process", f"no memory file: {os.strerror(error.errno or 0)}") from error


def _decode(candidates: Sequence[_Candidate], outputs: Sequence[int], *, file_bytes: int, ffmpeg: str | None) -> str:
    """Run ffmpeg, for at most ``file_bytes`` of each; its version.

    Raises:
        ClipError: not everything is as it should be.
    """
    process = GroupProcess(
        [candidate.file.fd for candidate in candidates],
        demuxers=[candidate.container.demuxer for candidate in candidates],
        outputs=outputs,
        most_output_bytes=file_bytes,
        ffmpeg=ffmpeg,
    )
    try:
        complaints, exit_code = process.finish()
        least_bytes = min(os.fstat(output).st_size for output in outputs)
        error = judge_group(complaints, exit_code=exit_code, least_bytes=least_bytes)
        if error is not None:
            raise error
        if not process.has_said_all:
            raise ClipError("decoder.crashed", "ffmpeg complained more than is read")
        return process.version
    finally:
        process.close()


def _close(candidates: Sequence[_Candidate], outputs: Sequence[int]) -> None:
    for candidate in candidates:
        candidate.file.close()
    for output in outputs:
        os.close(output)
