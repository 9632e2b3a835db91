"""Tar and Parquet files: their members are clips where they lie, and damage is told by where it is."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audiofeat.config import Manifest
from audiofeat.errors import SourceError
from audiofeat.records import Clip, Excerpt, Member
from audiofeat.source import Listing, check_unique, list_source, source_name

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def listed(file: Path, *, keep_suffix: bool = False, **columns: Any) -> Listing:
    return list_source(str(file), manifest=Manifest(**columns), keep_suffix=keep_suffix)


def refusal(file: Path, **columns: Any) -> str:
    with pytest.raises(SourceError) as caught:
        listed(file, **columns)
    return str(caught.value).replace(f"{file.parent}/", "")


def write_tar(file: Path, members: Mapping[str, bytes], *, kind: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(file, "w", format=kind) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file


def write_links(file: Path, links: Mapping[str, tuple[bytes, str]], *, audio: str = "blobs/1") -> Path:
    """A tar of one file of audio and of links, each with its type and target."""
    with tarfile.open(file, "w") as tar:
        member = tarfile.TarInfo(audio)
        member.size = 5
        tar.addfile(member, io.BytesIO(b"audio"))
        for name, (kind, target) in links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    return file


def write_parquet(file: Path, row_group_size: int | None = None, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), file, row_group_size=row_group_size)
    return file


def bytes_in(file: Path, clip: Clip) -> bytes:
    assert clip.member is not None
    data = file.read_bytes()
    return data[clip.member.offset : clip.member.offset + clip.member.size_bytes]


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_audio_files_in_a_tar_are_clips_where_they_lie(tmp_path: Path, kind: int) -> None:
    members = {
        "b.wav": b"bbb",
        "./a/c.FLAC": b"c" * 1_000,
        "a//d.mp3": b"",
        "README": b"read",
        ".git/e.wav": b"e",
        "._b.wav": b"f",
    }
    file = write_tar(tmp_path / "shard.tar", members, kind=kind)
    status = file.stat()
    listing = listed(file)
    assert (listing.root, listing.hidden, listing.not_audio, listing.warnings) == (str(tmp_path), 2, 1, [])
    assert [(clip.key, clip.member.name if clip.member else "") for clip in listing.clips] == [
        ("a/c", "a/c.FLAC"),
        ("a/d", "a/d.mp3"),
        ("b", "b.wav"),
    ]
    assert [bytes_in(file, clip) for clip in listing.clips] == [b"c" * 1_000, b"", b"bbb"]
    clip = listing.clips[2]
    assert (clip.path, clip.size_bytes, clip.ctime_ns, clip.inode) == (
        "shard.tar",
        status.st_size,
        status.st_ctime_ns,
        status.st_ino,
    )
    assert source_name(clip.path, clip.member) == "shard.tar/b.wav"


def test_names_of_any_bytes_are_keys(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", {os.fsdecode(b"caf\xe9.wav"): b"x", "日本.wav": b"y"}, kind=tarfile.GNU_FORMAT)
    assert [(clip.key, clip.member and clip.member.name) for clip in listed(file).clips] == [
        ("caf%E9", "caf%E9.wav"),
        ("日本", "日本.wav"),
    ]


def test_the_last_of_two_members_with_one_name_counts(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", {"a.wav": b"old", "b.wav": b"b"})
    with tarfile.open(file, "a") as tar:
        member = tarfile.TarInfo("./a.wav")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"new"))
    assert [(clip.key, bytes_in(file, clip)) for clip in listed(file).clips] == [("a", b"new"), ("b", b"b")]


def test_links_to_files_of_the_tar_are_clips_and_others_are_counted(tmp_path: Path) -> None:
    links = {
        "hard.wav": (tarfile.LNKTYPE, "blobs/1"),
        "a/soft.wav": (tarfile.SYMTYPE, "../blobs/1"),
        "a/twice.wav": (tarfile.SYMTYPE, "soft.wav"),
        "out.wav": (tarfile.SYMTYPE, "/etc/passwd"),
        "up.wav": (tarfile.SYMTYPE, "../blobs/1"),
        "loop.wav": (tarfile.SYMTYPE, "loop.wav"),
        "pipe.wav": (tarfile.FIFOTYPE, ""),
        "soft.txt": (tarfile.SYMTYPE, "blobs/1"),
    }
    file = write_links(tmp_path / "a.tar", links)
    listing = listed(file)
    assert [(clip.key, bytes_in(file, clip)) for clip in listing.clips] == [
        ("a/soft", b"audio"),
        ("a/twice", b"audio"),
        ("hard", b"audio"),
    ]
    assert (listing.links_refused, listing.not_audio) == (4, 2)


def test_what_webdataset_packs_beside_a_clip_is_meta(tmp_path: Path) -> None:
    members = {
        "x/a.json": b'{"label": 3, "words": ["ja"]}',
        "x/a.wav": b"",
        "x/a.txt": " grün\n".encode(),
        "x/b.cls": b"7\n",
        "x/b.wav": b"",
        "x/c.wav": b"",
        "x/c.json": b"[1]",
        "x/c.txt": b"t" * 70_000,
        "x/d.json": b'{"nobody": 1}',
    }
    listing = listed(write_tar(tmp_path / "a.tar", members))
    assert listing.meta_names == ("label", "words", "txt", "cls")
    assert [(clip.key, clip.meta) for clip in listing.clips] == [
        ("x/a", (3, '["ja"]', "grün", None)),
        ("x/b", (None, None, None, "7")),
        ("x/c", (None, None, None, None)),
    ]
    assert listing.not_audio == 3
    assert listing.warnings == [
        "files beside clips that are longer than 65,536 bytes are not read: 1",
        ".json files beside clips that hold no object are not read: 1",
    ]


def test_two_files_of_a_tar_that_differ_by_suffix_want_one_key(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", {"x/a.wav": b"", "x/a.mp3": b""})
    with pytest.raises(SourceError) as caught:
        check_unique(listed(file).clips, store_format="hdf5")
    assert str(caught.value) == (
        "clips that want the same key (1 found):\n"
        "  x/a: a.tar/x/a.mp3, a.tar/x/a.wav\n"
        "  try: --set select.keys=name keeps the file suffix in the key; or rename one file of each pair"
    )
    assert [clip.key for clip in listed(file, keep_suffix=True).clips] == ["x/a.mp3", "x/a.wav"]


def test_an_empty_tar_has_no_clips(tmp_path: Path) -> None:
    listing = listed(write_tar(tmp_path / "a.tar", {}))
    assert (listing.kind, listing.clips) == ("tar", [])


def test_wrong_members_are_refused_in_these_words(tmp_path: Path) -> None:
    members = {
        "../a.wav": b"",
        "/b.wav": b"",
        "x/../c.wav": b"",
        "/etc/passwd": b"",
        "d.json": b"{",
        "d.wav": b"",
        "e.txt": b"\xff",
        "e.wav": b"",
        "f.json": b'{"txt": 1}',
        "f.txt": b"2",
        "f.wav": b"",
    }
    text = refusal(write_tar(tmp_path / "a.tar", members, kind=tarfile.GNU_FORMAT))
    assert (
        text
        == """\
