"""Files that no standard would have, that every player plays, and of whose sound nothing is missing: read whole."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from decode_inputs import decode, refused, wav_bytes
from faults.inputs.seeds import FRAMES, encoded, flac_claiming, id3, with_bytes, written

from audiofeat.records import Excerpt

_ID3V1 = b"TAG" + bytes(125)
_APE = b"APETAGEX" + struct.pack("<IIII", 2_000, 32, 0, 0) + bytes(8)
_LYRICS = b"LYRICSBEGININD0000210" + b"000020LYRICS200" + _ID3V1
_TITLE = b"TIT2\0\0\0\x06\0\0\x03hello"
_FOOTED = b"ID3\x04\0\x10" + bytes((0, 0, 0, len(_TITLE))) + _TITLE + b"3DI\x04\0\x10" + bytes((0, 0, 0, len(_TITLE)))
_JUNK = np.random.default_rng(54).bytes(3_000).replace(b"\xff", b"\x7f")


def _plain() -> bytes:
    """An MP3 without a Xing header, at 16 kHz: 576 frames a packet."""
    return encoded("mp3", "-write_xing", "0", "-id3v2_version", "0")


def _xing(*, frames: int = 0, size_bytes: int = 0) -> bytes:
    """An MP3 with a Xing header that counts so many frames and bytes more than there are."""
    content = written("MP3")
    place = content.index(b"Xing" if b"Xing" in content[:200] else b"Info") + 8
    counts = struct.unpack(">II", content[place : place + 8])
    return with_bytes(content, place, struct.pack(">II", counts[0] + frames, counts[1] + size_bytes))


def _wav_of_size(size: int) -> bytes:
    return with_bytes(written("WAV"), 40, struct.pack("<I", size))


def _of_companded_bits(bits: int) -> bytes:
    return wav_bytes(frames=0, tag=6, bits=bits, block_align=1, data_size=FRAMES) + bytes(FRAMES)


_BEHIND = {
    "line": b"\n",
    "zeros": bytes(5_000),
    "rubbish": _JUNK,
    "APE": _APE,
    "lyrics": _LYRICS,
    "ID3v2": _FOOTED,
}


@pytest.mark.parametrize("behind", _BEHIND)
def test_row_54_what_follows_the_last_mp3_frame_is_of_no_consequence(tmp_path: Path, behind: str) -> None:
    (tmp_path / "plain.mp3").write_bytes(_plain())
    (tmp_path / "odd.mp3").write_bytes(_plain() + _BEHIND[behind])
    whole = decode(tmp_path / "plain.mp3").samples
    assert np.array_equal(decode(tmp_path / "odd.mp3").samples, whole)
    part = decode(tmp_path / "odd.mp3", excerpt=Excerpt(0.25, 0.5, None)).samples
    assert np.array_equal(part, whole[FRAMES // 4 : FRAMES // 2])


_SOUND: dict[str, Callable[[], bytes]] = {
    "row 54, Ogg, then a tag": lambda: written("OGG") + _ID3V1,
    "row 54, Ogg, then zeros": lambda: written("OGG") + bytes(10),
    "row 54, the file's size for the data's": lambda: _wav_of_size(44 + 2 * FRAMES),
    "row 61, A-law of 0 bits": lambda: _of_companded_bits(0),
    "row 61, A-law of 16 bits": lambda: _of_companded_bits(16),
    "row 66, art behind an MP3": lambda: written("MP3") + id3(20_000, _JUNK + bytes(17_000)),
    "row 68, FLAC that declares less": lambda: flac_claiming(FRAMES // 2),
    "row 68, FLAC that declares one frame less": lambda: flac_claiming(FRAMES - 1),
    "row 69, FLAC behind a tag with a footer": lambda: _FOOTED + written("FLAC", "PCM_16"),
    "row 73, a tag counted among the bytes": lambda: _xing(size_bytes=128),
}


@pytest.mark.parametrize("name", _SOUND)
def test_row_54_to_73_odd_files_are_read_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / "odd").write_bytes(_SOUND[name]())
    assert decode(tmp_path / "odd").source_frames == FRAMES


def test_row_63_a_count_that_is_none_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "odd.w64").write_bytes(written("W64", "MS_ADPCM"))
    assert FRAMES <= decode(tmp_path / "odd.w64").source_frames < FRAMES + 1_000


@pytest.mark.parametrize("frames", [-9, 1], ids=["too few", "itself"])
def test_row_75_what_a_wrong_xing_header_leaves_out_is_read(tmp_path: Path, frames: int) -> None:
    (tmp_path / "odd.mp3").write_bytes(_xing(frames=frames))
    decoded = decode(tmp_path / "odd.mp3")
    assert decoded.decoder.startswith("ffmpeg")
    assert FRAMES <= decoded.source_frames < FRAMES + 1_152


def test_row_74_a_tag_between_two_streams_would_cost_a_frame(tmp_path: Path) -> None:
    (tmp_path / "odd.mp3").write_bytes(_plain() + _ID3V1 + _plain())
    error = refused(tmp_path / "odd.mp3")
    assert error.reason == "input.corrupt"
    assert "128 bytes" in error.problem


@pytest.mark.parametrize("before", [_FOOTED, id3(0) + bytes(700)], ids=["a footer", "zeros"])
def test_row_69_an_mp3_that_libsndfile_does_not_find_is_left_to_ffmpeg(tmp_path: Path, before: bytes) -> None:
    (tmp_path / "odd.mp3").write_bytes(before + written("MP3"))
    assert FRAMES <= decode(tmp_path / "odd.mp3").source_frames < FRAMES + 2_000


def test_an_mp3_of_which_nothing_comes_is_an_error_like_others(tmp_path: Path) -> None:
    content = _plain()
    (tmp_path / "one.mp3").write_bytes(content[: content.index(content[:2], 4)])
    assert refused(tmp_path / "one.mp3").reason == "input.corrupt"
