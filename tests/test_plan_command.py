"""``plan`` and ``retry`` as a user meets them: tables, JSON, exit codes, and what happens to the forgetful."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from running import age, audiofeat, contents, write_clip, write_clips

from audiofeat.records import Fingerprint
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.fingerprints import write_fingerprints

JOB = ("--config", "kaldi-fbank80")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips, one of them cut off."""
    folder = write_clips(tmp_path_factory.mktemp("source"), count=4)
    write_clip(folder / "speaker0/take0.wav", seed=0, subtype="PCM_24")  # for soundfile
    broken = write_clip(folder / "broken.wav", seed=9)
    broken.write_bytes(broken.read_bytes()[:3_000])
    age(broken)
    return folder


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("finished") / "store"
    assert audiofeat("extract", source, store, *JOB, "--quiet").code == 3
    return store


@pytest.fixture
def store(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "store")


def test_a_plan_for_no_store_makes_none(source: Path, tmp_path: Path) -> None:
    done = audiofeat("plan", source, tmp_path / "store", *JOB)
    assert done.code == 20
    assert "5 of 5 clips to decode, 1 shard to write" in done.out
    assert "new" in done.out
    assert "broken" not in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_plan_with_nothing_to_do_says_so_and_ends_with_0(source: Path, store: Path) -> None:
    done = audiofeat("plan", source, store, *JOB)
    assert done.code == 0, done.out
    assert "nothing to do" in done.out
    assert "input.truncated 1" in done.out
    found = json.loads(audiofeat("plan", source, store, *JOB, "--json").out)
    assert (found["has_work"], found["clips"], found["clips_to_decode"]) == (False, 5, 0)
    assert [(line["kind"], line["clips"]) for line in found["lines"]] == [("unchanged", 4), ("in quarantine", 1)]


def test_a_plan_without_the_state_hashes_and_still_finds_nothing_to_do(source: Path, store: Path) -> None:
    shutil.rmtree(store / ".state")
    assert audiofeat("plan", source, store, *JOB).code == 0
    assert not (store / ".state").exists()


def test_a_plan_names_each_clip_and_why(source: Path, store: Path) -> None:
    done = audiofeat("plan", source, store, *JOB, "--set", "mel.bands=40", "--each")
    assert done.code == 20
    assert "settings changed (features.log_mel.mel.bands: 80 -> 40)" in done.out
    lines = [line.split("\t") for line in done.out.splitlines() if "\t" in line]
    assert [key for _, key, _ in lines] == ["broken", *(f"speaker0/take{number}" for number in range(4))]
    assert {kind for kind, _, _ in lines} == {"stale config"}


def test_the_expected_length_and_size_are_those_that_come_out(source: Path, store: Path, tmp_path: Path) -> None:
    found = json.loads(audiofeat("plan", source, tmp_path / "none", *JOB, "--json").out)
    (line,) = found["lines"]
    totals = json.loads((store / "store.json").read_text())["totals"]
    # Of the broken one nothing comes, and its header tells so; a clip has two frames fewer than its length in hops.
    assert line["seconds"] * 4 / 5 == pytest.approx(totals["audio_seconds"], rel=1e-6)
    assert line["size_bytes"] * 4 / 5 == pytest.approx(totals["frames"] * 80 * 4, rel=0.1)
    assert line["is_estimate"] is True


def test_a_plan_that_only_copies_says_so(source: Path, store: Path) -> None:
    done = audiofeat("plan", source, store, *JOB, "--format", "npy")
    assert done.code == 20
    assert "nothing to decode, rows to copy, 1 shard to write" in done.out


