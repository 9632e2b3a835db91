"""What verification says of each kind of damage, and what it does not take for damage."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from damage import flip, flipped
from small_store import make_store, settings_for, small_arrays
from store_suite import random_arrays, tree

from audiofeat.cli import cli
from audiofeat.errors import DamageError, NoStoreError
from audiofeat.reading.store import Store
from audiofeat.store.description import encode_description, read_description
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.store.moments import RunningMoments
from audiofeat.store.npy import npy_path
from audiofeat.verify import VerifyReport, contained, run, verify_store
from audiofeat.verify.parts import Parts

ARRAYS = small_arrays(20)
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])


@pytest.fixture
def paths(tmp_path: Path, store_format: str) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS, failing=["broken"])


@pytest.fixture
def npy_paths(tmp_path: Path) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(store_format="npy"), ARRAYS, failing=["broken"])


@pytest.fixture
def hdf5_paths(tmp_path: Path) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(), ARRAYS, failing=["broken"])


def kinds(report: VerifyReport) -> set[str]:
    return {problem.kind for problem in report.problems}


def keys_in(paths: StorePaths, shard: Path) -> set[str]:
    """The keys that the manifest has in a shard."""
    with Store(paths.root) as store:
        columns = (store.manifest.column(name).to_pylist() for name in ("key", "shard"))
        return {key for key, name in zip(*columns, strict=True) if name == shard.name}


def largest(paths: StorePaths) -> Path:
    """The shard with the most in it."""
    return max(paths.shards.iterdir(), key=lambda shard: sum(map(len, tree(shard).values())))


def rewrite(paths: StorePaths, change: Callable[[dict[str, object]], None]) -> None:
    """Write another ``store.json`` as if audiofeat had."""
    values = read_description(paths.store_json)
    change(values)
    paths.store_json.write_bytes(encode_description(values))


@FORMATS
def test_nothing_is_written(paths: StorePaths) -> None:
    flip(next(file for file in sorted(paths.shards.rglob("*")) if file.is_file()), 999)
    before = {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")}
    verify_store(paths.root)
    assert {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")} == before


def test_no_store_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(NoStoreError):
        verify_store(tmp_path / "nothing")
    (tmp_path / ".state").mkdir()
    with pytest.raises(NoStoreError, match="unfinished"):
        verify_store(tmp_path)


def test_a_file_or_a_folder_of_something_else_is_no_damage(tmp_path: Path) -> None:
    foreign = tmp_path / "store.json"
    foreign.write_text('{"shop": "groceries"}')
    for path in (foreign, tmp_path):
        with pytest.raises(NoStoreError, match="is not a store"):
            verify_store(path)
    (tmp_path / "shards").mkdir()  # now it may well be a store with damage
    assert kinds(verify_store(tmp_path)) == {"store_json", "manifest", "quarantine"}


@FORMATS
def test_row_91_a_store_of_a_newer_version_is_no_damage_but_cannot_be_verified(paths: StorePaths) -> None:
    rewrite(paths, lambda values: values.update(format_version=FORMAT_VERSION + 1))
    with pytest.raises(DamageError, match="newer"):
        verify_store(paths.root)


@FORMATS
def test_row_99_a_missing_shard(paths: StorePaths) -> None:
    shard = largest(paths)
    keys = keys_in(paths, shard)
    shutil.rmtree(shard) if shard.is_dir() else shard.unlink()
    report = verify_store(paths.root)
    assert [(problem.kind, problem.place) for problem in report.problems] == [("shard.missing", f"shards/{shard.name}")]
    assert report.damaged_clips == keys
    assert report.damaged_shards == {shard.name}


@FORMATS
@pytest.mark.parametrize("kept", [0, 7, 0.5])
def test_row_93_a_truncated_file_of_a_shard(paths: StorePaths, kept: float) -> None:
    shard = largest(paths)
    file = shard if shard.is_file() else next(shard.rglob("log_mel/**/*.npy"))
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    report = verify_store(paths.root)
    assert report.damaged_shards == {shard.name}
    assert report.damaged_clips == (keys_in(paths, shard) if shard.is_file() else {f"folder/{file.stem}"})
    assert f"where {Store(paths.root).shards[shard.name].size_bytes:,} were written" in report.problems[0].message


@FORMATS
def test_two_shards_that_changed_places(paths: StorePaths) -> None:
    one, other, *_ = sorted(paths.shards.iterdir())
    keys = keys_in(paths, one) | keys_in(paths, other)
    os.rename(one, paths.shards / "aside")
    os.rename(other, one)
    os.rename(paths.shards / "aside", other)
    report = verify_store(paths.root)
    assert report.damaged_clips == keys
    assert report.damaged_shards == {one.name, other.name}
    said = {problem.place: problem.message for problem in report.problems if problem.kind == "shard.digest"}
    assert said == {
        f"shards/{one.name}": f"its bytes are those of {other.name}",
        f"shards/{other.name}": f"its bytes are those of {one.name}",
    }


def test_two_arrays_that_changed_places(tmp_path: Path) -> None:
    arrays = {key: random_arrays(5, seed=seed) for seed, key in enumerate("abc")}
    paths = make_store(tmp_path / "store", settings_for(store_format="npy"), arrays)
    one, other = (next(paths.shards.rglob(f"log_mel/{key}.npy")) for key in "ab")
    os.rename(one, tmp_path / "aside")
    os.rename(other, one)
    os.rename(tmp_path / "aside", other)
    report = verify_store(paths.root)
    assert report.damaged_clips == {"a", "b"}
    assert kinds(report) == {"shard.digest", "clip.values"}


def test_two_clips_that_changed_places_in_a_packed_dataset(tmp_path: Path) -> None:
    import h5py

    arrays = {key: random_arrays(5, seed=seed) for seed, key in enumerate("abc")}
    paths = make_store(tmp_path / "store", settings_for(), arrays)
    for shard in paths.shards.iterdir():
        with h5py.File(shard, "r+") as file:
            if len(file["index/key"]) > 1:
                file["log_mel"][:10] = np.roll(file["log_mel"][:10], 5, axis=0)
                hit = {key.decode() for key in file["index/key"][:2]}
    assert verify_store(paths.root).damaged_clips == hit


@FORMATS
@pytest.mark.parametrize("part", ["store.json", "manifest.parquet", "quarantine.jsonl", "shard"])
@pytest.mark.parametrize("thing", ["folder", "fifo", "dangling link"])
def test_something_else_in_the_place_of_a_file(paths: StorePaths, part: str, thing: str) -> None:
    path = largest(paths) if part == "shard" else paths.root / part
    keys = keys_in(paths, path) if part == "shard" else set()
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if thing == "folder":
        path.mkdir()
    elif thing == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    if (part, thing) == ("store.json", "dangling link"):
        with pytest.raises(NoStoreError):
            verify_store(paths.root)
        return
    report = verify_store(paths.root)
    assert report.exit_code == 12
    assert report.damaged_clips == keys
    assert all(path.name in problem.place for problem in report.problems)


@pytest.mark.parametrize("thing", ["folder", "fifo", "dangling link", "nothing"])
def test_something_else_in_the_place_of_an_array(npy_paths: StorePaths, thing: str) -> None:
    path = next(npy_paths.shards.rglob("log_mel/folder/004.npy"))
    path.unlink()
    if thing == "folder":
        path.mkdir()
    elif thing == "fifo":
        os.mkfifo(path)
    elif thing == "dangling link":
        path.symlink_to("nowhere")
    report = verify_store(npy_paths.root)
    assert report.damaged_clips == {"folder/004"}
    assert len(report.damaged_shards) == 1


@FORMATS
def test_a_link_to_the_very_bytes_is_told_and_no_damage(paths: StorePaths, tmp_path: Path) -> None:
    shard = largest(paths)
    shutil.move(shard, tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    report = verify_store(paths.root)
    assert report.problems == ()
    assert [note.kind for note in report.notes] == ["symlink"]


@FORMATS
def test_a_manifest_of_another_store_hits_no_clip(paths: StorePaths, tmp_path: Path, store_format: str) -> None:
    other = make_store(tmp_path / "other", settings_for(store_format=store_format), small_arrays(19))
    shutil.copy(other.manifest, paths.manifest)
    report = verify_store(paths.root)
    assert kinds(report) == {"manifest"}
    assert report.damaged_clips == report.damaged_shards == frozenset()


@FORMATS
@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("content_digest", "0" * 64, "content_digest"), ("decoders", ["sox 14"], "totals")],
)
def test_a_store_json_that_contradicts_the_manifest(paths: StorePaths, name: str, value: object, kind: str) -> None:
    rewrite(paths, lambda values: values.update({name: value}))
    assert kinds(verify_store(paths.root)) == {kind}


@FORMATS
@pytest.mark.parametrize("name", ["clips", "frames", "audio_seconds", "failures", "left_out"])
def test_totals_are_worked_out_again(paths: StorePaths, name: str) -> None:
    values = read_description(paths.store_json)
    values["totals"][name] = {"input.empty": 2} if name in ("failures", "left_out") else 1
    paths.store_json.write_bytes(encode_description(values))
    (problem,) = verify_store(paths.root).problems
    assert problem.kind == "totals"
    assert problem.message.startswith(f"{name}: ")


def test_numbers_of_a_shard_that_contradict_the_manifest(hdf5_paths: StorePaths) -> None:
    values = read_description(hdf5_paths.store_json)
    values["shards"][0]["rows"] += 1
    hdf5_paths.store_json.write_bytes(encode_description(values))
    assert kinds(verify_store(hdf5_paths.root)) == {"totals"}


@FORMATS
def test_a_damaged_store_json_leaves_the_shards_to_their_names(paths: StorePaths) -> None:
    shard = largest(paths)
    keys = keys_in(paths, shard)
    flip(paths.store_json, 8)
    assert kinds(verify_store(paths.root)) == {"store_json"}
    with flipped(next(file for file in [shard, *shard.rglob("*")] if file.is_file()), 8 * 200):
        report = verify_store(paths.root)
    assert kinds(report) == {"store_json", "shard.digest", "clip.unreadable"}
    assert report.damaged_shards == {shard.name}
    assert report.damaged_clips == keys, "the manifest is vouched for, but nobody says what features there are"


def test_files_that_nobody_named_are_told_and_no_damage(npy_paths: StorePaths) -> None:
    (npy_paths.shards / "notes.txt").write_text("mine")
    (npy_paths.shards / ".0123456789ab.partial").mkdir()
    (npy_paths.root / "log_mel/mine.npy").write_bytes(b"")
    report = verify_store(npy_paths.root)
    assert report.problems == ()
    assert [note.kind for note in report.notes] == ["stray", "stray"]
    assert "2 that store.json does not name: .0123456789ab.partial, notes.txt" in report.notes[0].message
    assert report.notes[1].message == "1 files among the arrays that no clip has"


def test_a_file_too_many_inside_a_shard_is_damage_and_hits_no_clip(npy_paths: StorePaths) -> None:
    shard = largest(npy_paths)
    (shard / "log_mel/folder/more.npy").write_bytes(b"")
    report = verify_store(npy_paths.root)
    assert report.damaged_shards == {shard.name}
    assert report.damaged_clips == frozenset()
    assert any("log_mel/folder/more.npy" in problem.message for problem in report.problems)


def test_arrays_under_their_keys_are_compared_with_those_in_the_shards(npy_paths: StorePaths) -> None:
    shutil.copytree(npy_paths.root, npy_paths.root.parent / "copy")
    copy = StorePaths(npy_paths.root.parent / "copy")
    report = verify_store(copy.root)
    assert report.problems == ()
    assert [(note.kind, note.message[:2]) for note in report.notes] == [("link.copy", "40")]

    # One bit of a copy under its key, and then of the shard's own array: each is known for what it is.
    name = npy_path("mfcc", "folder/009")
    with flipped(copy.root / name, 8 * 130):
        report = verify_store(copy.root)
        assert kinds(report) == {"link"}
        assert report.problems[0].place == name
        assert report.damaged_clips == frozenset()
    with flipped(next(copy.shards.rglob(name)), 8 * 130):
        report = verify_store(copy.root)
        assert kinds(report) == {"shard.digest", "clip.values"}
        assert report.damaged_clips == {"folder/009"}


def test_arrays_that_have_no_link_are_told_and_no_damage(npy_paths: StorePaths) -> None:
    shutil.rmtree(npy_paths.root / "mfcc")
    report = verify_store(npy_paths.root)
    assert report.problems == ()
    assert [(note.kind, note.message[:8]) for note in report.notes] == [("link.missing", "20 of 40")]


@FORMATS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_clip_that_was_written_with_nan_or_infinity(
    tmp_path: Path, store_format: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers refuse such; here is one that does not."""
    monkeypatch.setattr(RunningMoments, "_take_in", lambda moments: None)
    arrays = {"a": random_arrays(30, seed=1), "b": random_arrays(30, seed=2)}
    arrays["b"]["mfcc"][29, 2] = value
    paths = make_store(tmp_path, settings_for(store_format=store_format), arrays)
    (problem,) = verify_store(paths.root).problems
    assert problem.kind == "clip.non-finite"
    assert problem.keys == ("b",)


