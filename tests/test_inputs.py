"""The same two hundred clips by every way to name them give the same features, by their digest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from manifests_of import WRITERS, clips_below
from running import age, audiofeat, differences, write_clip

import audiofeat as package

KINDS = ("flac", "wav", "ogg", "mp3")
JOB = ("--config", "kaldi-fbank80", "--set", "store.shard_clips=64", "--set", "log.range=30")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred short clips in four formats and twenty folders."""
    folder = tmp_path_factory.mktemp("two hundred")
    lengths = np.random.default_rng(5).uniform(0.1, 0.4, 200)
    for number, seconds in enumerate(lengths):
        kind = KINDS[number % len(KINDS)]
        path = folder / f"speaker_{number // 10:02d}" / f"take.{number:03d}.{kind}"
        path.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, round(seconds * 16_000))
        soundfile.write(path, noise, 16_000, format={"mp3": "MP3"}.get(kind))
        age(path)
    return folder


@pytest.fixture(scope="module")
def from_folder(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("folder") / "store"
    done = audiofeat("extract", clips, store, *JOB)
    assert done.code == 0, done.err
    return store


def digest_of(store: Path) -> str:
    return package.open_store(store).digest


def meta_of(store: Path, name: str) -> dict[str, Any]:
    manifest = package.open_store(store).manifest
    return dict(zip(manifest["key"].to_pylist(), manifest[f"meta.{name}"].to_pylist(), strict=True))


@pytest.mark.parametrize("kind", WRITERS)
def test_each_kind_of_source_gives_the_folders_digest(
    clips: Path, from_folder: Path, tmp_path: Path, kind: str
) -> None:
    source = WRITERS[kind](tmp_path, clips_below(clips))
    done = audiofeat("extract", source, tmp_path / "store", *JOB)
    assert done.code == 0, done.err
    assert "200 clips" in done.out
    assert digest_of(tmp_path / "store") == digest_of(from_folder)


@pytest.mark.parametrize("separator", [b"\0", b"\n"])
def test_a_list_of_files_gives_the_folders_digest(
    clips: Path, from_folder: Path, tmp_path: Path, separator: bytes
) -> None:
    names = sorted(os.fsencode(path) for path in clips.rglob("*") if path.is_file())
    (tmp_path / "names").write_bytes(separator.join(names) + separator)
    done = audiofeat("extract", "--files-from", tmp_path / "names", clips, tmp_path / "store", *JOB)
    assert done.code == 0, done.err
    assert digest_of(tmp_path / "store") == digest_of(from_folder)
    assert meta_of(tmp_path / "store", "folder") == meta_of(from_folder, "folder")


def test_the_folder_of_each_clip_is_kept(from_folder: Path) -> None:
    folders = meta_of(from_folder, "folder")
    assert folders["speaker_03/take.031"] == "speaker_03"
    assert len(set(folders.values())) == 20


def test_a_manifests_own_columns_are_kept_and_may_change_without_work(tmp_path: Path) -> None:
    for number in range(3):
        write_clip(tmp_path / f"{number}.wav", seed=number)
    lines = ["path,label,speaker,start,end", "0.wav,yes,007,,", "1.wav,no,,0.1,0.3", "1.wav,yes,anna,0.3,"]
    manifest, store = tmp_path / "clips.csv", tmp_path / "store"
    manifest.write_text("\n".join(lines))
    done = audiofeat("extract", manifest, store, *JOB)
    assert done.code == 0, done.err
    assert meta_of(store, "label") == {"0": "yes", "1@100-300": "no", "1@300-end": "yes"}
    assert meta_of(store, "speaker") == {"0": "007", "1@100-300": None, "1@300-end": "anna"}
    before = digest_of(store)

    manifest.write_text("\n".join(lines).replace("anna", "ben"))
    done = audiofeat("extract", manifest, store, *JOB)
    assert done.code == 0, done.err
    assert "decoded" not in done.out
    assert meta_of(store, "speaker")["1@300-end"] == "ben"
    assert digest_of(store) == before

    manifest.write_text("\n".join(lines).replace("0.1,0.3", "0.1,0.2"))
    done = audiofeat("extract", manifest, store, *JOB)
    assert "decoded   1 of 1 (new 1)" in done.out, done.out
    assert "deleted   1" in done.out


def test_a_span_with_a_key_of_its_own_is_decoded_again_when_it_moves(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.wav", seed=1, seconds=1.0)
    manifest, store = tmp_path / "clips.jsonl", tmp_path / "store"
    starts = [0.0, 0.25, 0.5, 0.75]
    rows = [{"path": "a.wav", "key": f"word {n}", "start": start, "end": start + 0.2} for n, start in enumerate(starts)]
    manifest.write_text("\n".join(map(json.dumps, rows)))
    assert audiofeat("extract", manifest, store, *JOB).code == 0
    before = package.open_store(store)["word 2"]["log_mel"]
    rows[2]["start"] = 0.55
    manifest.write_text("\n".join(map(json.dumps, rows)))
    done = audiofeat("extract", manifest, store, *JOB)
    assert "decoded   1 of 1 (span or channel changed 1)" in done.out, done.out
    assert "reused    3" in done.out
    assert not np.array_equal(package.open_store(store)["word 2"]["log_mel"][:5], before[:5])


def test_one_more_member_of_a_tar_is_the_only_one_decoded(clips: Path, tmp_path: Path) -> None:
    few = dict(list(clips_below(clips).items())[:20])
    more = few | {"extra": write_clip(tmp_path / "extra.wav", seed=1)}
    store = tmp_path / "store"
    assert audiofeat("extract", WRITERS["tar"](tmp_path, few), store, *JOB).code == 0
    done = audiofeat("extract", WRITERS["tar"](tmp_path, more), store, *JOB)
    assert done.code == 0, done.err
    assert "decoded   1 of 1 (new 1)" in done.out, done.out
    assert "reused    20" in done.out


def test_cut_clips_are_known_again(tmp_path: Path) -> None:
    """Three files become fifteen clips; one file changes, and its five alone are made anew."""
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", np.random.default_rng(number).uniform(-1, 1, (18_000, 2)), 8_000)
    store = tmp_path / "store"
    cut = (*JOB, "--set", "audio.channels=each", "--set", "audio.chunk_seconds=1", "--set", "select.min_seconds=0.5")
    done = audiofeat("extract", tmp_path, store, *cut)
    assert done.code == 0, done.err
    assert "12 clips" in done.out
    assert "left out  6 (too-short 6)" in done.out
    again = audiofeat("extract", tmp_path, store, *cut)
    assert "nothing to do" in again.out, again.out
    soundfile.write(tmp_path / "1.wav", np.random.default_rng(9).uniform(-1, 1, (18_000, 2)), 8_000)
    done = audiofeat("extract", tmp_path, store, *cut)
    assert "decoded   1 of 1 (changed 1)" in done.out, done.out
    assert "reused    2" in done.out
    assert list(package.open_store(store))[:4] == ["0@0-1000#0", "0@0-1000#1", "0@1000-2000#0", "0@1000-2000#1"]


def test_each_channel_and_a_manifests_channel_contradict_each_other(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.wav", seed=1)
    (tmp_path / "clips.csv").write_text("path,channel\na.wav,0\n")
    done = audiofeat("extract", tmp_path / "clips.csv", tmp_path / "store", *JOB, "--set", "audio.channels=each")
    assert done.code == 2
    assert "asks for channel 0 of 'a#0'" in done.err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select.min_seconds=null", "select.min_seconds=0.05"),
        ("select.max_seconds=2", "limits.max_seconds=1.5"),
        ("limits.min_sample_rate=1000", "limits.min_sample_rate=9000"),
    ],
)
def test_what_is_left_out_is_what_a_fresh_run_leaves_out(tmp_path: Path, before: str, after: str) -> None:
    """In the same words: a rerun under another choice must not leave what the choice before said."""
    source = tmp_path / "source"
    for number, n_samples in enumerate([100, 8_000, 20_000, 8_150]):
        write_clip(source / f"{number}.wav", seed=number, seconds=n_samples / 8_000, sample_rate=8_000)
    cut = (*JOB, "--set", "audio.chunk_seconds=1", "--workers", "1")
    first = audiofeat("extract", source, tmp_path / "store", *cut, "--set", before)
    again = audiofeat("extract", source, tmp_path / "store", *cut, "--set", before, "--set", after)
    fresh = audiofeat("extract", source, tmp_path / "fresh", *cut, "--set", before, "--set", after)
    assert first.code in (0, 3), first.err
    assert again.code == fresh.code
    assert differences(tmp_path / "store", tmp_path / "fresh") == []


def test_bands_that_a_files_own_rate_leaves_empty_are_told(tmp_path: Path) -> None:
    for rate in (8_000, 48_000):
        write_clip(tmp_path / "source" / f"{rate}.wav", seed=rate, sample_rate=rate)
    native = ("--set", "audio.sample_rate=native", "--set", "mel.fmax_hz=3500")
    done = audiofeat("extract", tmp_path / "source", tmp_path / "store", *JOB, *native)
    assert done.code == 0, done.err
    warnings = [line for line in done.out.splitlines() if "  warning" in line]
    assert len(warnings) == 1, "at 8000 Hz no band is empty"
    assert "at 48000 Hz, log_mel: 20 of 80 mel bands hold no FFT bin" in warnings[0]
