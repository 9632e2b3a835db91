"""What ffmpeg's words and exit mean for the clip.

Its exit code is 0 for half a file as well as for a whole one, and otherwise differs by version; so what it says at
level *warning* and above is read too. Addresses and descriptor numbers are cut out of what is quoted: the same file
must give the same message on every run.
"""

from __future__ import annotations

import re
import signal

from audiofeat.errors import ClipError

_HARMLESS = re.compile(r"not on whitelist|Guessed Channel Layout|Estimating duration|Multiple frames in a packet")
_TRUNCATED = re.compile(
    r"partial file|moov atom not found|[Ff]ile ended prematurely|filesize and duration do not match|truncat"
)
_CORRUPT = re.compile(
    r"CRC (error|mismatch)|[Cc]orrupt|Header missing|invalid residual|invalid sync code|Invalid PCM packet"
    r"|Invalid data found|Error (while|submitting|decoding|parsing)|non monotonically increasing dts|Invalid frame"
)
_NO_PACKET = re.compile(r"Header missing|Error submitting packet to decoder: Invalid data")
_NO_STREAM = re.compile(r"matches no streams|does not contain any stream")
_NO_CODEC = re.compile(
    r"Codec \(|Decoder .*not found|Decoding requested, but no decoder|not on whitelist|[Uu]nknown codec"
)
_NO_MEMORY = re.compile(r"Cannot allocate memory")
_CHANGING = re.compile(r"Changing audio frame properties")
_INTERRUPTED = re.compile(r"Exiting normally, received signal")

_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_DESCRIPTOR = re.compile(r"(file:)?/dev/fd/\d+")
_QUOTED_CHARACTERS = 200
_AGAIN = "fetch or make the file again"


def judge(
    stderr: str, *, exit_code: int, frames: int, is_open_ended: bool = False, is_all: bool = False
) -> ClipError | None:
    """What is wrong with a clip of which ffmpeg gave ``frames`` frames; None if nothing is.

    ``is_open_ended``: the header states no length, so ffmpeg finds a last packet shorter than it thought; that is no
    damage. ``is_all``: these are all frames of all packets, so what ffmpeg takes for a bad packet is none.
    """
    lines = [line for line in map(_scrubbed, stderr.splitlines()) if line]
    if exit_code < 0:
        return _killed(-exit_code)
    if _first(_INTERRUPTED, lines):
        return ClipError("decoder.killed", "ffmpeg was stopped by a signal", hint="run again")
    if (exit_code or frames == 0) and (line := _first(_NO_MEMORY, lines)):
        return ClipError(
            "limit.memory",
            f"decoding needs more memory than a clip may take; ffmpeg: {line}",
            hint="convert the file to WAV or FLAC by other means, or leave it out",
        )
    if frames == 0:
        return _nothing_came(lines, exit_code=exit_code)
    serious = [line for line in lines if not _HARMLESS.search(line)]
    if is_open_ended:
        serious = [
            line for line in serious if not re.search(r"Packet corrupt|corrupt input packet|Invalid PCM packet", line)
        ]
    if is_all:
        serious = [line for line in serious if not _NO_PACKET.search(line)]
    if line := _first(_TRUNCATED, serious):
        return ClipError("input.truncated", f"the file ends early, after {frames} frames; ffmpeg: {line}", hint=_AGAIN)
    if line := _first(_CORRUPT, serious):
        return ClipError("input.corrupt", f"damaged, {frames} frames came; ffmpeg: {line}", hint=_AGAIN)
    if exit_code:
        said = serious[-1] if serious else "no message"
        return ClipError("input.corrupt", f"ffmpeg failed after {frames} frames: {said}", hint=_AGAIN)
    return None


def judge_group(stderr: str, *, exit_code: int, least_bytes: int) -> ClipError | None:
    """What may be wrong with one of several files that one ffmpeg decoded; None: each of them alone would be good.

    Nobody knows of which file a line speaks, so none is forgiven that any of them would not be forgiven.
    ``least_bytes`` is what came of the file of which the least came.
    """
    error = judge(stderr, exit_code=exit_code, frames=least_bytes)
    if error is None and (line := _first(_CHANGING, stderr.splitlines())):
        return ClipError("input.format-changes", _scrubbed(line), hint=_AGAIN)
    return error


def _nothing_came(lines: list[str], *, exit_code: int) -> ClipError:
    if _first(_NO_STREAM, lines):
        return ClipError("input.no-audio-stream", "the file holds no audio stream", hint="leave it out")
    if line := _first(_TRUNCATED, lines):
        return ClipError("input.truncated", f"the file ends before its first sample; ffmpeg: {line}", hint=_AGAIN)
    if exit_code and (line := _first(_NO_CODEC, lines)):
        return ClipError(
            "input.unsupported-codec", f"no decoder for this codec; ffmpeg: {line}", hint="convert it to FLAC"
        )
    if exit_code or _first(_CORRUPT, lines):
        said = lines[0] if lines else "no message"
        return ClipError("input.corrupt", f"nothing could be decoded; ffmpeg: {said}", hint=_AGAIN)
    return ClipError(
        "input.no-samples", "no samples: the audio stream is empty", hint="fetch the file again, or leave it out"
    )


def _killed(number: int) -> ClipError:
    name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
    if number == signal.SIGXCPU:
        return ClipError(
            "limit.time", "ffmpeg used up the processor time allowed", hint="convert the file to WAV or FLAC"
        )
    if number == signal.SIGKILL:
        return ClipError(
            "decoder.killed", "ffmpeg was killed by SIGKILL (out of memory?)", hint="run again with fewer workers"
        )
    return ClipError(
        "decoder.crashed", f"ffmpeg crashed with {name}", hint="convert the file to WAV or FLAC by other means"
    )


def _first(pattern: re.Pattern[str], lines: list[str]) -> str | None:
    return next((line for line in lines if pattern.search(line)), None)


def _scrubbed(line: str) -> str:
    return _DESCRIPTOR.sub("input", _ADDRESS.sub("", line)).strip()[:_QUOTED_CHARACTERS]
