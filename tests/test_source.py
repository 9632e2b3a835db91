"""Scanning a folder: what is a clip, what is left out, and what is survived."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audiofeat.errors import SourceError
from audiofeat.records import Clip
from audiofeat.source import AUDIO_SUFFIXES, check_unique, scan_folder


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def keys(root: Path, **options: bool) -> list[str]:
    return [clip.key for clip in scan_folder(str(root), **options).clips]


def test_clips_are_sorted_by_key_with_what_the_system_knows_of_them(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav", "a/c.mp3", "a-b.FLAC", "Z.Ogg")
    listing = scan_folder(str(tmp_path))
    assert [(clip.key, clip.path) for clip in listing.clips] == [
        ("Z", "Z.Ogg"),
        ("a-b", "a-b.FLAC"),
        ("a/c", "a/c.mp3"),
        ("b", "b.wav"),
    ]
    status = (tmp_path / "a/c.mp3").stat()
    assert listing.clips[2] == Clip(
        key="a/c", path="a/c.mp3", size_bytes=7, ctime_ns=status.st_ctime_ns, inode=status.st_ino, meta=("a",)
    )
    assert (listing.root, listing.folders) == (str(tmp_path), 2)


def test_a_clips_folder_is_its_meta_value_one_object_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "100%/b/c.wav", "100%/b/d.wav")
    listing = scan_folder(str(tmp_path))
    assert listing.meta_names == ("folder",)
    assert [clip.meta for clip in listing.clips] == [("100%25/b",), ("100%25/b",), ("",)]
    assert listing.clips[0].meta is listing.clips[1].meta


def test_suffixes_are_kept_on_request(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav", "b.mp3")
    assert keys(tmp_path, keep_suffix=True) == ["b.mp3", "b.wav"]


def test_what_is_no_audio_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "README.txt", "wav", "labels.csv", "a.wav.json")
    listing = scan_folder(str(tmp_path))
    assert [clip.key for clip in listing.clips] == ["a"]
    assert listing.not_audio == 4


@pytest.mark.parametrize(
    "name",
    [".a.wav", "._a.wav", ".wav", ".git/a.wav", "a.wav.part", "a.wav.crdownload", "a.wav~", "~$a.wav", "Thumbs.db"],
)
def test_row_18_hidden_files_and_debris_are_left_out_and_counted(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.wav", name)
    listing = scan_folder(str(tmp_path))
    assert ([clip.key for clip in listing.clips], listing.hidden, listing.not_audio) == (["a"], 1, 0)


@pytest.mark.parametrize(
    "suffix", ["wav", "flac", "mp3", "ogg", "opus", "m4a", "wma", "amr", "aiff", "caf", "webm", "mp4"]
)
def test_common_suffixes_are_audio(suffix: str) -> None:
    assert suffix in AUDIO_SUFFIXES


def test_the_order_of_the_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "b.wav", "b.mp3", "a/x.wav", "a/b/y.wav", "c.txt")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "d").symlink_to("a")
    before = scan_folder(str(tmp_path))
    real_scandir = os.scandir

    class Shuffled:
        def __init__(self, path: str) -> None:
            with real_scandir(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *error: object) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert scan_folder(str(tmp_path)) == before


def test_links_to_files_and_folders_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    touch(tmp_path, "cache/ab12.wav", "more/deep/c.wav")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.wav").symlink_to("../cache/ab12.wav")
    (source / "left").symlink_to(tmp_path / "more")
    (source / "right").symlink_to(tmp_path / "more")
    listing = scan_folder(str(source))
    assert [clip.key for clip in listing.clips] == ["a", "left/deep/c", "right/deep/c"]
    assert listing.clips[0].size_bytes == len("cache/ab12.wav")
    assert listing.loops == []


def test_links_are_left_out_and_counted_on_request(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "folder/b.wav")
    (tmp_path / "c.wav").symlink_to("a.wav")
    (tmp_path / "linked").symlink_to("folder")
    (tmp_path / "gone.wav").symlink_to("nowhere")
    listing = scan_folder(str(tmp_path), follow_links=False)
    assert [clip.key for clip in listing.clips] == ["a", "folder/b"]
    assert listing.links_refused == 3


def test_the_root_may_be_a_link_even_so(tmp_path: Path) -> None:
    touch(tmp_path, "folder/b.wav")
    (tmp_path / "linked").symlink_to("folder")
    assert keys(tmp_path / "linked", follow_links=False) == ["b"]


def test_row_09_folder_loops_are_survived_and_listed(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.wav", "two/b.wav")
    (tmp_path / "one/self").symlink_to(".")
    (tmp_path / "one/up").symlink_to("..")
    (tmp_path / "one/to-two").symlink_to("../two")
    (tmp_path / "two/to-one").symlink_to("../one")
    listing = scan_folder(str(tmp_path))
    assert [clip.key for clip in listing.clips] == ["one/a", "one/to-two/b", "two/b", "two/to-one/a"]
    assert "one/self" in listing.loops
    assert "one/up" in listing.loops
    assert "one/to-two/to-one" in listing.loops
    assert "two/to-one/to-two" in listing.loops


def test_links_that_lead_nowhere_are_clips_for_the_decoder_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "dangling.wav").symlink_to("nowhere.wav")
    (tmp_path / "circular.wav").symlink_to("circular.wav")
    (tmp_path / "dangling.txt").symlink_to("nowhere")
    listing = scan_folder(str(tmp_path))
    assert listing.clips == [
        Clip(key=name, path=f"{name}.wav", size_bytes=0, ctime_ns=0, inode=0, meta=("",))
        for name in ("circular", "dangling")
    ]
    assert listing.not_audio == 1


def test_a_pipe_named_like_audio_is_a_clip_and_a_folder_is_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    touch(tmp_path, "folder.wav/a.wav")
    assert keys(tmp_path) == ["folder.wav/a", "pipe"]


def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    names = [b"caf\xe9.wav", b"new\nline.wav", b"100%.wav", "日本.wav".encode()]
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    listing = scan_folder(str(tmp_path))
    assert [clip.key for clip in listing.clips] == ["100%25", "caf%E9", "new%0Aline", "日本"]
    assert sorted(os.fsencode(clip.path) for clip in listing.clips) == sorted(names)


def test_folders_may_be_nested_deeper_than_python_recurses(tmp_path: Path) -> None:
    folders = [tmp_path]
    for _ in range(1_200):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    (folders[-1] / "a.wav").touch()
    try:
        listing = scan_folder(str(tmp_path))
        assert [clip.path for clip in listing.clips] == ["d/" * 1_200 + "a.wav"]
    finally:  # pytest's own clean-up does recurse
        (folders[-1] / "a.wav").unlink()
        for folder in reversed(folders[1:]):
            folder.rmdir()


@pytest.fixture
def close_folder(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes one folder unlistable, for root as well, whom permissions do not stop."""
    real_scandir = os.scandir

    def close(folder: Path) -> None:
        def scandir(path: str) -> Iterator[os.DirEntry[str]]:
            if os.path.samefile(path, folder):
                raise PermissionError(13, "Permission denied", path)
            return real_scandir(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return close


def test_row_20_a_folder_that_cannot_be_listed_is_named_and_its_siblings_scanned(
    tmp_path: Path, close_folder: Callable[[Path], None]
) -> None:
    touch(tmp_path, "closed/a.wav", "open/b.wav")
    close_folder(tmp_path / "closed")
    listing = scan_folder(str(tmp_path))
    assert ([clip.key for clip in listing.clips], listing.unreadable) == (["open/b"], ["closed"])
    assert listing.folders == 2


def test_a_root_that_cannot_be_listed_is_refused(tmp_path: Path, close_folder: Callable[[Path], None]) -> None:
    close_folder(tmp_path)
    with pytest.raises(SourceError, match="cannot be listed: Permission denied"):
        scan_folder(str(tmp_path))


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere' does not exist"):
        scan_folder(str(tmp_path / "nowhere"))


def test_a_file_as_root_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    with pytest.raises(SourceError, match=r"a\.wav' is not a folder"):
        scan_folder(str(tmp_path / "a.wav"))


def test_an_empty_folder_has_no_clips(tmp_path: Path) -> None:
    listing = scan_folder(str(tmp_path))
    assert (listing.kind, listing.clips) == ("folder", [])


def test_a_relative_root_gives_the_same_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "source/a/b.wav")
    monkeypatch.chdir(tmp_path)
    assert scan_folder("source").clips == scan_folder(str(tmp_path / "source")).clips


def test_the_sample_data_has_its_clips_and_nothing_else(sample_data: Path) -> None:
    listing = scan_folder(str(sample_data))
    check_unique(listing.clips, store_format="npy")
    assert (len(listing.clips), listing.hidden, listing.not_audio) == (16, 1, 1)
    assert {clip.key for clip in listing.clips} >= {"broken/cut_in_the_middle", "tones/siren", "speech/low/aeiou"}
