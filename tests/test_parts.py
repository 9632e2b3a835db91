"""The same job in several runs that know nothing of each other: any order, any restarts, the bytes of one run.

The engine is that of ``small_run``: real but for the numbers.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from faults.children import KILLED, in_child
from faults.small_run import run_small, small_engine, write_source
from running import commits, contents, differences

from audiofeat import choice, part_notes
from audiofeat.borders import shard_borders
from audiofeat.commit_parts import commit_parts
from audiofeat.errors import (
    ConfigError,
    DamageError,
    LockedError,
    NoStoreError,
    StorageError,
    TooManyFailuresError,
    UnfinishedError,
)
from audiofeat.max_failures import MaxFailures
from audiofeat.part import Part, missing_text
from audiofeat.records import Clip
from audiofeat.report import RunReport
from audiofeat.run_options import RunOptions
from audiofeat.store.layout import StorePaths
from audiofeat.store.lock import store_lock

FORMATS = ("hdf5", "npy")
CLIPS = [f"{letter}/{number}" for letter in "abcdef" for number in range(3)] + ["bad"]
N_SHARDS = 12
"""Of three parts, each has four."""


class Work:
    """A source of nineteen clips, of which one fails, and what becomes of it."""

    def __init__(self, folder: Path, store_format: str) -> None:
        self.source = write_source(folder / "source", clips=CLIPS)
        self.store, self.whole = folder / "store", folder / "whole"
        self.paths = StorePaths(self.store)
        self.store_format = store_format
        self.made: list[str] = []
        """The slots of the shards that were made, in order."""

    def run(self, *overrides: str, options: RunOptions | None = None, part: Part | None = None) -> RunReport:
        return run_small(
            self.source, self.store, self.store_format, *overrides, options=options, part=part, reported=self._hear
        )

    def part(self, number: int, *overrides: str, count: int = 3, options: RunOptions | None = None) -> RunReport:
        return self.run(*overrides, options=options, part=Part(number, count))

    def commit(self, **arguments: object) -> RunReport:
        with small_engine():
            return commit_parts(str(self.store), **arguments)  # type: ignore[arg-type]  # of several types

    def one_run(self) -> Path:
        """A store of the source as it is, made in one go."""
        shutil.rmtree(self.whole, ignore_errors=True)
        run_small(self.source, self.whole, self.store_format)
        return self.whole

    def _hear(self, slot: str) -> None:
        if slot:
            self.made.append(slot)


@pytest.fixture(params=FORMATS)
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Work:
    return Work(tmp_path, request.param)


@pytest.fixture
def hdf5(tmp_path: Path) -> Work:
    return Work(tmp_path, "hdf5")


def fork(jobs: Iterable[Callable[[], object]]) -> list[int]:
    """Do all of them at the same time, each in a child; their statuses."""
    children = []
    for each in jobs:
        child = os.fork()
        if child == 0:
            os._exit(in_child(each).status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.parametrize("store_format", FORMATS)
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_parts_in_any_order_make_the_store_of_one_run(
    tmp_path: Path, store_format: str, order: tuple[int, ...]
) -> None:
    work = Work(tmp_path, store_format)
    for number in order:
        report = work.part(number)
        assert (report.shards, report.shards_in_all, report.exit_code) == (4, N_SHARDS, 0)
        assert not work.paths.store_json.exists()
    assert len(work.made) == len(set(work.made)) == N_SHARDS
    report = work.commit()
    assert (report.exit_code, report.failures, report.parts, report.shards) == (3, {"input.truncated": 1}, 3, N_SHARDS)
    assert differences(work.store, work.one_run()) == []
    in_state = sorted(path.name for path in work.paths.state.iterdir())
    assert in_state == ["fingerprints", "lock", "source.json", "unchanged.json"]
    assert work.run().reused == len(CLIPS) - 1
    assert len(work.made) == N_SHARDS, "the next run has nothing to do"


def test_parts_at_once_and_each_of_them_twice_get_through(work: Work) -> None:
    numbers = [1, 2, 3, 3, 2, 1]
    for _ in range(4):
        shutil.rmtree(work.store, ignore_errors=True)
        assert fork(lambda number=number: work.part(number) for number in numbers) == [0] * 6  # type: ignore[misc]  # bound in the loop
        ended = in_child(work.commit)
        assert ended.status == 0, ended.said
    assert in_child(work.one_run).status == 0
    assert differences(work.store, work.whole) == []


def test_a_part_that_was_killed_goes_on_where_it_was(work: Work) -> None:
    def die_at_the_second() -> None:
        heard: list[str] = []

        def reported(slot: str) -> None:
            heard.append(slot)
            if len(heard) == 2:
                os._exit(KILLED)

        run_small(work.source, work.store, work.store_format, part=Part(1, 3), reported=reported)

    assert in_child(die_at_the_second).status == KILLED
    assert len(commits(work.store)) == 2
    (left,) = (path for path in work.paths.parts.iterdir() if path.is_dir())
    work.part(2)
    work.part(3)
    assert left.exists(), "another part does not know whether it is at work"
    with pytest.raises(UnfinishedError, match=r"shards 7 and 10 of 12: part 1/3"):
        work.commit()
    work.made.clear()
    report = work.part(1)
    assert (len(work.made), report.shards) == (2, 4)
    work.commit()
    assert not left.exists()
    assert differences(work.store, work.one_run()) == []


def test_what_is_missing_is_named_and_nothing_is_published(hdf5: Work) -> None:
    hdf5.part(2)
    told: list[str] = []
    with pytest.raises(UnfinishedError) as caught:
        hdf5.commit(on_wait=told.append)
    assert caught.value.exit_code == 20
    missing = "shards 1, 3, 4, 6, 7, 9, 10 and 12 of 12: parts 1/3 and 3/3"
    assert f"nothing was published: {hdf5.store} lacks {missing} (" in caught.value.problem
    command = f"audiofeat extract {hdf5.source} {hdf5.store} --config ... --part 1/3, likewise --part 3/3"
    assert caught.value.hint == f"{command}; then audiofeat commit {hdf5.store}"
    assert told == [], "what nobody has begun is not waited for"
    assert not hdf5.paths.store_json.exists()


def test_the_store_before_stays_readable_until_all_is_there(work: Work) -> None:
    work.run()
    before = contents(work.store)
    write_source(work.source, clips=["c/new", "g"])
    (work.source / "a/1.wav").write_text("another")
    (work.source / "b/2.wav").unlink()
    work.made.clear()
    work.part(1)
    work.part(2)
    assert {name: content for name, content in contents(work.store).items() if name in before} == before
    with pytest.raises(UnfinishedError, match="part 3/3"):
        work.commit()
    work.part(3)
    assert len(work.made) < N_SHARDS - 3, "what is unchanged stands"
    work.commit()
    assert differences(work.store, work.one_run()) == []


def test_a_run_without_parts_takes_over_what_parts_have_made(work: Work) -> None:
    work.part(1)
    work.part(3)
    work.run()
    assert len(work.made) == len(set(work.made)) == N_SHARDS
    assert not work.paths.parts.exists()
    assert differences(work.store, work.one_run()) == []


def test_parts_have_the_lock_together_and_against_all_others(hdf5: Work) -> None:
    hdf5.part(1)
    with store_lock(hdf5.paths, part="2/3"):
        hdf5.part(3)
        for alone in (hdf5.run, hdf5.commit):
            with pytest.raises(LockedError, match=r"parts of a run \(the last to begin: process \d+ on .*, part 3/3\)"):
                alone()
    with store_lock(hdf5.paths), pytest.raises(LockedError, match=r"another run \(process \d+ on [^,]*\)"):
        hdf5.part(2)


def test_parts_that_would_make_other_things_are_refused(hdf5: Work) -> None:
    hdf5.part(1)
    elsewhere = shutil.copytree(hdf5.source, hdf5.source.parent / "elsewhere")
    wrong: dict[str, Callable[[], object]] = {
        "parts: 3 -> 4": lambda: hdf5.part(2, count=4),
        r"config.features.log_mel.mel.bands: 80 -> 40": lambda: hdf5.part(2, "mel.bands=40"),
        f"source: {hdf5.source} -> {elsewhere}": lambda: run_small(elsewhere, hdf5.store, "hdf5", part=Part(2, 3)),
        "follow_links: true -> false": lambda: hdf5.part(2, options=RunOptions(follow_links=False)),
    }
    made = len(hdf5.made)
    for words, attempt in wrong.items():
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert re.match(r"--part 2/[34] is to make something else than the first part", caught.value.problem)
        assert words in caught.value.problem
        assert f"rm -r {hdf5.paths.parts}" in caught.value.hint
    assert len(hdf5.made) == made
    shutil.rmtree(hdf5.paths.parts)
    for number in (1, 2, 3, 4):
        hdf5.part(number, count=4)
    assert len(set(hdf5.made)) == len(hdf5.made) == N_SHARDS, "finished shards stay"
    hdf5.commit()
    assert differences(hdf5.store, hdf5.one_run()) == []


def test_a_source_that_changed_after_its_part_ran_is_missing(work: Work) -> None:
    for number in (1, 2, 3):
        work.part(number)
    (work.source / "b/2.wav").write_text("b/2, another one")
    told: list[str] = []
    with pytest.raises(UnfinishedError, match=r"lacks shard \d+ of 12: part \d/3 \(1 clip changed\)") as caught:
        work.commit(on_wait=told.append)
    assert told == []
    assert "since the first part began" not in caught.value.problem, "the parts are cut as before"
    for number in (1, 2, 3):
        work.part(number)
    assert len(work.made) == N_SHARDS + 1
    work.commit()
    assert differences(work.store, work.one_run()) == []


def test_a_source_that_is_cut_otherwise_now_is_told(hdf5: Work) -> None:
    for number in (1, 2):
        assert not hdf5.part(number).warnings
    write_source(hdf5.source, clips=[f"0/{number}" for number in range(5)])
    assert ["the source has changed" in warning for warning in hdf5.part(3).warnings] == [True]
    with pytest.raises(UnfinishedError, match=r"since the first part began: parts that are finished have to run once"):
        hdf5.commit()
    for number in (1, 2, 3):
        hdf5.part(number)
    hdf5.commit()
    assert differences(hdf5.store, hdf5.one_run()) == []


def test_a_record_of_a_shard_that_is_none_any_more_hides_no_other(hdf5: Work) -> None:
    """A clip that comes before all others gives the first shard another name; its old record comes later by name."""

    def slot_with(*keys: str) -> str:
        (slot, _), *others = shard_borders([Clip(key, key, 1, 1, 1) for key in keys], shard_clips=2)
        return "" if others else slot

    names = [f"A{number}" for number in range(100)]
    first = next(name for name in names if slot_with("@", name) and slot_with(name) > "8")
    new = next(name for name in (f"@{number}" for number in range(100)) if "" < slot_with(name, first) < "8")
    write_source(hdf5.source, clips=[first])
    for number in (1, 2, 3):
        hdf5.part(number)
    write_source(hdf5.source, clips=[new])
    for number in (1, 2, 3):
        hdf5.part(number)
    assert {f"{slot_with(first)}.json", f"{slot_with(new, first)}.json"} <= commits(hdf5.store)
    made = len(hdf5.made)
    for number in (1, 2, 3):
        hdf5.part(number)
    assert len(hdf5.made) == made, "all stands"
    hdf5.commit()
    assert differences(hdf5.store, hdf5.one_run()) == []


def test_a_shard_that_its_part_calls_finished_is_waited_for(work: Work) -> None:
    for number in (1, 2, 3):
        work.part(number)
    record = min(work.paths.commits.iterdir())
    late = record.rename(work.paths.root.parent / "late")
    told: list[str] = []

    def appear(text: str) -> None:
        told.append(text)
        late.rename(record)

    with pytest.raises(UnfinishedError, match=r"lacks shard \d+ of 12"):
        work.commit(wait_seconds=0)
    with pytest.raises(UnfinishedError, match=r"lacks shard \d+ of 12"):
        work.commit(wait_seconds=0.01)
    work.commit(on_wait=appear)
    assert told == ["up to 60 s for what is finished and not seen here yet: 1 shard"]
    assert differences(work.store, work.one_run()) == []


def test_a_part_finishes_a_publication_that_was_cut_off(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for number in (1, 2, 3):
        work.part(number)
    with monkeypatch.context() as patch:
        patch.setattr("audiofeat.store.publish.roll_forward", cut_off)
        with pytest.raises(KeyboardInterrupt):
            work.commit()
    assert not work.paths.store_json.exists()
    work.part(2)
    assert work.paths.store_json.exists()
    assert len(work.made) == N_SHARDS
    work.commit()
    assert not work.paths.parts.exists()
    assert differences(work.store, work.one_run()) == []


def test_parts_leave_what_others_are_at(hdf5: Work) -> None:
    hdf5.part(1)
    others = [hdf5.paths.state / ".run.json.0.partial", hdf5.paths.shards / ".0123456789ab.0.partial"]
    others += [hdf5.paths.parts / "2.0" / name for name in ("tasks", "logs")]
    for place in others:
        place.mkdir(parents=True)
    hdf5.part(2)
    hdf5.part(3)
    assert all(place.exists() for place in others)
    assert not (hdf5.paths.state / "tasks").exists()
    assert not (hdf5.paths.state / "logs").exists()
    hdf5.commit()
    assert not any(place.exists() for place in others)


def test_commit_where_there_is_nothing_to_commit(hdf5: Work) -> None:
    with pytest.raises(NoStoreError, match="no part of a run to commit"):
        hdf5.commit()
    assert not hdf5.store.exists()
    hdf5.run()
    before = contents(hdf5.store)
    assert hdf5.commit().digest
    assert contents(hdf5.store) == before


def test_a_note_that_is_damaged_is_told(hdf5: Work) -> None:
    hdf5.part(1)
    note = hdf5.paths.parts / "run.json"
    note.write_bytes(note.read_bytes().replace(b"log_mel", b"log_mal"))
    for attempt in (hdf5.commit, lambda: hdf5.part(2)):
        with pytest.raises(DamageError, match="the note of what parts make is damaged"):
            attempt()


def test_what_is_no_note_of_a_part_is_left_alone(hdf5: Work) -> None:
    for number in (1, 2, 3):
        hdf5.part(number)
    for name in ("²", "0", "4", "x", "-1"):
        (hdf5.paths.parts / f"{name}.json").write_text("{")
    (hdf5.paths.parts / "1.json").write_text("[]")
    hdf5.commit()
    assert differences(hdf5.store, hdf5.one_run()) == []


def test_a_folder_of_notes_without_the_first_one_is_told(hdf5: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    hdf5.part(1)
    (hdf5.paths.parts / "run.json").unlink()
    monkeypatch.setattr(part_notes, "_SIGHT_SECONDS", 0)
    with pytest.raises(StorageError, match="has no note of what parts make") as caught:
        hdf5.part(2)
    assert f"rm -r {hdf5.paths.parts}" in caught.value.hint
    with pytest.raises(StorageError, match="has no note of what parts make"):
        hdf5.commit()
    shutil.rmtree(hdf5.paths.parts)
    with pytest.raises(UnfinishedError, match="no part of a run says what it was to make"):
        hdf5.commit()


def test_a_repair_throws_nothing_of_parts_away(hdf5: Work) -> None:
    hdf5.run()
    write_source(hdf5.source, clips=["g"])
    for number in (1, 2, 3):
        hdf5.part(number)
    with pytest.raises(ConfigError, match="not published yet") as caught:
        hdf5.run(options=RunOptions(repair=True))
    assert f"audiofeat commit {hdf5.store}" in caught.value.hint
    hdf5.commit()
    hdf5.run(options=RunOptions(repair=True))


def test_other_settings_without_parts_take_over_from_parts_too(hdf5: Work) -> None:
    hdf5.part(1)
    hdf5.run("mel.bands=40")
    assert not hdf5.paths.parts.exists()
    assert hdf5.part(2).shards == 4, "a new run in parts begins"
    shutil.rmtree(hdf5.paths.parts)


def test_a_source_that_has_moved_is_found_where_it_is_said_to_be(hdf5: Work) -> None:
    for number in (1, 2, 3):
        hdf5.part(number)
    expected = contents(hdf5.one_run())
    moved = hdf5.source.rename(hdf5.source.parent / "moved")
    with pytest.raises(ValueError, match="not there any more"):
        hdf5.commit()
    hdf5.commit(source=str(moved))
    assert contents(hdf5.store) == expected


def test_a_list_of_files_goes_to_all_parts(hdf5: Work) -> None:
    options = RunOptions(files="".join(f"{hdf5.source}/{key}.wav\n" for key in CLIPS[:9]).encode())
    for number in (1, 2):
        hdf5.part(number, count=2, options=options)
    with pytest.raises(ConfigError, match="files_digest"):
        hdf5.part(2, count=2, options=replace(options, files=f"{hdf5.source}/a/0.wav\n".encode()))
    assert hdf5.commit().clips == 9


def test_the_most_failures_are_those_of_the_part(hdf5: Work) -> None:
    strict = RunOptions(max_failures=MaxFailures(count=0))
    refused = []
    for number in (1, 2, 3):
        try:
            hdf5.part(number, options=strict)
        except TooManyFailuresError as error:
            refused.append(error.problem)
    assert [re.match(r"1 of \d clips failed", problem) is not None for problem in refused] == [True]


def test_a_part_hashes_its_own_files_only(hdf5: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    hdf5.run()
    hashed: list[str] = []
    identify = choice.identify

    def noting(path: str, *arguments: object, **options: object) -> object:
        hashed.append(path)
        return identify(path, *arguments, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(choice, "identify", noting)
    every = [hdf5.part(number, options=RunOptions(fingerprint="content")) for number in (1, 2, 3)]
    assert len(hashed) == len(set(hashed)) == len(CLIPS) == sum(report.clips for report in every)


def test_a_part_that_must_not_compute_again_is_refused(hdf5: Work) -> None:
    hdf5.run()
    with pytest.raises(ConfigError, match="would be computed again"):
        hdf5.part(1, "mel.bands=40", options=RunOptions(recompute=False))
    assert not hdf5.paths.parts.exists()


def test_more_parts_than_shards_have_nothing_to_do(hdf5: Work) -> None:
    assert hdf5.part(20, count=20).summary().splitlines()[0] == (
        f"{hdf5.store}, part 20/20: 0 shards of 12, all finished, 0 clips"
    )


@pytest.mark.parametrize("text", ["0/3", "4/3", "3/0", "0/0"])
def test_a_slip_in_counting_is_told_with_the_arithmetic(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"--part {text}: there is no part") as caught:
        Part.parse(text)
    assert "--part $((SLURM_ARRAY_TASK_ID + 1))/$SLURM_ARRAY_TASK_COUNT" in caught.value.hint
    assert "--part $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" in caught.value.hint


@pytest.mark.parametrize("text", ["", "3", "1/", "/3", "a/b", "1/3/5", "-1/3", "1.0/3", "٢/3", "1 / 3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not I/N") as caught:
        Part.parse(text)
    assert "such as --part 2/3" in caught.value.hint


def test_parts_share_all_places_and_none_twice() -> None:
    places = range(11)
    shares = [list(Part(number, 4).share(places)) for number in (1, 2, 3, 4)]
    assert shares[0] == [0, 4, 8]
    assert sorted(place for share in shares for place in share) == list(places)


def test_of_many_missing_shards_the_first_are_named() -> None:
    assert missing_text([4], n_shards=5, count=1) == "shard 5 of 5: part 1/1"
    text = missing_text(range(2_000), n_shards=2_000, count=100)
    assert text.startswith("shards 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1,990 more of 2,000: parts 1/100, 2/100, ")
    assert text.endswith("10/100 and 90 more")
