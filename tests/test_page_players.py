"""Where a page finds what clips were made of, and what it says where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page_stores import page_store, remember_source, source_clip

from audiofeat.page.players import PLAYED, Players
from audiofeat.source.audio_names import AUDIO_SUFFIXES
from audiofeat.store.layout import StorePaths


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorePaths, dict[str, dict[str, Any]]]:
    """A store, and rows of its manifest by key, whose files are there, changed, gone, or not to be played."""
    root = tmp_path_factory.mktemp("sources")
    source = root / "the source"
    rows = {key: source_clip(source, key) for key in ("a", "50% ü?#'\"", "changed", "gone")}
    rows["sph"] = source_clip(source, "sph")
    (source / "sph.wav").rename(source / "sph.sph")
    rows["sph"]["source"] = "sph.sph"
    (source / "changed.wav").write_bytes(b"another")
    (source / "gone.wav").unlink()
    (source / "all.tar").write_bytes(b"a container")
    rows["50% ü?#'\""]["source"] = "50%25 ü?#'\".wav"
    rows["member"] = {"source": "all.tar/b.wav"}
    rows["absolute"] = {**rows["a"], "source": f"{source}/a.wav"}
    rows["span"] = {**rows["a"], "start_seconds": 3_600.1239, "end_seconds": 3_601.0, "channel": 1}
    rows["from"] = {**rows["a"], "start_seconds": 0.25}
    rows["until"] = {**rows["a"], "end_seconds": 0.25}
    paths = page_store(root / "store", {key: {} for key in rows})
    remember_source(paths, source)
    whole = {"start_seconds": None, "end_seconds": None, "channel": None, "source_digest": "d" * 64}
    return paths, {key: {**whole, **row} for key, row in rows.items()}


@pytest.mark.parametrize(
    ("key", "url", "note"),
    [
        ("a", "../the%20source/a.wav", ""),
        ("50% ü?#'\"", "../the%20source/50%25%20%C3%BC%3F%23%27%22.wav", ""),
        ("absolute", "../the%20source/a.wav", ""),
        ("span", "../the%20source/a.wav#t=3600.124,3601", "the clip is channel 1; all channels are played"),
        ("from", "../the%20source/a.wav#t=0.25", ""),
        ("until", "../the%20source/a.wav#t=0,0.25", ""),
        ("changed", "", "the source has changed since"),
        ("gone", "", "the source is not there any more"),
        ("sph", "", "browsers play no .sph"),
        ("member", "", "inside a container: nothing to play"),
    ],
)
def test_a_player_leads_to_the_source_or_says_why_not(
    sources: tuple[StorePaths, dict[str, dict[str, Any]]], key: str, url: str, note: str
) -> None:
    paths, rows = sources
    players = Players(paths, page_folder=paths.root.parent / "pages")
    player = players.player(rows[key])
    assert (player.url, player.note, players.note) == (url, note, "")


def test_a_list_of_files_is_a_source_too_and_one_that_moved_is_said_once(tmp_path: Path) -> None:
    row = {**source_clip(tmp_path / "audio", "a"), "start_seconds": None, "end_seconds": None, "channel": None}
    (tmp_path / "audio" / "list.csv").write_text("path\na.wav\n")
    paths = page_store(tmp_path / "store", {"a": {}})
    remember_source(paths, tmp_path / "audio" / "list.csv")
    assert Players(paths, page_folder=tmp_path).player(row).url == "audio/a.wav"
    (tmp_path / "audio").rename(tmp_path / "moved")
    moved = Players(paths, page_folder=tmp_path)
    assert "is not where it was" in moved.note
    assert moved.player(row).url == ""


def test_every_suffix_that_is_played_is_one_of_audio() -> None:
    assert PLAYED <= AUDIO_SUFFIXES
