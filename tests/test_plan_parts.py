"""Planning for clips that became several, that are excerpts of a file, or that the configuration leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from planned import Source, row_of, to_decode

from audiofeat.borders import SHARD_SOURCE_BYTES, shard_borders
from audiofeat.config import Limits, Select
from audiofeat.decode import SourceFile
from audiofeat.identity import identify
from audiofeat.records import Clip, Excerpt, Failure, Fingerprint, Member
from audiofeat.tasks import Reuse, ShardEntry

BY_CHOICE = Failure(
    "b@1000-1500", "b.wav", "select.too-short", "0.5 s", "", "d", None, parent="b", duration_seconds=0.5
)


def cut_in_two(source: Source, key: str) -> Reuse:
    """As if the clip had become two of the store's, ``key#0`` and ``key#1``."""
    known = source.known.clips[key]
    rows = tuple(replace(known.rows[0], key=f"{key}#{channel}", parent=key) for channel in range(2))
    source.known.clips[key] = replace(known, rows=rows)
    entry = source.known.shards["shard.h5"]
    source.known.shards["shard.h5"] = replace(entry, clips=entry.clips + 1)
    return source.known.clips[key]


@pytest.mark.usefixtures("no_file_is_read")
def test_a_shard_with_clips_that_were_cut_stands(source: Source) -> None:
    source.finish()
    cut_in_two(source, "b")
    plan = source.plan()
    assert (plan.tasks, plan.clips_reused, plan.reasons) == ((), 3, {})
    assert [row.key for row in plan.kept[0].rows] == ["a", "b#0", "b#1", "c"]


@pytest.mark.usefixtures("no_file_is_read")
def test_all_that_a_clip_was_cut_into_is_copied_together(source: Source) -> None:
    source.finish()
    cut = cut_in_two(source, "b")
    source.add("d")
    (task,) = source.plan().tasks
    assert task.clips[1].reuse == replace(cut, fingerprint=source.known.fingerprints["b"])


@pytest.mark.usefixtures("no_file_is_read")
def test_rows_of_a_cut_clip_stand_in_key_order(source: Source) -> None:
    """``b!`` sorts before ``b#0``, though the clip ``b`` sorts before ``b!``."""
    (source.root / "b!.wav").write_bytes(b"between")
    source.list("b!")
    source.finish()
    cut_in_two(source, "b")
    (kept,) = source.plan().kept
    assert [row.key for row in kept.rows] == ["a", "b!", "b#0", "b#1", "c"]


@pytest.mark.usefixtures("no_file_is_read")
@pytest.mark.parametrize(
    "excerpt",
    [Excerpt(0.0, 1.5), Excerpt(0.5, 1.0), Excerpt(channel=1), None],
    ids=["other end", "other start", "channel", "whole"],
)
def test_another_excerpt_of_the_same_file_is_decoded(source: Source, excerpt: Excerpt | None) -> None:
    source.finish()
    for key, known in source.known.clips.items():
        rows = tuple(replace(row, excerpt=str(Excerpt(0.0, 1.0))) for row in known.rows)
        source.known.clips[key] = replace(known, rows=rows)
    source.clips = [replace(clip, excerpt=excerpt if clip.key == "b" else Excerpt(0.0, 1.0)) for clip in source.clips]
    plan = source.plan()
    assert plan.reasons == {"span or channel changed": 1}
    assert to_decode(plan) == ["b"]


