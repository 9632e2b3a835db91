"""Lists of files, as --files-from takes them."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audiofeat.errors import SourceError
from audiofeat.source import Listing, list_files


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


def test_missing_files_and_folders_are_clips_for_the_decoder_to_refuse(root: Path) -> None:
    listing = listed(b"nowhere.wav\nmore\n")
    assert [(clip.key, clip.size_bytes, clip.inode) for clip in listing.clips] == [("more", 0, 0), ("nowhere", 0, 0)]


@pytest.mark.parametrize("names", [b"", b"\n", b"\r\n\n", b"\0"])
def test_an_empty_list_has_no_clips(root: Path, names: bytes) -> None:
    assert listed(names).clips == []


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
            "  line 2   file   '../b.wav': lies outside of SOURCE; name a folder above all files as SOURCE",
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
