"""ffmpeg on its lead: what it may open, how it ends, and that nothing of it stays behind."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import psutil
import pytest
from decode_inputs import FFMPEG, RATE_HZ, Bounds, chirp, decode, refused, run_ffmpeg, wav_bytes, write_wav

from audiofeat.decode import decoder_versions, ffmpeg, ffmpeg_process, find_ffmpeg, open_clip
from audiofeat.decode.ffmpeg_complaints import judge
from audiofeat.decode.ffmpeg_decoder import FfmpegDecoder
from audiofeat.errors import MissingToolError

AU_HEADER = r"\056snd\000\000\000\030\377\377\377\377\000\000\000\006\000\000\076\200\000\000\000\001"


@pytest.fixture
def m4a(tmp_path: Path) -> Path:
    wav = write_wav(tmp_path / "source.wav", chirp(0.5))
    path = tmp_path / "clip.m4a"
    run_ffmpeg("-i", wav, path)
    return path


def stand_in(tmp_path: Path, behaviour: str) -> str:
    """A program that answers ``-version`` as ffmpeg does and otherwise does ``behaviour``."""
    path = tmp_path / "ffmpeg"
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = -version ]; then echo ffmpeg version 0.1 Copyright; exit; fi\n{behaviour}\n'
    )
    path.chmod(0o755)
    return str(path)


def children() -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


@pytest.mark.parametrize(
    "name", ["-i.m4a", "a:b.m4a", "new\nline.m4a", "%03d.m4a", "-version", os.fsdecode(b"\xff.m4a")]
)
def test_odd_names_are_only_names(m4a: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = m4a.with_name(name)
    monkeypatch.chdir(m4a.parent)
    expected = decode(m4a).samples
    m4a.rename(odd)
    np.testing.assert_array_equal(decode(odd).samples, expected)
    np.testing.assert_array_equal(decode(name).samples, expected)
    wav = write_wav(m4a.with_name("plain.wav"), chirp())
    wav.rename(odd)
    assert decode(name).source_frames == RATE_HZ


def test_leaving_half_way_leaves_no_process_behind(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    content = wav_bytes(frames=2_000_000)
    path.write_bytes(content[:40] + bytes(4) + content[44:])
    with open_clip(str(path), sample_rate=RATE_HZ, limits=Bounds(), ffmpeg=FFMPEG) as clip:
        assert len(next(iter(clip))) == 65_536
        assert len(children()) == 1
    assert children() == []


def test_fault_27_no_descriptor_and_no_process_leaks_over_200_files(m4a: Path) -> None:
    good = write_wav(m4a.with_name("good.wav"), chirp(0.1))
    cut = m4a.with_name("cut.wav")
    cut.write_bytes(good.read_bytes()[:1_000])
    text = m4a.with_name("text.wav")
    text.write_text("no audio")
    gc.collect()  # what earlier tests have left open goes now, not in between
    before = set(os.listdir("/proc/self/fd"))
    for number in range(200):
        decode(good)
        refused(cut)
        refused(text)
        if number % 20 == 0:
            decode(m4a)
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert children() == []


def test_fault_25_without_ffmpeg_the_error_says_what_to_install(m4a: Path) -> None:
    for missing in (None, "/nowhere/ffmpeg"):
        error = refused(m4a, ffmpeg=missing)
        assert error.reason == "decoder.missing"
        assert "imageio-ffmpeg" in error.hint


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("exit 0", "input.no-samples"),
        ("exit 1", "input.corrupt"),
        ("echo nonsense that is no AU header at all", "decoder.crashed"),
        (f"printf '{AU_HEADER}'; exit 0", "input.no-samples"),
        (f"printf '{AU_HEADER}'; head -c 4000 /dev/zero; echo '[flac @ 0x5] [error] CRC error' >&2", "input.corrupt"),
    ],
)
def test_the_way_ffmpeg_ends_decides_the_reason(m4a: Path, tmp_path: Path, behaviour: str, reason: str) -> None:
    assert refused(m4a, ffmpeg=stand_in(tmp_path, behaviour)).reason == reason


def test_fault_24_ten_megabytes_of_complaints_neither_block_nor_pile_up(m4a: Path, tmp_path: Path) -> None:
    chatter = stand_in(tmp_path, f"yes chatter | head -c 10000000 >&2; printf '{AU_HEADER}'; head -c 4000 /dev/zero")
    with open_clip(str(m4a), sample_rate=RATE_HZ, limits=Bounds(), ffmpeg=chatter) as clip:
        assert sum(map(len, clip)) == 1_000
        assert isinstance(clip._decoder, FfmpegDecoder)
        assert len(clip._decoder._process._stderr) <= 16_384


def test_fault_46_ffmpeg_gets_an_empty_environment_and_no_stdin(
    m4a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFREPORT", f"file={tmp_path}/report.log")
    witness = tmp_path / "witness"
    program = stand_in(tmp_path, f"(env; pwd; wc -c) > {witness}; exit 1")
    monkeypatch.setattr(ffmpeg_process, "_bound", lambda *_, **__: None)  # it may not write files otherwise
    refused(m4a, ffmpeg=program)
    lines = witness.read_text().splitlines()
    assert not [line for line in lines if line.startswith(("FFREPORT", "HOME"))]
    assert lines[-2:] == ["/", "0"]


def test_the_command_names_one_format_one_descriptor_and_no_path() -> None:
    command = " ".join(ffmpeg.decode_command("/bin/ffmpeg", fd=7, demuxer="mov"))
    for part in (
        "-f mov",
        "-format_whitelist mov",
        "-protocol_whitelist file",
        "-i file:/dev/fd/7",
        "-nostdin",
        "-map 0:a:0",
    ):
        assert part in command


def test_benign_words_are_ignored_and_addresses_cut_out() -> None:
    benign = "[mp3 @ 0x55d] [warning] Estimating duration from bitrate\n[in] [warning] Guessed Channel Layout: mono"
    assert judge(benign, exit_code=0, frames=10, is_open_ended=False) is None
    packet = "[in#0/wav @ 0x55d] [warning] Packet corrupt (stream = 0, dts = 5)."
    assert judge(packet, exit_code=0, frames=10, is_open_ended=True) is None
    damage = judge(packet, exit_code=0, frames=10, is_open_ended=False)
    assert damage is not None
    assert damage.reason == "input.corrupt"
    assert "0x55d" not in str(damage)


def test_the_ffmpeg_that_the_user_names_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = stand_in(tmp_path, "exit 1")
    monkeypatch.setenv("AUDIOFEAT_FFMPEG", named)
    assert find_ffmpeg() == named
    assert decoder_versions(named)["ffmpeg"] == "ffmpeg 0.1"
    monkeypatch.setenv("AUDIOFEAT_FFMPEG", str(tmp_path / "nothing"))
    with pytest.raises(MissingToolError, match="no executable file"):
        find_ffmpeg()


def test_a_program_that_is_not_ffmpeg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("#!/bin/sh\necho something else\n")
    path.chmod(0o755)
    with pytest.raises(MissingToolError, match="does not answer as ffmpeg"):
        decoder_versions(str(path))
    assert set(decoder_versions(None)) == {"pcm", "soundfile"}
