"""Row 15: a file beyond ``limits.max_bytes`` is refused by its size; nothing of it is read, then or later."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from decode_inputs import Bounds, refused, write_wav
from planned import Source, to_decode

from audiofeat.config import Limits
from audiofeat.decode import SourceFile
from audiofeat.decode import opening as opening_files
from audiofeat.identity import fingerprint_of, identify
from audiofeat.records import Member

SMALL = Limits(max_bytes=100)


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("it was read")

    monkeypatch.setattr(SourceFile, "digest", refuse)
    monkeypatch.setattr(SourceFile, "_pread", refuse)
    monkeypatch.setattr(opening_files.members, "copied", refuse)


def grow(source: Source, key: str) -> None:
    with (source.root / f"{key}.wav").open("r+b") as file:
        file.truncate(10**12)
    source.list(key)


def test_row_15_nothing_is_read_of_a_file_or_a_member_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_reading(monkeypatch)
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(101))
    error = refused(path, limits=Bounds(max_bytes=100))
    assert (error.reason, error.problem) == ("limit.bytes", "101 bytes; at most 100 are allowed, and it was not read")
    assert identify(str(path), max_bytes=100) == (None, fingerprint_of(str(path)))
    error = refused(path, limits=Bounds(max_bytes=100), member=Member("b.wav", 0, 1_000))
    assert error.problem.startswith("1,000 bytes")


def test_row_15_a_container_may_be_larger_than_what_is_in_it(tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "a.wav", np.zeros(1_000))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(wav, "a.wav")
    with tarfile.open(tmp_path / "a.tar") as tar:
        member = Member("a.wav", tar.getmember("a.wav").offset_data, wav.stat().st_size)
    found = identify(str(tmp_path / "a.tar"), member, max_bytes=wav.stat().st_size)
    alone = identify(str(wav), max_bytes=wav.stat().st_size)
    assert found is not None
    assert alone is not None
    assert found[0] == alone[0]


def test_row_15_a_clip_whose_file_has_grown_beyond_the_limit_is_not_hashed(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.finish()
    forbid_reading(monkeypatch)
    grow(source, "b")
    plan = source.plan()
    assert (to_decode(plan), plan.reasons, plan.lost) == (["b"], {"changed": 1}, ())


def test_row_15_a_limit_that_was_lowered_judges_again(source: Source) -> None:
    source.add("large", bytes(101))
    source.finish()
    assert source.plan(limits=SMALL).reasons == {"limits changed": 1}
    assert source.plan(limits=Limits(max_bytes=101)).reasons == {}


def test_row_15_its_failure_stands_by_what_the_file_system_says(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.finish(failing=["b"], reason="limit.bytes")
    forbid_reading(monkeypatch)
    grow(source, "b")
    known = source.known.clips["b"]
    source.known.clips["b"] = replace(known, failures=(replace(known.failures[0], source_digest=None),))
    assert to_decode(source.plan()) == ["b"]  # another file than the one that failed, for all anybody knows
    source.known.fingerprints["b"] = source.clips[1].fingerprint
    assert to_decode(source.plan()) == []