a.tar: 6 problems
  byte 0      name     '../a.wav': a name in an archive must not have '..' between its slashes
  byte 512    name     '/b.wav': a name in an archive must not begin with a slash
  byte 1024   name     'x/../c.wav': a name in an archive must not have '..' between its slashes
  byte 2048   d.json   not JSON: Expecting property name enclosed in double quotes at character 2
  byte 3584   e.txt    byte 0xFF at 1 is not UTF-8
  byte 6144   txt      both f.json and f.txt say it"""
    )


def test_a_name_longer_than_paths_may_be_is_refused(tmp_path: Path) -> None:
    name = "n" * 100_000 + ".wav"
    text = refusal(write_tar(tmp_path / "a.tar", {name: b""}))
    assert text == f"a.tar: 1 problem\n  byte 0   name   '{'n' * 56}...: makes a key of more than 4,096 bytes"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "byte 0   -   not a tar file: empty file"),
        (lambda data: b"RIFF" + data[4:], "byte 0   -   not a tar file: bad checksum"),
        (lambda data: data[:300], "byte 0   -   not a tar file: truncated header"),
        (
            lambda data: b"\x1f\x8b" + data,
            "byte 0   -   compressed by gzip; unpack it, or pack it again as a plain .tar",
        ),
        (
            lambda data: data[:1_000],
            "byte 0   a.wav   cut off: it needs 2,000 bytes from 512 on, and the file ends at 1,000",
        ),
        (
            lambda data: data[:2_512],
            "byte 2560   -   damaged: unexpected end of data",
        ),
        (
            lambda data: data[:2_600],
            "byte 2560   -   damaged or cut off: no header, and no end of an archive",
        ),
        (
            lambda data: data[:2_600] + b"\xff" + data[2_601:],
            "byte 2560   -   damaged or cut off: no header, and no end of an archive",
        ),
        (
            lambda data: data[: 2_560 + 124] + b"\xff" * 11 + b"\x00" + data[2_560 + 136 :],
            "byte 2560   -   damaged or cut off: no header, and no end of an archive",
        ),
    ],
)
def test_a_damaged_tar_is_refused_with_the_place(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    file = write_tar(tmp_path / "a.tar", {"a.wav": b"a" * 2_000, "b.wav": b"b"}, kind=tarfile.GNU_FORMAT)
    file.write_bytes(damage(file.read_bytes()))
    assert refusal(file) == f"a.tar: 1 problem\n  {message}"


def test_a_header_of_negative_size_is_no_endless_loop(tmp_path: Path) -> None:
    """A base-256 size of -512 leads back to the header itself (CVE-2025-8194)."""
    file = write_tar(tmp_path / "a.tar", {"a.wav": b"a", "b.wav": b"b"}, kind=tarfile.GNU_FORMAT)
    data = bytearray(file.read_bytes())
    header = data[1_024:1_536]
    header[124:136] = (-512).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    data[1_024:1_536] = header
    file.write_bytes(data)
    assert refusal(file).startswith("a.tar: 1 problem\n  byte 1024   -   damaged: ")


def test_a_tar_without_an_end_or_with_another_behind_it_gets_a_warning(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", {"a.wav": b"a" * 2_000})
    data = file.read_bytes()
    file.write_bytes(data[:2_560])
    assert listed(file).warnings == ["the archive has no end marker: it may be cut off behind its last member"]
    file.write_bytes(data + data)
    listing = listed(file)
    assert len(listing.clips) == 1
    assert listing.warnings == [
        "what lies behind the archive's end at byte 2,560 is not read: was another one appended?"
    ]


def test_bytes_in_parquet_are_clips_named_by_their_path(tmp_path: Path) -> None:
    audio = pa.array([{"bytes": b"x" * 10, "path": "b/2.wav"}, {"bytes": b"y", "path": None}], AUDIO)
    file = write_parquet(tmp_path / "train.parquet", audio=audio, sentence=["ja", None], thumbnail=[b"1", b"2"])
    listing = listed(file)
    mean = file.stat().st_size // 2
    assert listing.meta_names == ("sentence",)
    assert [(clip.key, clip.path, clip.member, clip.meta) for clip in listing.clips] == [
        ("000001", "train.parquet", Member("000001", 1, mean, "audio.bytes"), (None,)),
        ("b/2", "train.parquet", Member("b/2.wav", 0, mean, "audio.bytes"), ("ja",)),
    ]
    assert listing.clips[0].size_bytes == file.stat().st_size


def test_a_column_of_bytes_alone_is_named_by_its_rows(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", row_group_size=2, wav=[b"a", b"b", b"c"], start=[None, 1.5, None])
    listing = listed(file, path="wav")
    assert [(clip.key, clip.excerpt, clip.member and clip.member.column) for clip in listing.clips] == [
        ("000000", None, "wav"),
        ("000001@1500-end", Excerpt(1.5, None, None), "wav"),
        ("000002", None, "wav"),
    ]
    assert [clip.member.offset for clip in listing.clips if clip.member] == [0, 1, 2]


@pytest.mark.parametrize("row_group_size", [1, 2, 5], ids=["told apart by statistics", "mixed", "one group"])
@pytest.mark.parametrize("statistics", [True, False])
def test_a_row_without_bytes_is_the_file_at_its_path(tmp_path: Path, row_group_size: int, statistics: bool) -> None:
    (tmp_path / "here.wav").write_bytes(b"here")
    rows = [{"bytes": b"", "path": "1.wav"}, {"bytes": None, "path": "here.wav"}] * 2 + [{"bytes": b"x", "path": None}]
    rows[3] = {"bytes": None, "path": "gone.wav"}
    rows[2] = {"bytes": b"z", "path": "3.wav"}
    file = tmp_path / "a.parquet"
    table = pa.table({"audio": pa.array(rows, AUDIO)})
    pq.write_table(table, file, row_group_size=row_group_size, write_statistics=statistics)
    assert [(clip.key, clip.path, clip.member is None) for clip in listed(file).clips] == [
        ("000004", "a.parquet", False),
        ("1", "a.parquet", False),
        ("3", "a.parquet", False),
        ("gone", "gone.wav", True),
        ("here", "here.wav", True),
    ]


def test_the_audio_is_not_read_while_listing(tmp_path: Path) -> None:
    """Its pages are overwritten, which reading would notice by their checksums."""
    audio = pa.array([{"bytes": b"AUDIO" * 1_000, "path": f"{row}.wav"} for row in range(4)], AUDIO)
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"audio": audio}), file, compression="none", use_dictionary=False, write_page_checksum=True)
    file.write_bytes(file.read_bytes().replace(b"AUDIO", b"xxxxx"))
    assert len(listed(file).clips) == 4


def test_meta_values_of_parquet_keep_their_scalar_types(tmp_path: Path) -> None:
    moment = datetime(2024, 5, 17, 12, 30, tzinfo=timezone.utc)
    columns: dict[str, Any] = {
        "path": pa.array(["a.wav"]).dictionary_encode(),
        "i": [3],
        "f": pa.array([0.5], pa.float32()),
        "nan": [float("nan")],
        "yes": [True],
        "null": pa.nulls(1),
        "word": pa.array(["ja"]).dictionary_encode(),
        "when": pa.array([moment], pa.timestamp("us", tz="Europe/Berlin")),
        "day": [moment.date()],
        "nano": pa.array([1], pa.time64("ns")),
        "price": [Decimal("1.50")],
        "list": [["a", None]],
        "struct": [{"x": 1}],
        "huge": pa.array([2**64 - 1], pa.uint64()),
        "embedding": [[b"x"]],
    }
    listing = listed(write_parquet(tmp_path / "a.parquet", **columns))
    assert dict(zip(listing.meta_names, listing.clips[0].meta, strict=True)) == {
        "i": 3,
        "f": 0.5,
        "nan": None,
        "yes": True,
        "null": None,
        "word": "ja",
        "when": "2024-05-17 12:30:00.000000Z",
        "day": "2024-05-17",
        "nano": "00:00:00.000000001",
        "price": "1.50",
        "list": '["a",null]',
        "struct": '{"x":1}',
        "huge": str(2**64 - 1),
    }


def test_a_column_of_paths_wins_over_audio_with_a_word(tmp_path: Path) -> None:
    audio = pa.array([{"bytes": b"x", "path": "1.wav"}], AUDIO)
    (tmp_path / "a.wav").touch()
    file = write_parquet(tmp_path / "a.parquet", path=["a.wav"], audio=audio)
    listing = listed(file)
    assert [(clip.key, clip.member, clip.meta) for clip in listing.clips] == [("a", None, ())]
    assert listing.warnings == [
        (
            "paths are read from the column 'path'; the column 'audio' holds audio itself: "
            "--set manifest.path=audio reads that"
        )
    ]
    listing = listed(file, path="audio")
    assert [(clip.key, clip.meta, listing.meta_names) for clip in listing.clips] == [("1", ("a.wav",), ("path",))]


def test_a_table_without_rows_has_no_clips(tmp_path: Path) -> None:
    assert listed(write_parquet(tmp_path / "a.parquet", path=pa.array([], pa.string()))).clips == []
    listing = listed(write_parquet(tmp_path / "a.parquet", audio=pa.array([], AUDIO)))
    assert (listing.kind, listing.clips) == ("manifest", [])


def test_rows_of_parquet_that_want_one_key_are_named(tmp_path: Path) -> None:
    audio = pa.array([{"bytes": b"x", "path": "a.wav"}, {"bytes": b"y", "path": "a.wav"}], AUDIO)
    assert refusal(write_parquet(tmp_path / "a.parquet", audio=audio)) == (
        "a.parquet: 1 problem\n  row 1   key   'a': row 0 has the same key\n"
        "  try: give each row a key of its own, in the column 'key' (manifest.key); "
        "for files that differ by suffix alone, --set select.keys=name is enough"
    )


def test_wrong_rows_of_parquet_are_refused_in_these_words(tmp_path: Path) -> None:
    rows = [
        {"bytes": b"x", "path": "/data/a.wav"},
        {"bytes": None, "path": None},
        {"bytes": b"x", "path": "../b.wav"},
        {"bytes": None, "path": "https://example.org/c.wav"},
        {"bytes": b"x", "path": "/data/d.wav"},
    ]
    columns: dict[str, Any] = {
        "key": [None, "b", None, "c", "d"],
        "end": [None, None, -1.0, None, 0.0],
        "channel": [1.0, 2.5, 0, 0, 0],
    }
    file = write_parquet(tmp_path / "a.parquet", audio=pa.array(rows, AUDIO), **columns)
    assert (
        refusal(file)
        == """\
