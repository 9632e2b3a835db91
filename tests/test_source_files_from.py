"""Lists of files, as --files-from takes them."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audiofeat.config import Manifest
from audiofeat.errors import SourceError
from audiofeat.source import Listing, check_unique, list_files


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two files and a third below."""
    for name in ("a.wav", "b.dat", "more/c.flac"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def listed(names: bytes, *, root: str = ".", keep_suffix: bool = False, follow_links: bool = True) -> Listing:
    return list_files(names, root=root, keep_suffix=keep_suffix, follow_links=follow_links)


def refusal(names: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        listed(names)
    return str(caught.value)


@pytest.mark.parametrize(
    "names",
    [
        b"b.dat\na.wav\nmore/c.flac\n",
        b"b.dat\r\na.wav\r\n\r\nmore/c.flac",
        b"b.dat\0a.wav\0more/c.flac\0",
        b"./b.dat\0more/../a.wav\0.//more/c.flac",
    ],
    ids=["lines", "windows", "print0", "untidy"],
)
def test_every_named_file_is_a_clip_whatever_its_suffix(root: Path, names: bytes) -> None:
    listing = listed(names)
    assert (listing.root, listing.meta_names) == (".", ("folder",))
    assert [(clip.key, clip.path, clip.size_bytes, clip.meta) for clip in listing.clips] == [
        ("a", "a.wav", 5, ("",)),
        ("b", "b.dat", 5, ("",)),
        ("more/c", "more/c.flac", 11, ("more",)),
    ]
    assert listing.clips[0].inode == (root / "a.wav").stat().st_ino


def test_names_may_hold_any_bytes_and_line_ends_behind_nul(root: Path) -> None:
    name = b"new\nline caf\xe9.wav"
    (root / os.fsdecode(name)).write_bytes(b"x")
    (clip,) = listed(name + b"\0").clips
    assert (clip.key, os.fsencode(clip.path), clip.size_bytes) == ("new%0Aline caf%E9", name, 1)


def test_names_are_relative_to_the_current_folder_and_keys_to_the_source(root: Path) -> None:
    listing = listed(os.fsencode(root / "more/c.flac") + b"\na.wav\n", root="..", keep_suffix=True)
    assert [(clip.key, clip.path) for clip in listing.clips] == [
        ("root/a.wav", "root/a.wav"),
        ("root/more/c.flac", "root/more/c.flac"),
    ]


def test_links_keep_their_own_names(root: Path, tmp_path: Path) -> None:
    (root / "linked.wav").symlink_to(root / "more/c.flac")
    (tmp_path / "source").symlink_to(root)
    names = os.fsencode(tmp_path / "source/linked.wav") + b"\n" + os.fsencode(tmp_path / "source/a.wav")
    listing = listed(names, root=str(tmp_path / "source"))
    assert [(clip.key, clip.size_bytes) for clip in listing.clips] == [("a", 5), ("linked", 11)]
    listing = listed(names, root=str(tmp_path / "source"), follow_links=False)
    assert ([clip.key for clip in listing.clips], listing.links_refused) == (["a"], 1)


def test_row_01_04_missing_files_and_folders_are_clips_for_the_decoder_to_refuse(root: Path) -> None:
    listing = listed(b"nowhere.wav\nmore\n")
    assert [(clip.key, clip.size_bytes, clip.inode) for clip in listing.clips] == [("more", 0, 0), ("nowhere", 0, 0)]


@pytest.mark.parametrize("names", [b"", b"\n", b"\r\n\n", b"\0"])
def test_an_empty_list_has_no_clips(root: Path, names: bytes) -> None:
    listing = listed(names)
    assert (listing.kind, listing.clips) == ("list of files", [])


@pytest.mark.parametrize(
    ("source", "message"), [("nowhere", "the source 'nowhere' does not exist"), ("a.wav", "'a.wav' is not a folder")]
)
def test_a_root_that_is_no_folder_is_said_first(root: Path, source: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        listed(b"a.wav\n", root=source)


@pytest.fixture
def linked(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another path of the current folder, as a shell has it that went there through a link."""
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(root)
    monkeypatch.setenv("PWD", str(link))
    return link


def test_names_below_the_shells_path_of_the_current_folder_are_in_it(root: Path, linked: Path) -> None:
    for source in (".", str(root), str(linked)):
        for above in (root, linked):
            names = os.fsencode(above / "more/c.flac") + b"\na.wav\n"
            assert [clip.key for clip in listed(names, root=source).clips] == ["a", "more/c"]
    assert [clip.key for clip in listed(os.fsencode(linked / "more/c.flac"), root="more").clips] == ["c"]


def test_one_file_by_two_paths_of_its_folder_is_there_twice(root: Path, linked: Path) -> None:
    names = os.fsencode(root / "a.wav") + b"\0" + os.fsencode(linked / "a.wav")
    assert "this file is there twice, first in entry 1" in refusal(names)


@pytest.mark.parametrize("current", ["", "nowhere", "/nowhere", "/"])
def test_a_pwd_that_is_not_the_current_folder_is_not_believed(
    root: Path, monkeypatch: pytest.MonkeyPatch, current: str
) -> None:
    monkeypatch.setenv("PWD", current)
    assert [clip.key for clip in listed(b"a.wav\n").clips] == ["a"]
    assert "lies outside of SOURCE" in refusal(b"/nowhere/a.wav\n")


def test_columns_are_refused_where_no_file_has_any(root: Path) -> None:
    manifest = Manifest(key="id")
    with pytest.raises(SourceError) as caught:
        list_files(b"a.wav\n", root=".", keep_suffix=False, manifest=manifest)
    assert str(caught.value) == (
        "--files-from: 1 problem\n"
        "  all names   id   no such column, but manifest.key names it: no Parquet file is named"
    )
    pq.write_table(pa.table({"path": ["a.wav"], "id": ["x"]}), root / "table.parquet")
    (clip,) = list_files(b"table.parquet\n", root=".", keep_suffix=False, manifest=manifest).clips
    assert clip.key == "table/x"


def test_keys_that_no_suffix_tells_apart_are_not_told_to_keep_it(root: Path) -> None:
    with tarfile.open(root / "more.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("c.flac"))
    listing = listed(b"more.tar\nmore/c.flac\n", keep_suffix=True)
    with pytest.raises(SourceError, match=r"more/c\.flac: more\.tar/c\.flac, more/c\.flac\n  try: rename one of them"):
        check_unique(listing.clips, store_format="hdf5")


def test_containers_are_opened_and_their_clips_named_below_them(root: Path) -> None:
    with tarfile.open(root / "more/shard-1.TAR", "w") as tar:
        for name in ("x.wav", "x.txt", "README"):
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"ja"))
    pq.write_table(pa.table({"path": ["c.flac"], "label": [3]}), root / "more/table.parquet")
    listing = listed(b"a.wav\nmore/shard-1.TAR\nmore/table.parquet\n")
    assert (listing.meta_names, listing.not_audio) == (("folder", "txt", "label"), 1)
    assert [(clip.key, clip.path, clip.meta) for clip in listing.clips] == [
        ("a", "a.wav", ("", None, None)),
        ("more/shard-1/x", "more/shard-1.TAR", ("more", "ja", None)),
        ("more/table/c", "more/c.flac", ("more", None, 3)),
    ]
    assert [clip.size_bytes > 0 for clip in listing.clips] == [True] * 3


def test_a_damaged_container_refuses_the_list(root: Path) -> None:
    (root / "bad.tar").write_bytes(b"x" * 1_000)
    assert refusal(b"a.wav\nbad.tar\n") == "./bad.tar: 1 problem\n  byte 0   -   not a tar file: invalid header"


def test_wrong_names_are_refused_in_these_words(root: Path) -> None:
    names = b"a.wav\n../b.wav\n./a.wav\nhttps://example.org/c.wav\n.\n" + b"d" * 5_000 + b"\n"
    assert refusal(names) == "\n".join(
        [
            "--files-from: 5 problems",
            (
                f"  line 2   file   '../b.wav': lies outside of SOURCE, which is {str(root)!r}; "
                "name a folder above all files as SOURCE"
            ),
            "  line 3   file   './a.wav': this file is there twice, first in line 1",
            "  line 4   file   'https://example.org/c.wav': a URL; fetch it first",
            "  line 5   file   '.': this is SOURCE itself; name the files in it",
            f"  line 6   file   '{'d' * 56}...: makes a key of more than 4,096 bytes",
        ]
    )


def test_places_in_a_list_with_nul_are_entries(root: Path) -> None:
    assert refusal(b"a.wav\0a.wav\0") == (
        "--files-from: 1 problem\n  entry 2   file   'a.wav': this file is there twice, first in entry 1"
    )
