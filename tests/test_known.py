"""What a run knows of earlier ones: finished stores, commit records, and which of them may be used."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_store import FINGERPRINT, make_store, settings_for, small_arrays, write_shards

from audiofeat.known import Known, known_results, read_quarantine
from audiofeat.records import Clip, Member, fingerprint_columns
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.commits import write_commit
from audiofeat.store.description import encode_description
from audiofeat.store.fingerprints import Fingerprints
from audiofeat.store.layout import StorePaths

ARRAYS = small_arrays(12)
FAILING = ["broken/a", "broken/b"]
KEYS = {*ARRAYS, *FAILING}
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])


def done_of(known: Known) -> set[str]:
    return {key for key, clip in known.clips.items() if clip.rows}


def failing_of(known: Known) -> set[str]:
    return {key for key, clip in known.clips.items() if clip.failures}


def test_nothing_is_known_of_an_empty_folder(tmp_path: Path) -> None:
    known = known_results(StorePaths(tmp_path), settings_for())
    assert (known.clips, known.shards, known.keys, known.stale_because) == ({}, {}, set(), ())


@FORMATS
def test_a_finished_store_is_known_whole(tmp_path: Path, store_format: str) -> None:
    settings = settings_for(store_format=store_format)
    known = known_results(make_store(tmp_path, settings, ARRAYS, failing=FAILING), settings)
    assert done_of(known) == ARRAYS.keys()
    assert failing_of(known) == set(FAILING)
    assert known.keys == KEYS
    assert known.fingerprints == dict.fromkeys(KEYS, FINGERPRINT)
    assert {known.clips[key].shard for key in ARRAYS} == known.shards.keys()
    assert [known.clips[key].rows[0].frames for key in sorted(ARRAYS)] == list(range(1, 13))


@FORMATS
def test_finished_shards_of_a_killed_run_are_known(tmp_path: Path, store_format: str) -> None:
    settings = settings_for(store_format=store_format)
    paths = StorePaths(tmp_path)
    _, _, commits = write_shards(paths, settings, ARRAYS, failing=FAILING)
    known = known_results(paths, settings)
    assert done_of(known) == ARRAYS.keys()
    assert failing_of(known) == set(FAILING)
    assert known.keys == set(), "no finished run had them"
    assert set(known.shards.values()) == {commit.shard for commit in commits if commit.shard}


def test_other_settings_make_a_store_stale_and_say_which(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS, failing=FAILING)
    known = known_results(paths, settings_for("mel.bands=40"))
    assert known.clips == {}
    assert known.keys == KEYS
    (reason,) = known.stale_because
    assert "mel.bands" in reason
    assert "40" in reason


def test_another_device_or_version_makes_a_store_stale(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS)
    for other, reason in (
        (replace(settings_for(), device="gpu"), 'device: "cpu" -> "gpu"'),
        (replace(settings_for(), versions={"tensorflow": "2.22"}), 'versions.tensorflow: "2.21" -> "2.22"'),
    ):
        known = known_results(paths, other)
        assert known.clips == {}
        assert reason in known.stale_because


def test_the_kind_of_shard_and_the_tapes_length_make_nothing_stale(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS)
    known = known_results(paths, settings_for("compute.tape_slots=512", store_format="npy"))
    assert known.stale_because == ()
    assert done_of(known) == ARRAYS.keys()


def test_commits_under_other_settings_do_not_count(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path)
    write_shards(paths, settings_for(), ARRAYS)
    assert known_results(paths, settings_for("mel.bands=40")).clips == {}


@FORMATS
@pytest.mark.parametrize("is_published", [True, False])
def test_row_99_a_shard_that_is_gone_or_cut_off_is_not_known_and_neither_are_its_clips(
    tmp_path: Path, store_format: str, *, is_published: bool
) -> None:
    settings = settings_for(store_format=store_format)
    paths = StorePaths(tmp_path)
    arrays = small_arrays(40)
    if is_published:
        make_store(tmp_path, settings, arrays)
    else:
        write_shards(paths, settings, arrays)
    before = known_results(paths, settings)
    gone, cut, *_ = sorted(before.shards)
    if store_format == "npy":
        shutil.rmtree(paths.shards / gone)
        file = min((paths.shards / cut).rglob("*.npy"))
    else:
        (paths.shards / gone).unlink()
        file = paths.shards / cut
    file.write_bytes(file.read_bytes()[:-1])
    known = known_results(paths, settings)
    assert known.shards.keys() == before.shards.keys() - {gone, cut}
    assert known.clips == {key: clip for key, clip in before.clips.items() if clip.shard not in (gone, cut)}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"slot": "x"}', b'{"shard": 3}'])
def test_row_99_a_commit_record_that_makes_no_sense_does_not_count(tmp_path: Path, content: bytes) -> None:
    paths = StorePaths(tmp_path)
    _, tasks, _ = write_shards(paths, settings_for(), ARRAYS)
    paths.commit(tasks[0].slot).write_bytes(content)
    lost = {clip.key for clip in tasks[0].clips}
    assert done_of(known_results(paths, settings_for())) == ARRAYS.keys() - lost


def test_a_commit_record_of_an_earlier_version_does_not_count(tmp_path: Path) -> None:
    """It had an object for each row."""
    paths = StorePaths(tmp_path)
    _, tasks, _ = write_shards(paths, settings_for(), ARRAYS)
    path = paths.commit(tasks[0].slot)
    values = read_checked_json(path) or {}
    rows = [dict(zip(values["rows"], row, strict=True)) for row in zip(*values["rows"].values(), strict=True)]
    write_checked_json(path, {**values, "rows": rows, "fingerprints": {}})
    lost = {clip.key for clip in tasks[0].clips}
    assert len(rows) == len(lost)
    assert done_of(known_results(paths, settings_for())) == ARRAYS.keys() - lost


def test_a_newer_commit_overrules_the_store(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS, failing=["broken/a"])
    first, *_ = ARRAYS
    repaired = {**ARRAYS, "broken/a": ARRAYS[first]}
    del repaired[first]
    write_shards(paths, settings_for(), repaired, failing=[first])
    known = known_results(paths, settings_for())
    assert "broken/a" in done_of(known)
    assert first in failing_of(known)
    assert not done_of(known) & failing_of(known)


@pytest.mark.parametrize("name", ["manifest.parquet", "store.json"])
def test_of_a_damaged_store_nothing_is_known(tmp_path: Path, name: str) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS)
    (tmp_path / name).write_bytes(b"{}")
    assert known_results(paths, settings_for()).clips == {}


def test_state_may_be_deleted_at_the_price_of_hashing(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS, failing=FAILING)
    shutil.rmtree(paths.state)
    known = known_results(paths, settings_for())
    assert done_of(known) == ARRAYS.keys()
    assert known.fingerprints == {}


def test_fingerprints_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS)
    paths.fingerprints.write_bytes(b"PAR1 no more")
    assert known_results(paths, settings_for()).fingerprints == {}


def test_fingerprints_are_of_a_listing_where_each_is_the_same_and_none_is_missing() -> None:
    member = Member("b.wav", 512, 100)
    clips = [Clip("a", "a.wav", 1, 2, 3), Clip("b", "x.tar", 4, 5, 2**63, member=member)]
    prints = {clip.key: clip.fingerprint for clip in clips}
    assert Fingerprints.of(prints).are_of(clips)
    assert not Fingerprints.of(prints).are_of([clips[0], replace(clips[1], ctime_ns=6)])
    assert not Fingerprints.of(prints).are_of([clips[0], replace(clips[1], member=replace(member, offset=0))])
    assert not Fingerprints.of({"a": prints["a"]}).are_of(clips)
    assert not Fingerprints.of(prints).are_of(clips[:1])


@pytest.mark.parametrize("content", [b"{", b'{"key": 1}\n', b"\xff", b"3\n"])
def test_a_damaged_quarantine_is_empty(tmp_path: Path, content: bytes) -> None:
    paths = StorePaths(tmp_path)
    paths.quarantine.write_bytes(content)
    assert read_quarantine(paths) == []


def test_a_newer_commit_takes_the_stores_fingerprint_with_it(tmp_path: Path) -> None:
    """What the file was like when the store read it says nothing of the file that the commit is of."""
    paths = make_store(tmp_path, settings_for(), ARRAYS)
    _, tasks, commits = write_shards(paths, settings_for(), ARRAYS)
    first = next(commit for commit in commits if commit.slot == tasks[0].slot)
    write_commit(paths, replace(first, fingerprints=fingerprint_columns({})))
    known = known_results(paths, settings_for())
    assert known.fingerprints.keys() == ARRAYS.keys() - {clip.key for clip in tasks[0].clips}


def test_another_wording_of_the_same_settings_makes_nothing_stale(tmp_path: Path) -> None:
    """A later version may word what changes numbers in another way; the settings themselves are the store's."""
    paths = make_store(tmp_path, settings_for(), ARRAYS)
    description = json.loads(paths.store_json.read_text())
    description["numbers"]["features"] = {"log_mel": {"mel": {"words": "of an earlier version"}}}
    paths.store_json.write_bytes(encode_description(description))
    assert known_results(paths, settings_for()).stale_because == ()
    assert known_results(paths, settings_for("mel.bands=40")).stale_because != ()


