"""Planning: where shards begin and end, which clips are decoded and why, and which shards stand."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import DECODER, NOW_NS, Source, to_decode

from audiofeat.borders import SHARD_SOURCE_BYTES, shard_borders
from audiofeat.config import Limits
from audiofeat.identity import TRUSTED_AGE_NS, is_trusted
from audiofeat.records import Clip, Fingerprint
from audiofeat.tasks import Reuse

LONG_AGO_NS = 1_000_000_000_000


def clip_of(key: str, *, size_bytes: int = 1_000, ctime_ns: int = LONG_AGO_NS, inode: int = 1) -> Clip:
    return Clip(key=key, path=f"{key}.wav", size_bytes=size_bytes, ctime_ns=ctime_ns, inode=inode)


def clips_of(keys: Iterable[str]) -> list[Clip]:
    return [clip_of(key) for key in sorted(keys)]


def groups_of(clips: Iterable[Clip], *, shard_clips: int = 8) -> dict[str, tuple[str, ...]]:
    return {slot: tuple(clip.key for clip in group) for slot, group in shard_borders(clips, shard_clips=shard_clips)}


def numbered(count: int, folder: str = "a") -> set[str]:
    return {f"{folder}/{number:05d}" for number in range(count)}


# Borders


def test_every_clip_is_in_one_shard_in_order() -> None:
    clips = clips_of(numbered(500))
    groups = list(shard_borders(clips, shard_clips=8))
    assert [clip for _, group in groups for clip in group] == clips
    assert len({slot for slot, _ in groups}) == len(groups)


def test_shards_have_the_mean_size_asked_for() -> None:
    sizes = [len(keys) for keys in groups_of(clips_of(numbered(20_000)), shard_clips=16).values()]
    assert 14 < sum(sizes) / len(sizes) < 18
    assert max(sizes) <= 4 * 16


@given(
    st.sets(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=200), st.text("abc", min_size=1, max_size=5)
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_one_more_clip_changes_shards_up_to_the_next_hash_border_only(keys: set[str], added: str) -> None:
    """A shard that has grown full is cut again, and so may be those behind it, until a key's hash begins a shard."""
    before, after = groups_of(clips_of(keys)), groups_of(clips_of(keys | {added}))
    changed = {slot: group for slot, group in before.items() if after.get(slot) != group}
    touched = sorted(key for group in changed.values() for key in group)
    run = [key for key in sorted(keys) if touched and touched[0] <= key <= touched[-1]]
    assert touched == run, "what changes lies together"
    full = 4 * 8
    assert len(changed) <= 1 or any(len(group) >= full for group in after.values())


def test_a_new_folder_touches_its_own_shards_and_the_one_that_it_follows() -> None:
    before = groups_of(clips_of(numbered(300, "a") | numbered(300, "c")))
    after = groups_of(clips_of(numbered(300, "a") | numbered(300, "b") | numbered(300, "c")))
    changed = [group for slot, group in before.items() if after.get(slot) != group]
    assert len(changed) <= 1
    assert all(any(key >= "a/00250" for key in group) for group in changed)


def test_a_deleted_clip_changes_its_own_shard_only() -> None:
    keys = numbered(300)
    before = groups_of(clips_of(keys))
    for lost in ("a/00000", "a/00150", "a/00299"):
        after = groups_of(clips_of(keys - {lost}))
        changed = [group for slot, group in before.items() if after.get(slot) != group]
        # A lost first key takes its border with it: then the shard before grows, too.
        assert 1 <= len(changed) <= 2
        assert any(lost in group for group in changed)


def test_a_shard_ends_before_its_source_grows_beyond_the_limit() -> None:
    half = SHARD_SOURCE_BYTES // 2
    clips = [clip_of(f"{number:02d}", size_bytes=half) for number in range(20)]
    sizes = [sum(clip.size_bytes for clip in group) for _, group in shard_borders(clips, shard_clips=1_000_000)]
    assert max(sizes) == SHARD_SOURCE_BYTES
    assert len(sizes) == 10


def test_a_file_beyond_the_limit_has_a_shard_of_its_own() -> None:
    clips = [clip_of("a"), clip_of("b", size_bytes=2 * SHARD_SOURCE_BYTES), clip_of("c")]
    assert list(groups_of(clips, shard_clips=1_000_000).values()) == [("a",), ("b",), ("c",)]


def test_a_border_is_where_it_was_a_year_ago() -> None:
    """Slots name shards in stores that exist: neither hash nor rule may drift."""
    groups = groups_of(clips_of(numbered(40)), shard_clips=8)
    assert {slot: len(group) for slot, group in groups.items()} == {
        "75f23ce72623": 3,
        "80eb88a5bcec": 2,
        "8012efed29b9": 3,
        "00f35dc8d4e4": 1,
        "500f52694b75": 12,
        "789a5ce351f8": 11,
        "60b1849516e5": 2,
        "b0c2228b84cd": 5,
        "f8eadb268fd7": 1,
    }


