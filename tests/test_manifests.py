"""Manifests: what each kind of them says, and how it becomes clips. What is refused: see test_manifest_refusals.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from manifests_of import WRITERS, Clips, clips_below

from audiofeat.config import Manifest
from audiofeat.errors import SourceError
from audiofeat.records import Clip, Excerpt
from audiofeat.source import Listing, list_source, source_name


def listing_of(file: Path, text: str | bytes, *, keep_suffix: bool = False, **columns: str) -> Listing:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list_source(str(file), manifest=Manifest(**columns), keep_suffix=keep_suffix)


def keys(listing: Listing) -> list[str]:
    return [clip.key for clip in listing.clips]


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Three files that are audio by their names."""
    for name in ("a.wav", "b.flac", "more/c.mp3"):
        path = tmp_path / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "audio"


def test_a_csv_names_files_beside_it_with_what_the_system_knows_of_them(audio: Path) -> None:
    listing = listing_of(audio / "clips.csv", 'path,label,text\nmore/c.mp3,dog,"one,\n two"\na.wav,cat,\n')
    status = (audio / "a.wav").stat()
    assert listing.root == str(audio)
    assert listing.meta_names == ("label", "text")
    assert listing.clips[0] == Clip("a", "a.wav", 5, status.st_ctime_ns, status.st_ino, meta=("cat", None))
    assert (listing.clips[1].key, listing.clips[1].meta) == ("more/c", ("dog", "one,\n two"))
    assert (listing.folders, listing.not_audio, listing.warnings) == (0, 0, [])


@pytest.mark.parametrize("name", ["clips.tsv", "CLIPS.TSV"])
def test_a_tsv_has_tabs_and_may_have_commas(audio: Path, name: str) -> None:
    listing = listing_of(audio / name, "text\tpath\nwell, yes\ta.wav\n")
    assert (keys(listing), listing.clips[0].meta) == (["a"], ("well, yes",))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
def test_what_spreadsheets_write_is_read(audio: Path, mark: bytes, end: bytes) -> None:
    lines = [b"path,word", "a.wav,grün".encode(), b"", b"b.flac,"]
    listing = listing_of(audio / "clips.csv", mark + end.join(lines))
    assert [(clip.key, clip.meta) for clip in listing.clips] == [("a", ("grün",)), ("b", (None,))]


@pytest.mark.parametrize(
    ("start", "end", "channel", "excerpt", "key"),
    [
        ("", "", "", None, "a"),
        ("1.5", "2.25", "", Excerpt(1.5, 2.25, None), "a@1500-2250"),
        ("1.5", "", "", Excerpt(1.5, None, None), "a@1500-end"),
        ("", "2", "", Excerpt(None, 2.0, None), "a@0-2000"),
        ("-0", "", "", Excerpt(0.0, None, None), "a@0-end"),
        ("", "", "1", Excerpt(None, None, 1), "a#1"),
        ("0.0004", "1e1", "0.0", Excerpt(0.0004, 10.0, 0), "a@0-10000#0"),
    ],
)
def test_spans_and_channels_become_excerpts_and_parts_of_the_key(
    audio: Path, start: str, end: str, channel: str, excerpt: Excerpt | None, key: str
) -> None:
    listing = listing_of(audio / "clips.csv", f"path,start,end,channel\na.wav,{start},{end},{channel}\n")
    assert [(clip.excerpt, clip.key) for clip in listing.clips] == [(excerpt, key)]
    assert str(listing.clips[0].excerpt) != "-0.0-"


def test_columns_may_have_other_names(audio: Path) -> None:
    text = "audio_filepath,begin,stop,id,path\na.wav,1,2,x/y,old\n"
    listing = listing_of(audio / "clips.csv", text, path="audio_filepath", start="begin", end="stop", key="id")
    assert listing.clips[0].key == "x/y"
    assert listing.clips[0].excerpt == Excerpt(1.0, 2.0, None)
    assert (listing.meta_names, listing.clips[0].meta) == (("path",), ("old",))


def test_a_column_that_differs_from_a_role_by_case_alone_is_pointed_out(audio: Path) -> None:
    listing = listing_of(audio / "clips.csv", "path,Start\na.wav,1\n")
    assert listing.clips[0].excerpt is None
    assert listing.warnings == [
        "the column 'Start' is kept as a meta value and not read as the start; --set manifest.start=Start reads it"
    ]