@pytest.mark.parametrize("is_published", [True, False])
@pytest.mark.parametrize("choice", ["select.min_seconds=0.5", "select.max_seconds=2.5", "limits.max_seconds=9"])
def test_what_was_refused_under_another_choice_is_judged_again(
    tmp_path: Path, choice: str, *, is_published: bool
) -> None:
    """A fresh run might refuse it for another reason, or in other words."""
    if is_published:
        make_store(tmp_path, settings_for(), ARRAYS, failing=FAILING)
    else:
        write_shards(StorePaths(tmp_path), settings_for(), ARRAYS, failing=FAILING)
    assert known_results(StorePaths(tmp_path), settings_for()).judged_otherwise == set()
    assert known_results(StorePaths(tmp_path), settings_for("select.keys=name")).judged_otherwise == set()
    assert known_results(StorePaths(tmp_path), settings_for(choice)).judged_otherwise == set(FAILING)


def test_a_commit_that_lacks_what_the_store_has_does_not_replace_it(tmp_path: Path) -> None:
    """As after a run with one feature less that was killed, when all are wanted again."""
    both = settings_for("features.mfcc={}")
    paths = make_store(tmp_path, both, ARRAYS)
    write_shards(paths, settings_for(), ARRAYS)
    known = known_results(paths, both)
    assert {clip.missing for clip in known.clips.values()} == {()}
    assert {clip.shard for clip in known.clips.values()} <= {shard.name for shard in known.shards.values()}