def test_no_clips_no_shards() -> None:
    assert groups_of([]) == {}


# What is decoded


@pytest.mark.usefixtures("no_file_is_read")
def test_at_first_all_clips_are_new(source: Source) -> None:
    plan = source.plan()
    assert plan.reasons == {"new": 3}
    assert to_decode(plan) == ["a", "b", "c"]
    assert (plan.kept, plan.deleted, plan.fingerprints) == ((), (), {})
    assert (plan.clips_to_decode, plan.clips_reused) == (3, 0)


@pytest.mark.usefixtures("no_file_is_read")
def test_when_nothing_changed_the_shard_stands_and_no_file_is_read(source: Source) -> None:
    source.finish()
    plan = source.plan()
    assert plan.tasks == ()
    (kept,) = plan.kept
    assert kept.entry == source.known.shards["shard.h5"]
    assert [row.key for row in kept.rows] == ["a", "b", "c"]
    assert plan.fingerprints == source.known.fingerprints
    assert (plan.clips_to_decode, plan.clips_reused) == (0, 3)


@pytest.mark.usefixtures("no_file_is_read")
def test_a_new_clip_is_decoded_and_its_shards_others_are_copied(source: Source) -> None:
    source.finish()
    source.add("aa")
    plan = source.plan()
    assert plan.reasons == {"new": 1}
    assert to_decode(plan) == ["aa"]
    (task,) = plan.tasks
    copied = [clip for clip in task.clips if clip.reuse is not None]
    assert [clip.key for clip in copied] == ["a", "b", "c"]
    for clip in copied:
        assert clip.reuse is not None
        assert clip.reuse == replace(source.known.clips[clip.key], fingerprint=source.known.fingerprints[clip.key])


def test_changed_bytes_are_decoded(source: Source) -> None:
    source.finish()
    source.add("b", content=b"other sound")
    plan = source.plan()
    assert plan.reasons == {"changed": 1}
    assert to_decode(plan) == ["b"]