def test_finite_values_may_add_up_to_infinity(tmp_path: Path) -> None:
    arrays = {"a": random_arrays(30, seed=1)}
    arrays["a"]["log_mel"][:] = np.finfo(np.float32).max / 64
    assert verify_store(make_store(tmp_path, settings_for(), arrays).root).problems == ()


def test_a_crash_of_hdf5_costs_the_clip_in_hand(hdf5_paths: StorePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    dies = (
        "import os, sys; sys.path[:] = sys.argv[1:]; from audiofeat.verify import contained\n"
        "read = contained.clip_fault\n"
        "contained.clip_fault = lambda reader, clip, features: os.abort() if clip.key == 'folder/006' else "
        "read(reader, clip, features)\n"
        "contained.main()"
    )
    monkeypatch.setattr(contained, "_READER", dies)
    for shard in hdf5_paths.shards.iterdir():
        with open(shard, "ab") as file:
            file.write(b"\0")
    report = verify_store(hdf5_paths.root, workers=1)
    assert report.damaged_clips == {"folder/006"}
    (problem,) = (problem for problem in report.problems if problem.kind == "clip.unreadable")
    assert "died (SIGABRT)" in problem.message
    assert report.damaged_shards == {shard.name for shard in hdf5_paths.shards.iterdir()}


@pytest.mark.parametrize("opens", [False, True])
def test_hdf5_that_hangs_is_given_up(hdf5_paths: StorePaths, monkeypatch: pytest.MonkeyPatch, *, opens: bool) -> None:
    hangs = (
        "import json, sys, time; job = json.loads(sys.stdin.readline())\n"
        f"if {opens}: print(json.dumps({{'opened': True}}), flush=True)\n"
        f"if {opens} and job['start'] == 0: print(json.dumps({{'clip': None}}), flush=True)\n"
        "time.sleep(600)"
    )
    monkeypatch.setattr(contained, "_READER", hangs)
    monkeypatch.setattr(contained, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(contained, "_DEATHS_IN_A_ROW", 2)
    shard = largest(hdf5_paths)
    flip(shard, 8)
    report = verify_store(hdf5_paths.root)
    assert report.damaged_shards == {shard.name}
    assert any("gave no answer" in problem.message for problem in report.problems)
    whole = keys_in(hdf5_paths, shard) - report.damaged_clips
    assert len(whole) == opens


@FORMATS
def test_a_store_that_is_replaced_while_it_is_read_is_read_again(
    paths: StorePaths, tmp_path: Path, store_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_store(tmp_path / "other", settings_for(store_format=store_format), small_arrays(7))
    read = run.read_parts

    def read_and_replace(paths: StorePaths) -> Parts:
        parts = read(paths)
        if other.root.exists():
            shutil.rmtree(paths.root)
            os.rename(other.root, paths.root)
        return parts

    monkeypatch.setattr(run, "read_parts", read_and_replace)
    report = verify_store(paths.root)
    assert report.problems == report.notes == ()
    assert report.clips == 7


def test_what_was_wrong_from_the_beginning_is_not_to_be_repaired(hdf5_paths: StorePaths) -> None:
    rewrite(hdf5_paths, lambda values: values.update(decoders=["sox 14"]))
    done = CliRunner().invoke(cli, ["verify", str(hdf5_paths.root)])
    assert done.exit_code == 12
    assert "try: report it" in done.output
    assert "repair" not in done.output


def test_the_command_says_where_and_what_and_what_to_do(hdf5_paths: StorePaths) -> None:
    runner = CliRunner()
    done = runner.invoke(cli, ["verify", str(hdf5_paths.root)])
    assert done.exit_code == 0
    assert done.output.startswith(f"{hdf5_paths.root}: whole; 20 clips in")
    assert runner.invoke(cli, ["verify", str(hdf5_paths.root), "-q"]).output == ""

    shard = largest(hdf5_paths)
    flip(shard, 8 * (shard.stat().st_size // 2))
    done = runner.invoke(cli, ["verify", str(hdf5_paths.root), "-q"])
    assert done.exit_code == 12
    first, *told, last = done.output.splitlines()
    assert "damaged" in first
    assert told[0].startswith(f"  shards/{shard.name}: digest ")
    assert told[0].endswith("[shard.digest]")
    assert last == f"  try: audiofeat repair {hdf5_paths.root}"

    done = runner.invoke(cli, ["verify", str(hdf5_paths.root), "--json"])
    assert done.exit_code == 12
    values = json.loads(done.output)
    assert values["damaged_shards"] == [shard.name]
    assert values["problems"][0]["kind"] == "shard.digest"


def test_of_each_kind_of_problem_twenty_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    store_paths = make_store(tmp_path / "store", settings_for(store_format="npy"), small_arrays(25))
    for file in store_paths.shards.rglob("log_mel/**/*.npy"):
        flip(file, 8 * file.stat().st_size - 1)
    runner = CliRunner()
    said = runner.invoke(cli, ["verify", str(store_paths.root)]).output.splitlines()
    assert sum(line.endswith("[clip.values]") for line in said) == 20 + 1
    assert "  and 5 more, which --json names [clip.values]" in said
    assert sum(line.endswith("[shard.digest]") for line in said) == len(list(store_paths.shards.iterdir())) < 20
    values = json.loads(runner.invoke(cli, ["verify", str(store_paths.root), "--json"]).output)
    assert sum(problem["kind"] == "clip.values" for problem in values["problems"]) == 25