a.parquet: 6 problems
  row 0   audio.path    '/data/a.wav': an absolute path needs a key (column 'key')
  row 1   audio.bytes   null, and no path beside it
  row 2   end           -1.0: must be at least 0
  row 2   audio.path    '../b.wav': a path that leads out of the manifest's folder needs a key (column 'key')
  row 3   audio.path    'https://example.org/c.wav': a URL; fetch it first
  row 4   end           0.0: must be greater than 0"""
    )


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        (
            {"file_name": ["a.wav"]},
            {},
            (
                "schema   path   no such column; did you mean 'file_name'?  (columns: file_name); "
                "--set manifest.path=NAME names another"
            ),
        ),
        ({"path": [1]}, {}, "schema   path   of type int64; text, bytes, or a struct of 'bytes' and 'path' is wanted"),
        (
            {"one": pa.array([None], AUDIO), "two": pa.array([None], AUDIO)},
            {},
            (
                "schema   path   no such column, and more than one holds audio  (columns: one, two); "
                "--set manifest.path=NAME chooses"
            ),
        ),
        (
            {"path": ["a.wav"]},
            {"start": "begin"},
            "schema   begin   no such column, but manifest.start names it  (columns: path)",
        ),
    ],
)
def test_tables_without_the_columns_are_refused_in_these_words(
    tmp_path: Path, columns: dict[str, Any], names: dict[str, str], message: str
) -> None:
    file = write_parquet(tmp_path / "a.parquet", **columns)
    assert refusal(file, **names) == f"a.parquet: 1 problem\n  {message}"


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array(["a.wav"]), pa.array([1]), pa.array([2])], names=["path", "x", "x"])
    pq.write_table(table, tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.parquet") == "a.parquet: 1 problem\n  schema   x   two columns have this name, 2 and 3"


@pytest.mark.parametrize("damage", [b"", b"not a table", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(damage)
    assert refusal(tmp_path / "a.parquet").startswith(
        "a.parquet: 1 problem\n  file   -   cannot be read as Parquet: Parquet"
    )


def test_text_in_parquet_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    latin = pa.Array.from_buffers(pa.string(), 1, pa.array([b"gr\xfcn"]).buffers())
    file = write_parquet(tmp_path / "a.parquet", path=["a.wav"], word=latin)
    reason = "'utf-8' codec can't decode byte 0xfc in position 2: invalid start byte"
    assert refusal(file) == f"a.parquet: 1 problem\n  file   -   cannot be read as Parquet: {reason}"


def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", path=["a.wav"] * 1_000, n=list(range(1_000)))
    data = file.read_bytes()
    file.write_bytes(data[:100] + b"\0" * 2_000 + data[2_100:])
    assert refusal(file).startswith("a.parquet: 1 problem\n  file   -   cannot be read as Parquet: ")


def test_a_footer_that_contradicts_itself_ends_no_process(tmp_path: Path) -> None:
    """One changed bit calls the bytes required; asked for their statistics then, pyarrow ends in SIGABRT."""
    file = write_parquet(tmp_path / "a.parquet", audio=pa.array([{"bytes": b"RIFF", "path": "a.wav"}], AUDIO))
    optional, required = (b"\x15\x0c\x25" + flag + b"\x18\x05bytes" for flag in (b"\x02", b"\x00"))
    data = file.read_bytes()
    assert data.count(optional) == 1
    file.write_bytes(data.replace(optional, required))
    assert refusal(file).startswith("a.parquet: 1 problem\n  file   -   cannot be read as Parquet: ")


def test_a_json_column_beside_paths_is_no_role(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", path=["a.wav"], key=[7], words=[json.dumps(["ja"])])
    assert [(clip.key, clip.meta) for clip in listed(file).clips] == [("7", ('["ja"]',))]
