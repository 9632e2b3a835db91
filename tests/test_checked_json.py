"""Notes of a store to itself: damage to one is as if it were not there, and never another note."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from damage import flipped
from small_store import FINGERPRINT, listing_of, make_store, settings_for, small_arrays

from audiofeat.errors import ConfigError
from audiofeat.job import Job
from audiofeat.known import known_results, read_quarantine
from audiofeat.records import Clip, Failure
from audiofeat.remembered import remember_source, remembered_job
from audiofeat.run_options import RunOptions
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.fingerprints import read_fingerprints, write_fingerprints
from audiofeat.store.layout import StorePaths, is_ours

TOO_DEEP = b"[" * 100_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "note.json"


def test_what_is_written_is_read(path: Path) -> None:
    values = {"text": "\u00fc\ud800", "numbers": [1, 0.1, 1e300, None], "inside": {"b": True, "a": {}}}
    write_checked_json(path, values)
    assert read_checked_json(path) == values


def test_every_bit_that_changes_is_noticed(path: Path) -> None:
    values = {"config": {"mel": {"bands": 40}}, "source": "/recordings", "follow_links": True}
    write_checked_json(path, values)
    for bit in range(8 * path.stat().st_size):
        with flipped(path, bit):
            assert read_checked_json(path) is None


def test_a_note_is_a_json_file_in_ascii_and_without_infinities(path: Path) -> None:
    values = {"z": 1, "a": ["\u00fc", None, 0.1]}
    write_checked_json(path, values)
    assert json.loads(path.read_bytes().decode("ascii"))["values"] == values
    with pytest.raises(ValueError, match="Out of range float"):
        write_checked_json(path, {"x": float("nan")})
    assert read_checked_json(path) == values


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"digest": 1}', b"\xff", TOO_DEEP, b'{"a":' * 50_000])
def test_what_is_no_note_is_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read_checked_json(path) is None


def test_json_that_is_nested_too_deep_ends_no_run(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path)
    for place in (paths.store_json, paths.quarantine):
        place.write_bytes(TOO_DEEP)
    assert read_quarantine(paths) == []
    assert not is_ours(paths)
    assert known_results(paths, settings_for()).clips == {}


def test_a_quarantine_of_other_things_is_none(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path)
    failure = Failure("a", "a.wav", "input.empty", "", "", None, None)
    for key in (1, None, ["a"], {}):
        paths.quarantine.write_text(json.dumps({**asdict(failure), "key": key}))
        assert read_quarantine(paths) == []


def test_every_bit_of_the_fingerprints_that_changes_is_noticed(path: Path) -> None:
    write_fingerprints(path, {"a": FINGERPRINT, "b": FINGERPRINT})
    assert read_fingerprints(path) == {"a": FINGERPRINT, "b": FINGERPRINT}
    for bit in range(0, 8 * path.stat().st_size, 7):
        with flipped(path, bit):
            assert read_fingerprints(path) == {}


def test_a_list_of_files_that_has_changed_is_refused(tmp_path: Path) -> None:
    config = settings_for().config
    paths = make_store(tmp_path / "store", settings_for(), small_arrays(2))
    clips = [Clip(key, f"{key}.wav", 1_000, 1, 1) for key in small_arrays(2)]
    listing = listing_of(clips, tmp_path)
    remember_source(Job(config, RunOptions(files=b"any"), str(tmp_path), paths, listing, 0, ()), settings_for())
    _, options = remembered_job(str(paths.root), RunOptions())
    assert options.files is not None
    assert options.files.count(b"\0") == 2
    with flipped(paths.files, 100), pytest.raises(ConfigError, match="is damaged"):
        remembered_job(str(paths.root), RunOptions())
    with flipped(paths.source, 100), pytest.raises(ConfigError, match="does not remember its source"):
        remembered_job(str(paths.root), RunOptions())