def test_changed_bytes_of_the_same_size_inode_and_modification_time_are_noticed(source: Source) -> None:
    """As when a data set is regenerated by a build that fixes all modification times."""
    path = source.root / "b.wav"
    source.finish()
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(bytes(255 - byte for byte in content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    source.list("b")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert source.plan().reasons == {"changed": 1}


def test_a_file_that_was_only_touched_is_hashed_and_stands(source: Source) -> None:
    source.finish()
    os.utime(source.root / "b.wav", ns=(LONG_AGO_NS + 5, LONG_AGO_NS + 5))
    source.list("b")
    plan = source.plan()
    assert plan.reasons == {}
    assert len(plan.kept) == 1
    assert plan.fingerprints["b"].ctime_ns == (source.root / "b.wav").stat().st_ctime_ns, "the next need not hash"


def test_without_fingerprints_all_files_are_hashed_and_stand(source: Source) -> None:
    source.finish()
    wanted = dict(source.known.fingerprints)
    source.known.fingerprints.clear()
    plan = source.plan()
    assert plan.reasons == {}
    assert plan.fingerprints == wanted


def test_a_known_file_that_cannot_be_read_is_decoded_to_find_out_why(source: Source) -> None:
    source.finish()
    source.known.fingerprints.clear()
    (source.root / "b.wav").unlink()
    plan = source.plan()
    assert plan.reasons == {"cannot be read any more": 1}
    assert to_decode(plan) == ["b"]
    assert plan.lost == ("b",)


@pytest.mark.usefixtures("no_file_is_read")
def test_another_decoder_makes_its_clips_stale_and_names_the_old_one(source: Source) -> None:
    source.finish(failing=["c"])
    plan = source.plan(decoders=["soundfile 0.15", "ffmpeg 9.0"])
    assert plan.reasons == {f"decoder changed (was {DECODER})": 3}


@pytest.mark.usefixtures("no_file_is_read")
def test_changed_settings_are_the_reason_for_known_clips_only(source: Source) -> None:
    source.known.keys = {"a", "b"}
    source.known.stale_because = ("mel.bands: 80, was 40", "log.kind: db, was ln")
    assert source.plan().reasons == {"settings changed (mel.bands: 80, was 40; log.kind: db, was ln)": 2, "new": 1}


@pytest.mark.usefixtures("no_file_is_read")
def test_a_file_that_failed_stays_in_quarantine_while_it_is_unchanged(source: Source) -> None:
    source.finish(failing=["b"])
    plan = source.plan()
    assert plan.reasons == {}
    (kept,) = plan.kept
    assert [row.key for row in kept.rows] == ["a", "c"]
    assert kept.failures == source.known.clips["b"].failures


@pytest.mark.usefixtures("no_file_is_read")
@pytest.mark.parametrize("reason", ["io.read", "decoder.killed", "decoder.missing"])
def test_a_failure_that_may_be_none_this_time_is_tried_again(source: Source, reason: str) -> None:
    source.finish(failing=["b"], reason=reason)
    assert source.plan().reasons == {"failed before, tried again": 1}


@pytest.mark.usefixtures("no_file_is_read")
@pytest.mark.parametrize(
    "limits",
    [Limits(max_seconds=0.9), Limits(min_sample_rate=16_001), Limits(max_sample_rate=15_999)],
    ids=["seconds", "lowest rate", "highest rate"],
)
def test_results_beyond_new_limits_are_decoded_again_to_be_refused(source: Source, limits: Limits) -> None:
    source.finish()
    assert source.plan(limits=limits).reasons == {"limits changed": 3}


@pytest.mark.usefixtures("no_file_is_read")
def test_results_just_within_the_limits_stand(source: Source) -> None:
    source.finish()
    limits = Limits(max_seconds=1.0, max_channels=1, min_sample_rate=16_000, max_sample_rate=16_000)
    assert source.plan(limits=limits).reasons == {}


@pytest.mark.usefixtures("no_file_is_read")
def test_a_shard_of_failures_only_stands_without_a_file(source: Source) -> None:
    source.finish(failing=["a", "b", "c"])
    plan = source.plan()
    assert plan.tasks == ()
    (kept,) = plan.kept
    assert (kept.entry, len(kept.rows)) == (None, 0)
    assert [failure.key for failure in kept.failures] == ["a", "b", "c"]


@pytest.mark.usefixtures("no_file_is_read")
def test_a_failure_stands_in_a_shard_that_is_written_again(source: Source) -> None:
    source.finish(failing=["b"])
    source.add("d")
    (task,) = source.plan().tasks
    (failure,) = source.known.clips["b"].failures
    assert task.clips[1].reuse == Reuse(None, (), (failure,), source.known.fingerprints["b"])


@pytest.mark.usefixtures("no_file_is_read")
def test_a_shard_that_lost_a_clip_is_written_again_without_decoding(source: Source) -> None:
    source.finish()
    del source.clips[2]
    plan = source.plan()
    assert plan.deleted == ("c",)
    assert plan.reasons == {}
    assert [[clip.key for clip in task.clips] for task in plan.tasks] == [["a", "b"]]
    assert plan.clips_reused == 2


@pytest.mark.usefixtures("no_file_is_read")
def test_another_kind_of_shard_is_written_again_without_decoding(source: Source) -> None:
    source.finish()
    plan = source.plan(packing="npy-3")
    assert (len(plan.tasks), plan.reasons, plan.clips_reused) == (1, {}, 3)


@pytest.mark.usefixtures("no_file_is_read")
def test_clips_out_of_two_shards_make_a_new_one(source: Source) -> None:
    source.finish()
    source.known.shards["second.h5"] = replace(source.known.shards["shard.h5"], name="second.h5", clips=1)
    source.known.clips["b"] = replace(source.known.clips["b"], shard="second.h5")
    plan = source.plan()
    assert (len(plan.tasks), len(plan.kept), plan.reasons) == (1, 0, {})


@pytest.mark.usefixtures("no_file_is_read")
def test_a_shard_of_another_slot_is_written_again(source: Source) -> None:
    source.finish()
    source.known.shards["shard.h5"] = replace(source.known.shards["shard.h5"], slot="ffffffffffff")
    assert len(source.plan().tasks) == 1


# Which times are trusted


@pytest.mark.parametrize(
    ("age_ns", "trusted"),
    [(-1, False), (0, False), (TRUSTED_AGE_NS - 1, False), (TRUSTED_AGE_NS, False), (TRUSTED_AGE_NS + 1, True)],
)
def test_a_time_is_trusted_once_it_is_old_enough(age_ns: int, trusted: bool) -> None:
    assert is_trusted(Fingerprint(1, NOW_NS - age_ns, 1), read_at_ns=NOW_NS) is trusted


def test_a_file_written_just_before_the_scan_is_used_but_hashed_again_next_time(source: Source) -> None:
    source.finish()
    plan = source.plan(now_ns=time.time_ns() + TRUSTED_AGE_NS // 2)
    assert plan.reasons == {}
    assert plan.fingerprints == {}
