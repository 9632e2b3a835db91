"""What must not be decoded: the reason code, the numbers in the message, and never a hang or another exception."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from decode_inputs import FFMPEG, RATE_HZ, Bounds, chirp, decode, refused, run_ffmpeg, wav_bytes, write_wav
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.decode import open_clip
from audiofeat.errors import ClipError


def test_row_01_07_a_missing_file_and_a_dangling_link_are_told_apart(tmp_path: Path) -> None:
    link = tmp_path / "link.wav"
    link.symlink_to("gone/away.wav")
    assert refused(tmp_path / "missing.wav").reason == "io.not-found"
    error = refused(link)
    assert error.reason == "io.not-found"
    assert "symlink to 'gone/away.wav'" in error.problem


def test_row_04_05_06_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    directory, fifo, door = tmp_path / "d.wav", tmp_path / "f.wav", tmp_path / "s.wav"
    directory.mkdir()
    os.mkfifo(fifo)
    started = time.monotonic()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(door))
        found = {path.name: refused(path) for path in (directory, fifo, door, Path("/dev/zero"))}
    assert {error.reason for error in found.values()} == {"io.not-regular"}
    assert "a directory" in found["d.wav"].problem
    assert "a FIFO" in found["f.wav"].problem
    assert time.monotonic() - started < 1.0


def test_row_02_a_file_without_read_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:  # the tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    path = write_wav(tmp_path / "a.wav", chirp())
    monkeypatch.setattr(os, "open", denied)
    assert refused(path).reason == "io.permission"


def test_row_13_14_a_read_error_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    path = write_wav(tmp_path / "a.wav", chirp())
    monkeypatch.setattr(os, "pread", broken)
    error = refused(path)
    assert error.reason == "io.read"
    assert error.is_transient


def test_row_11_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", np.zeros(200_000))
    with open_clip(str(path), sample_rate=RATE_HZ, limits=Bounds(), ffmpeg=FFMPEG) as clip:
        blocks = iter(clip)
        next(blocks)
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(ClipError, match="changed while it was read") as caught:
            list(blocks)
    assert caught.value.reason == "io.changed"
    assert caught.value.is_transient


@pytest.mark.parametrize("seconds", [1, 12], ids=["read whole", "read by blocks"])
@pytest.mark.parametrize("moment", ["before it is read", "before its samples are"])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a"])
def test_row_11_what_looks_damaged_because_it_was_cut_just_now_is_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, moment: str, seconds: int
) -> None:
    """Such a clip is tried again within the run; ``input.truncated`` would stand."""
    path = tmp_path / name
    write_wav(
        tmp_path / "source.wav", np.random.default_rng(0).uniform(-0.5, 0.5, seconds * 48_000), sample_rate=48_000
    )
    run_ffmpeg("-i", tmp_path / "source.wav", path)
    fstat = os.fstat

    def cut_behind(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        cut()
        return found

    def cut() -> None:
        monkeypatch.setattr(os, "fstat", fstat)
        os.truncate(path, path.stat().st_size // 2)

    def decode_what_is_cut() -> None:
        with open_clip(str(path), sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG) as clip:
            if moment != "before it is read":
                cut()
            list(clip)

    if moment == "before it is read":
        monkeypatch.setattr(os, "fstat", cut_behind)
    with pytest.raises(ClipError, match="changed while it was read") as caught:
        decode_what_is_cut()
    assert caught.value.reason == "io.changed"


NOT_AUDIO = {
    "input.empty": [b""],
    "input.lfs-pointer": [b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"],
    "input.playlist": [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n",
        b"\xef\xbb\xbf#EXTM3U\n",
        b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
        b'<?xml version="1.0"?><playlist version="1">',
        b"ffconcat version 1.0\nfile other.wav\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b"[playlist]\nFile1=other.mp3\n",
        b'FILE "other.wav" WAVE\n',
    ],
    "input.not-audio": [
        b"<!DOCTYPE html><html><body>404</body></html>",
        b'{"error": "not found"}',
        b"PK\x03\x04" + bytes(40),
        b"7z\xbc\xaf\x27\x1c" + bytes(40),
        bytes(257) + b"ustar" + bytes(300),
        "plain text, größer".encode(),
        b"\x00\x05\x16\x07" + bytes(40),
    ],
    "input.unknown-format": [bytes(1_000), b"\x01\x02\x03", b"RIFF\x00\x00\x00\x00ACON", bytes(range(128, 256))],
    "input.corrupt": [b"RIFF\x04\x00\x00\x00WAVE", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(100)],
}


@pytest.mark.parametrize(
    ("reason", "content"), [(reason, content) for reason, contents in NOT_AUDIO.items() for content in contents]
)
def test_what_is_no_audio_is_named(tmp_path: Path, reason: str, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    assert refused(path).reason == reason


def test_text_is_quoted_with_its_control_characters_escaped(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"<html>\n\x1b[31m</html>")
    problem = refused(path).problem
    assert r"<html>\n\x1b[31m" in problem
    assert "\x1b" not in problem


@pytest.mark.parametrize(("form", "named"), [(b"ACON", "'ACON'"), (b"\x1b\xff\0'", '"\\x1b\\xff\\x00\'"')])
def test_the_form_of_a_riff_file_is_told_in_words(tmp_path: Path, form: bytes, named: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF\0\0\0\0" + form + bytes(100))
    error = refused(path)
    assert error.problem == f"a RIFF file of the form {named}; only WAVE and AVI can be decoded"
    assert error.hint == "convert it to WAV or FLAC, or leave it out"


@pytest.mark.parametrize(
    ("suffix", "options", "reasons"),
    [
        ("aiff", [], {"input.truncated"}),
        ("au", [], {"input.truncated"}),
        ("caf", [], {"input.truncated"}),
        ("w64", [], {"input.truncated"}),
        ("mp3", [], {"input.truncated"}),
        ("ogg", ["-c:a", "libvorbis"], {"input.truncated"}),
        ("opus", [], {"input.truncated"}),
        ("flac", [], {"input.corrupt"}),
        ("m4a", [], {"input.truncated"}),
        ("m4a", ["-movflags", "+faststart"], {"input.truncated"}),
        ("webm", ["-c:a", "libopus"], {"input.truncated"}),
        ("wma", [], {"input.corrupt", "input.truncated"}),
    ],
)
def test_six_tenths_of_a_file_are_refused(tmp_path: Path, suffix: str, options: list[str], reasons: set[str]) -> None:
    wav = write_wav(tmp_path / "whole.wav", chirp())
    path = tmp_path / f"cut.{suffix}"
    run_ffmpeg("-i", wav, *options, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    assert refused(path).reason in reasons


@pytest.mark.parametrize("open_ended", [False, True], ids=["by its header", "by its samples"])
def test_a_clip_above_the_longest_duration_is_refused(tmp_path: Path, open_ended: bool) -> None:
    path = write_wav(tmp_path / "long.wav", chirp(8.0))
    if open_ended:
        content = path.read_bytes()
        path.write_bytes(content[:40] + bytes(4) + content[44:])
    error = refused(path, limits=Bounds(max_seconds=3.0))
    assert error.reason == "limit.duration"
    assert "at most 3 s" in error.problem


def test_a_chunk_that_points_beyond_every_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "far.caf"
    soundfile.write(path, chirp(), RATE_HZ, format="CAF")
    content = path.read_bytes()
    path.write_bytes(content[:52] + b"free" + b"\x7f" + b"\xff" * 7 + content[52:])
    assert refused(path).reason == "input.no-samples"


def test_messages_are_the_same_on_every_run(tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "whole.wav", chirp())
    path = tmp_path / "cut.m4a"
    run_ffmpeg("-i", wav, path)
    path.write_bytes(path.read_bytes()[:3_000])
    descriptors = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]  # so that the next file gets another number
    first = str(refused(path))
    for fd in descriptors:
        os.close(fd)
    assert str(refused(path)) == first
    assert "0x" not in first
    assert "/dev/fd" not in first


SEEDS = st.sampled_from(["wav", "aiff", "caf", "au", "w64", "flac", "ogg"])


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    for name in ("wav", "aiff", "caf", "au", "w64", "flac", "ogg"):
        soundfile.write(folder / f"seed.{name}", chirp(0.05), RATE_HZ)
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    name=SEEDS,
    edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    keep=st.integers(1, 4_000),
)
def test_mutated_files_decode_or_are_refused_and_nothing_else(
    seeds: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    edits: list[tuple[int, int]],
    keep: int,
) -> None:
    content = bytearray(seeds[name][:keep])
    for place, value in edits:
        content[place % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(content)
    try:
        # Without ffmpeg: a process for each of so many files takes long, and its robustness is not at stake here.
        with open_clip(str(path), sample_rate=RATE_HZ, limits=Bounds(max_seconds=60), ffmpeg=None) as clip:
            frames = sum(map(len, clip))
    except ClipError as error:
        outcome = error.reason
    else:
        outcome = "decoded" if frames else "decoded to nothing"
    assert outcome == "decoded" or outcome.startswith(("input.", "limit.", "decoder.missing"))


def test_a_whole_file_is_not_refused_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "plain.wav"
    path.write_bytes(wav_bytes(before_data=b"LIST\x04\0\0\0INFO"))
    assert decode(path).source_frames == 1_000