@pytest.mark.parametrize(
    ("cell", "key", "path"),
    [
        ("./a.wav", "a", "a.wav"),
        ("more//./c.mp3", "more/c", "more/c.mp3"),
        ("more/../a.wav", "a", "more/../a.wav"),  # 'more' may be a link, so the path stays
        ("a b%.wav", "a b%25", "a b%.wav"),
        ("日本.wav", "日本", "日本.wav"),
        ("..a.wav", "..a", "..a.wav"),
        ("folder.d/", "folder", "folder.d"),
    ],
)
def test_paths_are_tidied_for_the_key_and_kept_for_opening(audio: Path, cell: str, key: str, path: str) -> None:
    listing = listing_of(audio / "clips.csv", f"path\n{cell}\n")
    assert [(clip.key, clip.path) for clip in listing.clips] == [(key, path)]


def test_absolute_paths_and_paths_elsewhere_are_fine_with_a_key(audio: Path) -> None:
    (audio.parent / "d.wav").write_bytes(b"d")
    listing = listing_of(audio / "clips.csv", f"key,path\none,{audio}/a.wav\ntwo%,../d.wav\n")
    assert [(clip.key, clip.path, clip.size_bytes) for clip in listing.clips] == [
        ("one", f"{audio}/a.wav", 5),
        ("two%25", "../d.wav", 1),
    ]


def test_suffixes_are_kept_in_keys_on_request(audio: Path) -> None:
    assert keys(listing_of(audio / "clips.csv", "path,start\na.wav,1\n", keep_suffix=True)) == ["a.wav@1000-end"]


def test_what_cannot_be_examined_is_a_clip_for_the_decoder_to_refuse(audio: Path) -> None:
    listing = listing_of(audio / "clips.csv", f"path\nnowhere.wav\nmore\na.wav\n{'x' * 300}.wav\n")
    assert [(clip.path[:7], clip.size_bytes, clip.inode != 0) for clip in listing.clips] == [
        ("a.wav", 5, True),
        ("more", 0, False),
        ("nowhere", 0, False),
        ("xxxxxxx", 0, False),
    ]
    assert listing.warnings == []


