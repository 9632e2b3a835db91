"""Finding ffmpeg, and the two command lines that audiofeat runs it with: for one file, and for a few at once.

ffmpeg opens playlists, networks and other files as readily as audio. The command below leaves it one descriptor that
we opened, one demuxer that our own look at the magic bytes chose, and a list of audio decoders; each of the first two
alone stops the leaks that were seen (a DASH manifest named ``x.mp3`` read another file on ffmpeg 5.1 and 9.0).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from audiofeat.errors import MissingToolError

_CODECS = (
    "aac", "aac_latm", "ac3", "eac3", "alac", "flac", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float",
    "vorbis", "libvorbis", "opus", "libopus", "speex", "libspeex", "amrnb", "amrwb", "libopencore_amrnb",
    "libopencore_amrwb", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "gsm", "gsm_ms", "nellymoser",
    "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "adpcm_swf", "adpcm_yamaha",
    "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_s64le",
    "pcm_s64be", "pcm_u16le", "pcm_u16be", "pcm_u24le", "pcm_u24be", "pcm_u32le", "pcm_u32be", "pcm_f32le",
    "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd",
)  # fmt: skip
_MAX_ALLOCATION_BYTES = 256 << 20
_OUTPUT_OPTIONS = {
    "f": "au", "acodec": "pcm_f32be", "vn": None, "sn": None, "dn": None, "map_metadata": -1, "threads": 1,
}  # fmt: skip
_GLOBAL_OPTIONS = (
    "-nostdin", "-hide_banner", "-loglevel", "level+warning", "-max_alloc", str(_MAX_ALLOCATION_BYTES),
)  # fmt: skip
_GROUP_FRAME_SAMPLES = 8_192
_PLACE = re.compile(r"<(\d+)>")
_VERSION_TIMEOUT_SECONDS = 30


def find_ffmpeg() -> str | None:
    """The ffmpeg to use: ``AUDIOFEAT_FFMPEG``, else the one of the imageio-ffmpeg wheel, else the one on ``PATH``.

    Raises:
        MissingToolError: ``AUDIOFEAT_FFMPEG`` names something that cannot be run.
    """
    if named := os.environ.get("AUDIOFEAT_FFMPEG"):
        found = shutil.which(named)
        if found is None:
            raise MissingToolError(
                f"AUDIOFEAT_FFMPEG is {named!r}, which is no executable file", hint="correct or unset it"
            )
        return os.path.abspath(found)
    return _of_the_wheel() or shutil.which("ffmpeg")


def _of_the_wheel() -> str | None:
    """Where the imageio-ffmpeg wheel has its binary, if it is installed, for a platform that it has one for.

    The package itself would run what it finds to try it, with all of the environment: ``FFREPORT`` writes a file.
    """
    package = find_spec("imageio_ffmpeg")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        for found in sorted(Path(folder, "binaries").glob("ffmpeg-*")):
            if os.access(found, os.X_OK):
                return str(found)
    return None


@lru_cache(maxsize=8)
def ffmpeg_version(ffmpeg: str) -> str:
    """What a store records as the decoder of a clip that this ffmpeg read: ``ffmpeg 9.0.2``.

    Raises:
        MissingToolError: it cannot be run, or does not answer as ffmpeg does.
    """
    try:
        answer = _ask(ffmpeg)
        if answer.returncode < 0:  # killed from outside, which says nothing of it
            answer = _ask(ffmpeg)
        answer.check_returncode()
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingToolError(f"ffmpeg cannot be run: {error}", hint="see audiofeat doctor") from error
    words = answer.stdout.decode("utf-8", "replace").split(maxsplit=3)
    if words[:2] != ["ffmpeg", "version"] or len(words) < 3:
        raise MissingToolError(f"{ffmpeg!r} does not answer as ffmpeg does", hint="see audiofeat doctor")
    return f"ffmpeg {words[2]}"


def _ask(ffmpeg: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [ffmpeg, "-version"], stdin=subprocess.DEVNULL, capture_output=True, env=environment(), cwd="/",
        timeout=_VERSION_TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """The whole environment that ffmpeg gets: ``FFREPORT`` and its like would make it write files."""
    # On many cores its threads would reserve more address space for their heaps than it may have.
    return {"PATH": os.defpath, "LC_ALL": "C", "MALLOC_ARENA_MAX": "2"}


class Cut(NamedTuple):
    """What of a file ffmpeg is to decode, in whole seconds, which are whole frames at every sample rate."""

    seek_seconds: int
    """Where decoding begins, by the time stamps of the packets; at 0 they are not looked at."""
    start_seconds: int
    """Where the output begins: the decoder needs what lies between."""
    end_seconds: int | None
    """Where the output ends; None is the file's end."""


