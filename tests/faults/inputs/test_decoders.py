"""Rows 83 to 90, and what of section 5 takes other settings than the data set's: decoders that give too much,
crash, hang or eat, and that none of them stands in for the other."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from decode_inputs import FFMPEG, RATE_HZ, Bounds, decode, refused, wav_bytes
from faults.inputs.bomb import flac_bomb
from faults.inputs.seeds import FRAMES, encoded, flac_claiming, flipped, id3, rf64, sparse, with_bytes, written

from audiofeat.decode import ffmpeg_process, open_clip
from audiofeat.decode.ffmpeg_complaints import judge
from audiofeat.decode.soundfile_decoder import SoundfileDecoder
from audiofeat.errors import ClipError

AU_HEADER = r"\056snd\000\000\000\030\377\377\377\377\000\000\000\006\000\000\076\200\000\000\000\001"


@pytest.fixture
def m4a(tmp_path: Path) -> Path:
    path = tmp_path / "clip.m4a"
    path.write_bytes(encoded("m4a"))
    return path


def stand_in(folder: Path, behaviour: str) -> str:
    """A program that answers ``-version`` as ffmpeg does and otherwise does ``behaviour``."""
    path = folder / "ffmpeg"
    path.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo ffmpeg version 0.1 C; exit; fi\n{behaviour}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("is_told", [True, False], ids=["by its header", "by its samples"])
def test_row_84_a_bomb_is_stopped_a_little_behind_the_limit(tmp_path: Path, *, is_told: bool) -> None:
    path = tmp_path / "bomb.flac"
    path.write_bytes(flac_bomb(seconds=40_000, is_told=is_told))
    assert path.stat().st_size < 200_000
    resident = psutil.Process().memory_info().rss
    frames = 0
    with (  # noqa: PT012  # the blocks that came before it count
        pytest.raises(ClipError, match="600 s are allowed") as caught,
        open_clip(str(path), sample_rate=RATE_HZ, limits=Bounds(max_seconds=600), ffmpeg=FFMPEG) as clip,
    ):
        for block in clip:
            frames += len(block)
    assert caught.value.reason == "limit.duration"
    assert frames <= 600 * RATE_HZ
    assert frames == 0 or not is_told
    assert psutil.Process().memory_info().rss - resident < 64 << 20


def test_row_84_a_bomb_within_the_limit_is_only_long(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    path.write_bytes(flac_bomb(seconds=60, is_told=False))
    whole = decode(path)
    assert whole.source_frames == 15 * 65_535
    path.write_bytes(flac_bomb(seconds=60, is_told=True))
    np.testing.assert_array_equal(decode(path).samples, whole.samples)


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF], ids=["told", "0", "open"])
def test_row_85_the_limit_is_one_of_seconds_and_so_of_output_samples(tmp_path: Path, size: int | None) -> None:
    path = tmp_path / "slow.wav"
    path.write_bytes(wav_bytes(sample_rate=1, data_size=size))
    error = refused(path, limits=Bounds(min_sample_rate=1, max_seconds=600))
    assert (error.reason, "1000.0 s" in error.problem) == ("limit.duration", True)


def test_row_53_83_a_month_of_unknown_length_is_not_even_hashed(tmp_path: Path) -> None:
    path = tmp_path / "endless.wav"
    started = time.monotonic()
    for size in (0, 0xFFFFFFFF):
        sparse(wav_bytes(frames=0, data_size=size) + bytes(range(1, 200)), size_bytes=90_000_000_000)(path)
        assert refused(path).reason == "limit.duration"
    assert time.monotonic() - started < 2.0


def test_row_65_72_time_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 0, 1, 0, 0, 0)
    started = time.monotonic()
    for content in (id3(0) * 500_000, written("OGG")[:58] + page * 200_000, b"\xff" * 5_000_000):
        path.write_bytes(content)
        assert refused(path).reason.startswith("input.")
    assert time.monotonic() - started < 2.0


def test_row_63_adpcm_has_as_many_frames_as_its_blocks_hold_or_its_fact_says(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for subtype, held in (("IMA_ADPCM", 16_159 + 505), ("MS_ADPCM", 16_192)):
        content = written("WAV", subtype)
        fact = content.index(b"fact") + 8
        found = {}
        for frames in (0, 1, 8_000, FRAMES):
            path.write_bytes(with_bytes(content, fact, struct.pack("<I", frames)))
            found[frames] = decode(path).source_frames
        whole = found[0]
        assert found == {0: whole, 1: whole, 8_000: whole, FRAMES: FRAMES}, held
        path.write_bytes(with_bytes(content, fact, struct.pack("<I", whole + 1)))
        error = refused(path)
        assert (error.reason, f"{whole + 1} frames" in error.problem) == ("input.truncated", True)


@pytest.mark.parametrize(
    ("behaviour", "reason", "says"),
    [
        ("kill -SEGV $$", "decoder.crashed", "SIGSEGV"),
        (f"printf '{AU_HEADER}'; head -c 4000 /dev/zero; kill -ABRT $$", "decoder.crashed", "SIGABRT"),
        ("kill -KILL $$", "decoder.killed", "SIGKILL"),
        ("kill -XCPU $$", "limit.time", "processor time"),
        ("echo '[aac] [error] Cannot allocate memory' >&2; exit 1", "limit.memory", "Cannot allocate"),
        (
            f"printf '{AU_HEADER}'; head -c 4000 /dev/zero; echo '[error] Cannot allocate memory' >&2; exit 244",
            "limit.memory",
            "Cannot allocate",
        ),
    ],
)
def test_row_87_89_fault_3_the_way_a_decoder_dies_decides_the_reason(
    m4a: Path, behaviour: str, reason: str, says: str
) -> None:
    error = refused(m4a, ffmpeg=stand_in(m4a.parent, behaviour))
    assert (error.reason, says in error.problem) == (reason, True), error
    assert error.is_transient == (reason == "decoder.killed")


@pytest.mark.parametrize(
    "behaviour",
    [
        "sleep 60",
        f"printf '{AU_HEADER}'; head -c 4000 /dev/zero; sleep 60",
        "while :; do :; done",
        "exec yes chatter >&2",
        f"printf '{AU_HEADER}'; head -c 4000 /dev/zero; exec >&-; sleep 60",
    ],
    ids=["sleeps", "gives a little and sleeps", "spins", "complains without end", "closes its output and sleeps"],
)
def test_row_88_fault_22_23_24_a_decoder_that_hangs_is_killed_at_the_deadline(
    m4a: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg_process, "_PATIENCE_SECONDS", 0.2)
    started = time.monotonic()
    assert refused(m4a, ffmpeg=stand_in(m4a.parent, f"trap '' TERM INT; {behaviour}")).reason == "limit.time"
    assert time.monotonic() - started < 4.0
    assert psutil.Process().children(recursive=True) == []


def test_row_89_ffmpeg_is_bounded_from_outside(m4a: Path) -> None:
    asked = "sleep 0.3; echo $(ulimit -v) $(ulimit -n) $(ulimit -t) $(ulimit -f) $(ulimit -c) >&2; exit 1"
    assert "4194304 16 3600 0 0" in refused(m4a, ffmpeg=stand_in(m4a.parent, asked)).problem


def test_row_89_fault_21_libsndfile_without_memory_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starved(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 512. GiB")

    path = tmp_path / "a.flac"
    path.write_bytes(written("FLAC", "PCM_16"))
    monkeypatch.setattr(SoundfileDecoder, "_read", starved)
    assert refused(path).reason == "limit.memory"


def test_row_68_89_a_header_makes_no_decoder_allocate(tmp_path: Path) -> None:
    path = tmp_path / "claims"
    resident = psutil.Process().memory_info().rss
    path.write_bytes(flac_claiming(2**36 - 1))
    assert refused(path, limits=Bounds(max_seconds=1e12)).reason == "input.truncated"
    path.write_bytes(wav_bytes(channels=64, frames=1_000, data_size=0xFFFFFFFF))
    assert decode(path, limits=Bounds(max_seconds=1e12)).source_frames == 1_000
    assert psutil.Process().memory_info().rss - resident < 64 << 20


def test_row_90_no_decoder_stands_in_for_the_other(tmp_path: Path, m4a: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg would make something of this FLAC file, and libsndfile is not asked about what ffmpeg refuses."""
    path = tmp_path / "flipped.flac"
    path.write_bytes(flipped(written("FLAC", "PCM_16")))
    with monkeypatch.context() as patched:
        patched.setattr(ffmpeg_process, "decode_command", lambda *_, **__: pytest.fail("ffmpeg was started"))
        assert refused(path).reason == "input.corrupt"
    monkeypatch.setattr(SoundfileDecoder, "__init__", lambda *_, **__: pytest.fail("libsndfile was started"))
    m4a.write_bytes(m4a.read_bytes()[:2_000])
    assert refused(m4a).reason == "input.truncated"


def test_row_52_what_ffmpeg_gives_is_counted_where_the_header_counts(tmp_path: Path) -> None:
    """Its exit code is 0 and it says nothing, and yet frames are missing."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"BW64" + rf64(declared_bytes=2 * FRAMES, data=written("WAV")[44:])[4:])
    assert decode(path).source_frames == FRAMES
    short = stand_in(tmp_path, f"printf '{AU_HEADER}'; head -c 4000 /dev/zero")
    error = refused(path, ffmpeg=short)
    assert error.problem == "the header declares 16000 frames, the file holds 1000 (6 %)"
    assert judge("", exit_code=0, frames=1_000, is_open_ended=False) is None