def test_a_file_that_many_excerpts_share_is_hashed_once(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    file = source.root / "a.wav"
    status = file.stat()
    excerpts = [Excerpt(float(number), number + 1.0) for number in range(50)]
    source.clips = [
        Clip(f"a{number:02d}", "a.wav", status.st_size, status.st_ctime_ns, status.st_ino, excerpt)
        for number, excerpt in enumerate(excerpts)
    ]
    source.finish()
    for clip in source.clips:
        known = source.known.clips[clip.key]
        source.known.clips[clip.key] = replace(known, rows=(replace(known.rows[0], excerpt=str(clip.excerpt)),))
    source.known.fingerprints.clear()
    read: list[int] = []
    digest = SourceFile.digest

    def counted(file: SourceFile) -> str:
        read.append(file.fd)
        return digest(file)

    monkeypatch.setattr(SourceFile, "digest", counted)
    assert source.plan().reasons == {}
    assert len(read) == 1


def test_another_member_of_an_unchanged_container_is_looked_at(tmp_path: Path) -> None:
    """As when a tar's key comes to name another of its files, or another column of a Parquet file is asked for."""
    source = Source(tmp_path)
    (tmp_path / "a.tar").write_bytes(b"onetwoone")
    status = (tmp_path / "a.tar").stat()
    one, two, same = (Member("x.wav", offset, 3) for offset in (0, 3, 6))
    source.clips = [Clip("x", "a.tar", status.st_size, status.st_ctime_ns, status.st_ino, member=one)]
    source.finish()
    found = identify(str(tmp_path / "a.tar"), one)
    assert found is not None
    row = source.known.clips["x"].rows[0]
    source.known.clips["x"] = Reuse("shard.h5", (replace(row, source_digest=found[0]),), (), None)
    source.known.fingerprints["x"] = source.clips[0].fingerprint
    for member, reasons in ((one, {}), (two, {"changed": 1}), (same, {})):
        source.clips = [replace(source.clips[0], member=member)]
        assert source.plan().reasons == reasons


@pytest.mark.usefixtures("no_file_is_read")
def test_a_limit_is_held_against_what_a_clip_was_cut_out_of(source: Source) -> None:
    source.finish()
    known = source.known.clips["b"]
    rows = tuple(replace(row, source_seconds=20.0) for row in cut_in_two(source, "b").rows)
    source.known.clips["b"] = replace(known, rows=rows)
    assert source.plan(limits=Limits(max_seconds=19.0)).reasons == {"limits changed": 1}
    assert source.plan(limits=Limits(max_seconds=20.0)).reasons == {}


@pytest.mark.usefixtures("no_file_is_read")
@pytest.mark.parametrize("is_judged_otherwise", [False, True])
def test_a_clip_left_out_stands_while_the_choice_does(source: Source, *, is_judged_otherwise: bool) -> None:
    source.finish()
    source.known.clips["b"] = replace(source.known.clips["b"], failures=(BY_CHOICE,))
    source.known.judged_otherwise = {"b"} if is_judged_otherwise else set()
    plan = source.plan()
    assert plan.reasons == ({"select or limits changed": 1} if is_judged_otherwise else {})
    assert plan.failures_standing == 0, "what is left out by choice has not failed"


@pytest.mark.usefixtures("no_file_is_read")
@pytest.mark.parametrize("select", [Select(min_seconds=1.1), Select(max_seconds=0.9)], ids=["shortest", "longest"])
def test_rows_that_are_not_wanted_any_more_are_judged_again(source: Source, select: Select) -> None:
    source.finish()
    assert source.plan(select=select).reasons == {"select or limits changed": 3}


def test_an_excerpt_weighs_what_it_takes_of_its_file_and_a_member_what_it_is() -> None:
    big = SHARD_SOURCE_BYTES
    spans = [Clip(f"{n:03d}", "x.wav", big, 1, 1, Excerpt(float(n), n + 1.0)) for n in range(100)]
    members = [Clip(f"{n:03d}", "x.tar", big, 1, 1, member=Member(f"{n}.wav", 512 * n, 1_000)) for n in range(100)]
    rest = [Clip(f"{n:03d}", "x.wav", big, 1, 1, Excerpt(float(n), None)) for n in range(3)]
    assert [len(list(shard_borders(clips, shard_clips=1_000_000))) for clips in (spans, members, rest)] == [1, 1, 3]


def test_rows_of_a_parquet_file_are_hashed_in_their_own_order(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in another order must not make the reader go back and forth."""
    status = (source.root / "a.wav").stat()
    rows = {"x": 2, "y": 0, "z": 1}
    source.clips = [
        Clip(
            key, "a.wav", status.st_size, status.st_ctime_ns, status.st_ino, member=Member(key, row, 1, column="bytes")
        )
        for key, row in rows.items()
    ]
    asked: list[int] = []

    def identified(path: str, member: Member | None, **_: object) -> tuple[str, Fingerprint]:
        assert member is not None
        asked.append(member.offset)
        return str(member.offset), source.clips[0].fingerprint

    for clip in source.clips:
        row = replace(row_of(clip, str(rows[clip.key])), source=clip.path)
        source.known.clips[clip.key] = Reuse("shard.h5", (row,), (), None)
    source.known.shards["shard.h5"] = ShardEntry("shard.h5", "0" * 12, 1, "00", 3, 30, "hdf5-3")
    monkeypatch.setattr("audiofeat.choice.identify", identified)
    assert source.plan().reasons == {}
    assert asked == [0, 1, 2]
