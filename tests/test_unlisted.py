"""Clips of folders that cannot be listed: they are put back on the listing, and their results stand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planned import Source, to_decode
from small_store import DECODER, FINGERPRINT, make_store, settings_for, small_arrays

from audiofeat.config import load_config
from audiofeat.errors import NothingMatchedError
from audiofeat.job import open_job, plan_for, tools_for
from audiofeat.known import Known, known_results
from audiofeat.records import Clip
from audiofeat.run_options import RunOptions
from audiofeat.source import Listing
from audiofeat.store.layout import StorePaths
from audiofeat.unlisted import clips_not_listed

CLOSED = Listing("source", [], unreadable=["folder"])


@pytest.fixture
def paths(tmp_path: Path) -> StorePaths:
    """A store of three clips in one folder, and of one that failed."""
    return make_store(tmp_path / "store", settings_for(), small_arrays(3), failing=["folder/broken"])


def keys_not_listed(paths: StorePaths, listing: Listing = CLOSED, *, settings: str = "mel.bands=80") -> list[str]:
    known = known_results(paths, settings_for(settings))
    return sorted(clip.key for clip in clips_not_listed(listing, known, paths, keep_suffix=False))


def test_what_is_known_of_a_closed_folder_is_listed_as_it_was(paths: StorePaths) -> None:
    known = known_results(paths, settings_for())
    del known.fingerprints["folder/000"]
    clips = {clip.key: clip for clip in clips_not_listed(CLOSED, known, paths, keep_suffix=False)}
    assert sorted(clips) == ["folder/000", "folder/001", "folder/002", "folder/broken"]
    seen = FINGERPRINT.size_bytes, FINGERPRINT.ctime_ns, FINGERPRINT.inode
    assert clips["folder/001"] == Clip("folder/001", "folder/001.wav", *seen, meta=("folder",))
    assert clips["folder/000"] == Clip("folder/000", "folder/000.wav", 0, 0, 0, meta=("folder",))


def test_other_settings_and_a_lost_state_leave_the_keys_known(paths: StorePaths) -> None:
    assert len(keys_not_listed(paths, settings="mel.bands=40")) == 4
    shutil.rmtree(paths.state)
    assert len(keys_not_listed(paths)) == 4


@pytest.mark.parametrize(
    "column",
    [
        {"other": ["a"]},
        {"key": [1], "source": [2]},
        {"key": [None], "source": [None]},
        {"key": [b"\xff"], "source": ["folder/a.wav"]},
        {"key": ["a"], "parent": [["b"]], "source": ["folder/a.wav"]},
    ],
)
def test_a_manifest_that_nobody_vouches_for_may_say_anything(paths: StorePaths, column: dict[str, list[Any]]) -> None:
    paths.store_json.unlink()
    table = pa.table({name: pa.array(values) for name, values in column.items()})
    if pa.types.is_binary(table.schema.types[0]):
        table = table.set_column(0, "key", pa.array([b"\xff"]).view(pa.string()))
    pq.write_table(table, paths.manifest)
    assert keys_not_listed(paths) == ["folder/broken"]
    assert known_results(paths, settings_for()).keys >= {"folder/broken"}


def test_folders_that_only_begin_alike_are_not_meant(paths: StorePaths) -> None:
    assert keys_not_listed(paths, replace(CLOSED, unreadable=["fold", "folder/0", "older"])) == []
    assert keys_not_listed(paths, replace(CLOSED, unreadable=[])) == []


def test_clips_that_a_manifest_had_named_are_not_meant(paths: StorePaths) -> None:
    known = known_results(paths, settings_for())
    assert clips_not_listed(CLOSED, known, paths, keep_suffix=True) == []


def test_the_results_of_a_closed_folder_stand_whatever_its_files_are(source: Source) -> None:
    source.finish(failing=["b"], reason="io.read")
    for clip in source.clips:
        (source.root / clip.path).unlink()
    source.known.fingerprints.clear()
    source.known.unlisted = frozenset("abc")
    plan = source.plan()
    assert (to_decode(plan), plan.deleted, plan.lost) == ([], (), ())
    source.known.unlisted = frozenset("ab")
    assert to_decode(source.plan()) == ["c"]


def test_a_clip_of_a_closed_folder_whose_result_is_gone_is_tried(source: Source) -> None:
    source.known = Known(keys=set("abc"), unlisted=frozenset("abc"))
    assert source.plan().reasons == {"lost or damaged in the store": 3}


def test_row_20_a_source_whose_only_folder_is_closed_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source/closed").mkdir(parents=True)
    import os

    listed = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed/"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    config = load_config("kaldi-fbank80", source=str(tmp_path / "source"), store_path=str(tmp_path / "store"))
    with pytest.raises(NothingMatchedError, match=r"1 folder could not be listed \(.*/closed\)"):
        open_job(config, RunOptions())


def test_a_link_that_leads_nowhere_is_a_folder_that_is_away_where_clips_are_known_of_it(
    tmp_path: Path, paths: StorePaths
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/new.wav").write_bytes(b"RIFF")
    for name in ("folder", "README"):
        (tmp_path / "source" / name).symlink_to(tmp_path / "away" / name)
    config = load_config("kaldi-fbank80", source=str(tmp_path / "source"), store_path=str(paths.root))
    job = open_job(config, RunOptions(device="cpu"))
    assert (job.listing.dangling, job.listing.unreadable) == (["README", "folder"], [])
    tools = replace(tools_for(job), settings=settings_for(), decoders={"soundfile": DECODER})
    job, plan = plan_for(job, tools)
    assert (job.listing.unreadable, plan.deleted, plan.clips_reused) == (["folder"], (), 3)


@pytest.mark.parametrize("may_drop", [True, False])
def test_a_closed_folder_beside_an_open_one_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: StorePaths, *, may_drop: bool
) -> None:
    """Nor does it stop a retry, which refuses to lose a clip."""
    (tmp_path / "source/folder").mkdir(parents=True)
    (tmp_path / "source/new.wav").write_bytes(b"RIFF")
    config = load_config("kaldi-fbank80", source=str(tmp_path / "source"), store_path=str(paths.root))
    job = open_job(config, RunOptions(retry=not may_drop, device="cpu"))
    assert job.listing.unreadable == []
    job = replace(job, listing=replace(job.listing, unreadable=["folder"]))
    tools = replace(tools_for(job), settings=settings_for(), decoders={"soundfile": DECODER})
    job, plan = plan_for(job, tools)
    assert [clip.key for clip in job.listing.clips][-1] == "new"
    assert (len(job.listing.clips), plan.deleted, plan.clips_reused) == (5, (), 3)
    assert plan.reasons == {"new": 1}