FROM_START_TO_END = Cut(0, 0, None)


@lru_cache(maxsize=64)
def decode_command(ffmpeg: str, *, fd: int, demuxer: str, cut: Cut = FROM_START_TO_END) -> tuple[str, ...]:
    """The command that decodes descriptor ``fd`` to an AU stream of 32-bit floats, native rate and channels, on stdout.

    AU, because its header of a few words states the rate and the channels and needs no length.
    """
    import ffmpeg as builder

    # ffmpeg's own accurate seek rounds to microseconds, and so would its shift of time stamps to 0, without -copyts.
    seek = {"ss": cut.seek_seconds, "seek_timestamp": 1, "noaccurate_seek": None} if cut.seek_seconds else {}
    stream = builder.input(f"file:/dev/fd/{fd}", **_input_options(demuxer), **seek)
    stream = stream["a:0"].output("pipe:1", **_OUTPUT_OPTIONS, **_filter(cut))
    stream = stream.global_args(*_GLOBAL_OPTIONS, *(["-copyts"] if cut.seek_seconds else []))
    return tuple(stream.compile(cmd=ffmpeg))


def group_command(ffmpeg: str, *, fds: Sequence[int], demuxers: Sequence[str], outputs: Sequence[int]) -> list[str]:
    """The command that decodes each of ``fds`` as :func:`decode_command` does, to the descriptor in its place."""
    numbers = [str(number) for number in (*fds, *outputs)]
    return [_PLACE.sub(lambda found: numbers[int(found[1])], word) for word in _group_template(ffmpeg, tuple(demuxers))]


@lru_cache(maxsize=64)
def _group_template(ffmpeg: str, demuxers: tuple[str, ...]) -> tuple[str, ...]:
    """The command with ``<0>`` for the first descriptor, and so on: building it takes as long as decoding a file."""
    import ffmpeg as builder

    outputs = []
    for number, demuxer in enumerate(demuxers):
        # A filter that is made anew for a frame of another kind would lose what it holds; now ffmpeg complains of it.
        stream = builder.input(f"file:/dev/fd/<{number}>", **_input_options(demuxer), reinit_filter=0)
        # Few large frames: each is handed from thread to thread twice.
        options = {**_OUTPUT_OPTIONS, "af": f"asetnsamples=n={_GROUP_FRAME_SAMPLES}:p=0"}
        outputs.append(stream["a:0"].output(f"pipe:<{number + len(demuxers)}>", **options))
    return tuple(builder.merge_outputs(*outputs).global_args(*_GLOBAL_OPTIONS).compile(cmd=ffmpeg))


def _input_options(demuxer: str) -> dict[str, str | int]:
    return {
        "f": demuxer,
        "format_whitelist": demuxer,
        "protocol_whitelist": "file",
        "codec_whitelist": ",".join(_CODECS),
        "err_detect": "crccheck",
        "threads": 1,
    }


def _filter(cut: Cut) -> dict[str, str]:
    """The audio filter that cuts the output, as the option that names it."""
    end = "" if cut.end_seconds is None else f":end={cut.end_seconds}"
    if cut.seek_seconds:
        return {"af": f"atrim=start={cut.start_seconds}{end}"}
    # Time is counted in samples here: what a file's time stamps say may have gaps.
    return {"af": f"asetpts=N/SR/TB,atrim=start={cut.start_seconds}{end}"} if cut != FROM_START_TO_END else {}