def test_a_quarantine_that_is_not_the_one_written_is_not_believed(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS, failing=FAILING)
    paths.quarantine.write_bytes(paths.quarantine.read_bytes().replace(b"cut off", b"cut out"))
    known = known_results(paths, settings_for())
    assert failing_of(known) == set()
    assert done_of(known) == ARRAYS.keys()


@FORMATS
def test_of_a_damaged_store_the_keys_are_known_and_no_more(tmp_path: Path, store_format: str) -> None:
    settings = settings_for(store_format=store_format)
    paths = make_store(tmp_path, settings, ARRAYS, failing=FAILING)
    content = paths.store_json.read_bytes()
    paths.store_json.write_bytes(content[:-40])
    known = known_results(paths, settings)
    assert (known.clips, known.keys, known.has_lost_keys) == ({}, KEYS, False)
    paths.manifest.write_bytes(b"no manifest")
    known = known_results(paths, settings)
    assert (known.clips, known.keys, known.has_lost_keys) == ({}, KEYS, False), "shards name their clips"
    shard = min(paths.shards.iterdir())
    file = shard if shard.is_file() else min(shard.rglob("*.npy"))
    file.write_bytes(b"no shard")
    assert known_results(paths, settings).has_lost_keys
    shutil.rmtree(shard) if shard.is_dir() else shard.unlink()
    paths.store_json.write_bytes(content)
    assert known_results(paths, settings).has_lost_keys, "a shard is gone"


def test_names_of_arrays_that_are_not_their_keys_tell_no_keys(tmp_path: Path) -> None:
    """Of ``%41`` nobody can say whether a question mark stood there, and of a long name's hash what did."""
    for number, key in enumerate(("a?b", "%41", "x" * 300)):
        settings = settings_for(store_format="npy")
        paths = make_store(tmp_path / str(number), settings, {**ARRAYS, key: next(iter(ARRAYS.values()))})
        paths.manifest.write_bytes(b"no manifest")
        assert known_results(paths, settings).has_lost_keys


def test_what_a_feature_leaves_out_is_judged_again_with_other_features(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for(), ARRAYS, failing=FAILING, reason="select.too-short")
    assert known_results(paths, settings_for()).again == {}
    known = known_results(paths, settings_for("features.mfcc={}"))
    assert known.again.keys() == set(FAILING)


def test_what_goes_away_with_a_feature_is_no_reason(tmp_path: Path) -> None:
    paths = make_store(tmp_path, settings_for("features.mfcc={}"), ARRAYS)
    assert known_results(paths, settings_for()).stale_because == ()
    (reason,) = known_results(paths, settings_for("mel.bands=40")).stale_because
    assert "features.log_mel.mel.bands" in reason
