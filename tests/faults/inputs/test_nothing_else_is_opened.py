"""A file that is to be decoded leads to no other file and to no network, whatever is in it and whatever it is called.

The kernel tells who was opened (inotify), and a listening socket tells who was called; where tracing is allowed, strace
tells of every other socket. Each of these watches sees a bare ``ffmpeg -i`` do what must not be.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from decode_inputs import FFMPEG, RATE_HZ, Bounds, decode, refused
from faults.inputs.playlists import HONESTLY_NAMED, NAMED_LIKE_AUDIO, SECRET, mov_elsewhere
from faults.inputs.seeds import encoded
from running import environment

from audiofeat.decode import ffmpeg_process
from audiofeat.decode.container import Container
from audiofeat.decode.ffmpeg_decoder import FfmpegDecoder
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")
_DEMUXERS = ("mp3", "mov", "wav", "mpegts")

# What a decoder that takes names for more than names would fetch, join, cut out or read from its input.
_NAMES = (
    "http:/127.0.0.1:{port}/clip.m4a",
    "tcp:/127.0.0.1:{port}/clip.m4a",
    "concat:secret.m4a|secret.m4a",
    "subfile,,start,0,end,0,,:secret.m4a",
    "cache:secret.m4a",
    "file:secret.m4a",
    "pipe:0.wav",
    "data:audio,wav;base64,UklGRg==",
    "-",
    "-i.m4a",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the secret lies, and where one stands: relative names are the dangerous ones."""
    (tmp_path / SECRET).write_bytes(encoded("m4a"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def opened(path: Path) -> Iterator[Callable[[], int]]:
    """How often anybody has opened a file since."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert watch >= 0, os.strerror(ctypes.get_errno())
    try:
        assert libc.inotify_add_watch(watch, os.fsencode(path), _IN_OPEN) >= 0, os.strerror(ctypes.get_errno())

        def count() -> int:
            try:
                return len(os.read(watch, 65_536)) // _EVENT.size  # of one file, events have no names
            except BlockingIOError:
                return 0

        yield count
    finally:
        os.close(watch)


@contextmanager
def listener() -> Iterator[tuple[int, Callable[[], bool]]]:
    """A port of this machine, and whether anybody has called there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def was_called() -> bool:
            try:
                server.accept()[0].close()
            except TimeoutError:
                return False
            return True

        yield server.getsockname()[1], was_called


def bare(name: str, *options: str) -> bytes:
    """What an ffmpeg without any care makes of a name."""
    command = [FFMPEG or "ffmpeg", "-nostdin", "-v", "error", *options, "-i", name, "-t", "1", "-f", "s16le", "pipe:1"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False).stdout


def test_row_47_48_what_leads_to_other_files_opens_none_of_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_process, "decode_command", lambda *_, **__: pytest.fail("ffmpeg was started"))
    with opened(folder / SECRET) as count:
        for name, make, what in (*NAMED_LIKE_AUDIO, *HONESTLY_NAMED):
            make(folder / name)
            error = refused(folder / name)
            assert (error.reason, what in error.problem) == ("input.playlist", True), name
        mov_elsewhere(folder / "elsewhere.mov")
        assert refused(folder / "elsewhere.mov").reason == "input.external-reference"
        assert count() == 0


def test_row_47_48_ffmpeg_itself_cannot_be_led_to_another_file(folder: Path) -> None:
    """Should the look at the first bytes be fooled, the command line holds by itself."""
    mov_elsewhere(folder / "elsewhere.mov")
    with opened(folder / SECRET) as count, listener() as (_, was_called):
        for name, make, _ in NAMED_LIKE_AUDIO:
            make(folder / name)
            for demuxer in _DEMUXERS:
                assert given_by_ffmpeg(folder / name, demuxer=demuxer).startswith("input.")
        assert given_by_ffmpeg(folder / "elsewhere.mov", demuxer="mov") == "input.no-samples"
        assert (count(), was_called()) == (0, False)


def given_by_ffmpeg(path: Path, *, demuxer: str) -> str:
    """The reason for which ffmpeg as we run it gives nothing, where no header was looked at before."""
    file = SourceFile(str(path))
    try:
        decoder = FfmpegDecoder(file, container=Container("any", "ffmpeg", demuxer), limits=Bounds(), ffmpeg=FFMPEG)
        try:
            return f"{sum(map(len, decoder.blocks()))} samples"
        finally:
            decoder.close()
    except ClipError as error:
        return error.reason
    finally:
        file.close()


def test_row_21_22_names_that_are_addresses_are_only_names(folder: Path) -> None:
    with opened(folder / SECRET) as count, listener() as (port, was_called):
        for pattern in _NAMES:
            name = pattern.format(port=port)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(encoded("m4a"))
            assert decode(name).source_frames == RATE_HZ, name
        assert (count(), was_called()) == (0, False)


def test_a_bare_ffmpeg_does_what_these_watches_see(folder: Path) -> None:
    playlists = {name: make for name, make, _ in (*NAMED_LIKE_AUDIO, *HONESTLY_NAMED)}
    with opened(folder / SECRET) as count:
        for name in ("concat.wav", "dash.mp3", "list.m3u8"):
            playlists[name](folder / name)
            bare(f"file:{folder / name}")
            assert count() > 0, name
    with listener() as (port, was_called):
        name = f"http:/127.0.0.1:{port}/clip.m4a"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(encoded("m4a"))
        bare(name, "-rw_timeout", "200000")
        assert was_called()


_DECODE_ALL = """
import sys
from decode_inputs import Bounds, FFMPEG
from audiofeat.decode import open_clip
from audiofeat.errors import ClipError
for name in sys.argv[1:]:
    try:
        with open_clip(name, sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG) as clip:
            print(name, sum(map(len, clip)))
    except ClipError as error:
        print(name, error.reason)
"""


def strace(log: Path, *command: str) -> str:
    """What strace says of a command: every file that it or its children opened, and every socket."""
    program = shutil.which("strace")
    if program is None or subprocess.run([program, "-qq", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not there, or tracing is forbidden")
    options = ["-f", "-qq", "-s", "4096", "-e", "trace=open,openat,openat2,creat,socket,connect", "-o", str(log)]
    here = str(Path(__file__).parents[2])
    subprocess.run(
        [program, *options, *command], env=environment(PYTHONPATH=here), capture_output=True, timeout=60, check=False
    )
    return log.read_text(errors="backslashreplace")


def test_row_22_47_48_strace_sees_no_other_file_and_no_socket(folder: Path) -> None:
    names = ["http:/127.0.0.1:9/clip.m4a", "concat:secret.m4a|secret.m4a", "elsewhere.mov"]
    Path(names[0]).parent.mkdir(parents=True)
    for name in names[:2]:
        Path(name).write_bytes(encoded("m4a"))
    mov_elsewhere(folder / names[2])
    for name, make, _ in NAMED_LIKE_AUDIO:
        make(folder / name)
        names.append(name)
    calls = strace(folder / "calls", sys.executable, "-c", _DECODE_ALL, *names)
    assert all(f'"{name}"' in calls for name in names)
    assert "/dev/fd/" in calls
    assert f'{SECRET}", ' not in calls.replace("concat:secret.m4a|secret.m4a", "")
    assert "AF_INET" not in calls
    bad = strace(folder / "bad", FFMPEG or "ffmpeg", "-nostdin", "-i", names[0], "-f", "null", "-")
    assert "AF_INET" in bad