def test_a_manifest_of_missing_files_alone_gets_a_warning(audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(audio)
    listing = listing_of(Path("clips.csv"), "path\nnowhere.wav\n")
    assert (listing.root, keys(listing)) == (".", ["nowhere"])
    assert listing.warnings == ["none of the files it names was found; relative paths are looked for from '.'"]


def test_each_file_is_examined_once(audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_stat = os.stat
    asked: list[str] = []

    def stat(path: str, **options: object) -> os.stat_result:
        asked.append(os.path.basename(path))
        return real_stat(path)

    monkeypatch.setattr(os, "stat", stat)
    rows = "".join(f"a.wav,{start}\n" for start in range(50))
    assert len(listing_of(audio / "clips.csv", f"path,start\n{rows}").clips) == 50
    assert asked.count("a.wav") == 1


def test_a_manifest_without_rows_has_no_clips(audio: Path) -> None:
    assert listing_of(audio / "clips.csv", "path,label\n").clips == []
    assert listing_of(audio / "clips.jsonl", "").clips == []
    assert listing_of(audio / "clips.jsonl", "\n").clips == []
    assert listing_of(audio / "wav.scp", "\n \n").clips == []


def test_json_lines_keep_the_types_of_scalars(audio: Path) -> None:
    values = {"n": 3, "r": 0.5, "yes": True, "none": None, "text": "ja", "big": 2**70, "list": [1, {"a": None}]}
    listing = listing_of(audio / "clips.jsonl", json.dumps({"path": "a.wav", **values}) + "\n")
    assert listing.meta_names == tuple(values)
    assert listing.clips[0].meta == (3, 0.5, True, None, "ja", str(2**70), '[1,{"a":null}]')


def test_json_lines_may_differ_in_their_keys(audio: Path) -> None:
    lines = ['{"path": "b.flac", "x": 1}', "", '{"y": 2, "path": "a.wav", "start": 1.5, "end": 2, "channel": 1}']
    listing = listing_of(audio / "clips.ndjson", "\n".join(lines))
    assert listing.meta_names == ("x", "y")
    assert [(clip.key, clip.meta) for clip in listing.clips] == [("a@1500-2000#1", (None, 2)), ("b", (1, None))]


def test_a_json_key_may_be_a_number(audio: Path) -> None:
    assert keys(listing_of(audio / "clips.json", '{"path": "a.wav", "key": 17}\n')) == ["17"]


def test_json_may_spell_file_names_that_are_not_utf_8_as_python_does(audio: Path) -> None:
    (audio / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"x")
    line = json.dumps({"path": os.fsdecode(b"caf\xe9.wav")})
    listing = listing_of(audio / "clips.jsonl", line)
    assert [(clip.key, clip.size_bytes) for clip in listing.clips] == [("caf%E9", 1)]


def test_a_wav_scp_names_recordings(audio: Path) -> None:
    listing = listing_of(audio / "wav.scp", "utt1\ta.wav\nutt 2 with blanks.wav \r\n\nutt3   more/c.mp3\n")
    assert [(clip.key, clip.path) for clip in listing.clips] == [
        ("utt", "2 with blanks.wav"),
        ("utt1", "a.wav"),
        ("utt3", "more/c.mp3"),
    ]
    assert listing.meta_names == ()


def test_files_beside_a_wav_scp_say_more(audio: Path) -> None:
    (audio / "segments").write_text("s1 r1 0.5 1.25\ns2 r1 2 -1\ns3 r2 0 3 \n")
    (audio / "utt2spk").write_text("s1 anna\ns3 bert\nelsewhere nobody\n")
    (audio / "text").write_text("s1 grüß\u3000gott \ns2\n", encoding="utf-8")
    listing = listing_of(audio / "wav.scp", "r1 a.wav\nr2 b.flac\nr3 more/c.mp3\n")
    assert listing.meta_names == ("speaker", "text")
    assert [(clip.key, clip.path, clip.excerpt, clip.meta) for clip in listing.clips] == [
        ("s1", "a.wav", Excerpt(0.5, 1.25, None), ("anna", "grüß\u3000gott")),
        ("s2", "a.wav", Excerpt(2.0, None, None), (None, "")),
        ("s3", "b.flac", Excerpt(0.0, 3.0, None), ("bert", None)),
    ]
    assert listing.warnings == ["1 of 3 recordings are left out: no segment names them"]


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_each_kind_of_source_gives_the_keys_of_the_folder(
    tmp_path: Path, clips: Path, writer: Callable[[Path, Clips], Path]
) -> None:
    files = clips_below(clips)
    listing = list_source(str(writer(tmp_path, files)), manifest=Manifest(), keep_suffix=False)
    assert keys(listing) == keys(list_source(str(clips), manifest=Manifest(), keep_suffix=False))
    assert (len(listing.clips), listing.warnings) == (20, [])
    assert all(clip.size_bytes > 0 and clip.inode > 0 for clip in listing.clips)


def test_keys_with_blanks_at_their_ends_stay_as_they_are(audio: Path) -> None:
    listing = listing_of(audio / "clips.csv", "path,key\na.wav, x \na.wav,x\n")
    assert keys(listing) == [" x ", "x"]


@pytest.mark.parametrize("name", ["clips.csv", "clips.jsonl", "wav.scp"])
def test_a_text_manifest_is_called_a_manifest(audio: Path, name: str) -> None:
    content = {"clips.csv": "path\n", "clips.jsonl": "", "wav.scp": ""}[name]
    listing = listing_of(audio / name, content)
    assert (listing.kind, listing.clips) == ("manifest", [])


def test_a_clips_source_is_named_by_its_file(audio: Path) -> None:
    (clip,) = listing_of(audio / "clips.csv", "path\n100%.wav\n").clips
    assert source_name(clip.path, clip.member) == "100%25.wav"


def test_listing_text_manifests_imports_nothing_heavy(audio: Path) -> None:
    file = audio / "clips.csv"
    file.write_text("path\na.wav\n")
    code = (
        "import sys; from audiofeat.config import Manifest; from audiofeat.source import list_source\n"
        f"list_source({str(file)!r}, manifest=Manifest(), keep_suffix=False)\n"
        "print(sorted({'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "scp", "parquet", "tar"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@example(noise=b'path\n"')
@example(noise=b"path,start\na.wav,1_000\n")
@example(noise=b'{"path": "a.wav", "x": "\\ud800"}')
@example(noise=b"{" * 100)
@example(noise=b"a \xff|")
@given(noise=st.binary(max_size=2_000))
def test_whatever_bytes_a_file_holds_it_is_listed_or_refused_by_name(tmp_path: Path, suffix: str, noise: bytes) -> None:
    file = tmp_path / f"noise.{suffix}"
    refusal = ""
    try:
        listing_of(file, noise)
    except SourceError as error:
        refusal = str(error)
    assert refusal == "" or refusal.startswith(f"{file}: ")