def test_other_words_in_a_manifest_are_work_without_decoding(source: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"path,label\n{source / 'speaker0/take0.wav'},a\n")
    job = [manifest, tmp_path / "store", *JOB, "--set", "select.keys=name"]
    manifest.write_text(f"path,key,label\n{source / 'speaker0/take0.wav'},x,a\n")
    assert audiofeat("extract", *job, "--quiet").code == 0
    assert audiofeat("plan", *job).code == 0
    manifest.write_text(f"path,key,label\n{source / 'speaker0/take0.wav'},x,b\n")
    done = audiofeat("plan", *job)
    assert (done.code, "the manifest changes" in done.out) == (20, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "needs --config"),
        (("--config", "no-such-preset"), 2, "no-such-preset"),
        ((*JOB, "--fingerprint", "guess"), 2, "guess"),
        ((*JOB, "--device", "abacus"), 2, "abacus"),
    ],
)
def test_mistakes_of_a_plan(source: Path, store: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = audiofeat("plan", source, store, *arguments)
    assert done.code == code
    assert words in done.err


def test_told_by_content_a_file_is_hashed_whatever_its_times_say(source: Path, store: Path) -> None:
    """As where a build fixes times and reuses inodes; here the store's note is forged, and nothing but bytes tells."""
    assert audiofeat("plan", source, store, *JOB, "--fingerprint", "content").code == 0
    changed = shutil.copytree(source, store.parent / "changed")
    write_clip(changed / "speaker0/take1.wav", seed=77, seconds=0.5)
    status = (changed / "speaker0/take1.wav").stat()
    forged = Fingerprint(status.st_size, status.st_ctime_ns, status.st_ino)
    write_fingerprints(store / ".state/fingerprints", {"speaker0/take1": forged})

    def decoded(*arguments: str) -> int:
        out = audiofeat("plan", changed, store, *JOB, *arguments, "--json").out
        return int(json.loads(out)["clips_to_decode"])

    assert decoded("--fingerprint", "content") == decoded("--fingerprint", "stat") + 1


def test_retry_tries_the_quarantine_once_more_and_nothing_else(store: Path) -> None:
    before = contents(store)
    done = audiofeat("retry", store)
    assert done.code == 3
    assert "in quarantine, tried again 1" in done.out
    assert "reused    4" in done.out
    assert contents(store) == before


def test_retry_finds_a_source_that_has_moved_and_a_file_that_was_mended(
    source: Path, store: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(source, tmp_path / "moved")
    write_clip(moved / "broken.wav", seed=9)
    done = audiofeat("retry", store, "--source", moved)
    assert done.code == 0, done.out + done.err
    assert "5 clips" in done.out
    assert (read_checked_json(store / ".state/source.json") or {})["source"] == os.fspath(moved)
    assert audiofeat("retry", store, "--quiet").out == ""


def test_retry_asks_for_a_source_that_is_gone(store: Path) -> None:
    place = store / ".state/source.json"
    write_checked_json(place, (read_checked_json(place) or {}) | {"source": "/nowhere/recordings"})
    done = audiofeat("retry", store)
    assert done.code == 2
    assert "/nowhere/recordings, which is not there any more" in done.err
    assert "try: --source with the place where it is now" in done.err


def test_retry_says_what_it_lacks(store: Path, tmp_path: Path) -> None:
    assert audiofeat("retry", tmp_path).code == 10
    shutil.rmtree(store / ".state")
    done = audiofeat("retry", store)
    assert done.code == 2
    assert "does not remember its source" in done.err
    assert "--source" in done.err


def test_retry_takes_the_same_files_from_the_same_list(source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "files"
    listed.write_text(f"{source}/speaker0/take0.wav\n{source}/broken.wav\n")
    store = tmp_path / "store"
    assert audiofeat("extract", source, store, *JOB, "--files-from", listed, "--quiet").code == 3
    listed.unlink()
    done = audiofeat("retry", store)
    assert done.code == 3
    assert "1 clip" in done.out
    assert "in quarantine, tried again 1" in done.out


def test_retry_does_not_empty_a_store_whose_source_is_not_there(source: Path, tmp_path: Path) -> None:
    """A manifest still names files that are on a disk that is not mounted."""
    audio = shutil.copytree(source, tmp_path / "audio")
    manifest = tmp_path / "clips.csv"
    manifest.write_text("path\n" + "".join(f"audio/speaker0/take{number}.wav\n" for number in range(3)))
    store = tmp_path / "store"
    assert audiofeat("extract", manifest, store, *JOB, "--quiet").code == 0
    before = contents(store)
    audio.rename(tmp_path / "unmounted")
    done = audiofeat("retry", store)
    assert done.code == 2
    assert "3 clips of" in done.err
    assert contents(store) == before


def test_a_lost_quarantine_is_work(source: Path, store: Path) -> None:
    (store / "quarantine.jsonl").unlink()
    assert audiofeat("plan", source, store, *JOB).code == 20


def test_another_decoder_is_refused_where_nothing_may_be_computed_again(source: Path, store: Path) -> None:
    before = contents(store)
    done = audiofeat("extract", source, store, *JOB, "--no-recompute", AUDIOFEAT_TEST_SOUNDFILE="99.0")
    assert done.code == 2
    assert "decoder changed (was soundfile" in done.err
    assert contents(store) == before
