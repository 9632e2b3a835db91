"""Keys: what they look like, and which sets of them are refused."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiofeat.errors import SourceError
from audiofeat.records import Clip
from audiofeat.source import Cuts, check_unique, key_of, source_text
from audiofeat.source.unique import NO_CUTS
from audiofeat.store.npy import npy_path

FILE_NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name)


def clips_of(*paths: str, keep_suffix: bool = False) -> list[Clip]:
    return [
        Clip(key=key_of(path, keep_suffix=keep_suffix), path=path, size_bytes=1, ctime_ns=1, inode=1) for path in paths
    ]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("take.wav", "take"),
        ("speaker.1/take.2.wav", "speaker.1/take.2"),
        ("speaker.1/take", "speaker.1/take"),
        ("take..wav", "take."),
        ("take.", "take."),
        ("a/.wav", "a/.wav"),
        ("übung.flac", "übung"),
        ("100%.wav", "100%25"),
        ("line\nbreak\t.wav", "line%0Abreak%09"),
        ("\x85next.wav", "%C2%85next"),
        (os.fsdecode(b"caf\xe9.wav"), "caf%E9"),
        ("a b;c'd\".wav", "a b;c'd\""),
        ("日本/語.wav", "日本/語"),
    ],
)
def test_a_key_is_the_path_without_suffix(path: str, key: str) -> None:
    assert key_of(path, keep_suffix=False) == key


def test_a_key_keeps_its_suffix_on_request() -> None:
    assert key_of("a/100%.wav", keep_suffix=True) == "a/100%25.wav"


@given(FILE_NAMES)
def test_any_file_name_becomes_printable_text_and_comes_back(name: bytes) -> None:
    text = source_text(os.fsdecode(name))
    assert unquote_to_bytes(text) == name
    assert not [character for character in text if unicodedata.category(character) in ("Cc", "Cs")]


@given(FILE_NAMES, FILE_NAMES)
def test_different_names_have_different_texts(one: bytes, other: bytes) -> None:
    assert (source_text(os.fsdecode(one)) == source_text(os.fsdecode(other))) == (one == other)


def test_two_clips_with_one_key_are_refused_with_both_names_and_the_way_out() -> None:
    with pytest.raises(SourceError, match=r"a/x: a/x\.flac, a/x\.wav") as caught:
        check_unique(clips_of("a/x.wav", "b/x.wav", "a/x.flac"), store_format="hdf5")
    assert "--set select.keys=name" in str(caught.value)
    assert "b/x" not in str(caught.value)


def test_suffixes_in_keys_keep_such_clips_apart() -> None:
    check_unique(clips_of("a/x.wav", "a/x.flac", keep_suffix=True), store_format="npy")


def test_all_collisions_are_counted_and_twenty_shown() -> None:
    clips = clips_of(*(f"{number:03d}.{suffix}" for number in range(25) for suffix in ("wav", "mp3")))
    with pytest.raises(SourceError, match=r"25 found") as caught:
        check_unique(clips, store_format="hdf5")
    assert str(caught.value).count(".mp3") == 20
    assert "... and 5 more" in str(caught.value)


def test_keys_that_npy_files_write_alike_are_refused() -> None:
    """Only manifests can name both: in one shard, such a pair ended the run."""
    clips = clips_of("a.wav", "b.wav", "c.wav", "d.wav")
    for key, twin in (("x:", "x%3A"), ("x?", "x%3f"), ("x.", "x%2E"), ("x\\", "x%5C")):
        assert npy_path("mfcc", key).lower() == npy_path("mfcc", twin).lower()
        named = [replace(clip, key=name) for clip, name in zip(clips, (key, twin, "x%25", "x%"), strict=True)]
        check_unique(named, store_format="hdf5")
        with pytest.raises(SourceError, match="percent codes") as caught:
            check_unique(named, store_format="npy")
        assert "(1 found)" in str(caught.value)


@pytest.mark.parametrize(
    "paths",
    [
        ("a.wav", "A.wav"),
        ("Folder/a.wav", "folder/A.wav"),
        ("é.wav", "e\u0301.wav"),
        ("É.wav", "e\u0301.wav"),
        ("straße.wav", "STRASSE.wav"),
        ("a.wav", "a.npy/b.wav"),
        ("a.wav", "A.NPY/b.npy/c.wav"),
        ("a.npy/b.wav", "a.npy/b.npy/c.wav"),
    ],
    ids=ascii,
)
def test_what_npy_files_cannot_be_named_is_refused_and_hdf5_offered(paths: tuple[str, ...]) -> None:
    check_unique(clips_of(*paths), store_format="hdf5")
    with pytest.raises(SourceError, match="--format hdf5"):
        check_unique(clips_of(*paths), store_format="npy")


TIME, CHANNEL, BOTH = Cuts(by_time=True), Cuts(by_channel=True), Cuts(by_time=True, by_channel=True)
CUT_ALIKE = [
    (CHANNEL, ("a.wav", "a#0.wav")),
    (TIME, ("a.wav", "a@0-1000.wav")),
    (BOTH, ("a.wav", "a@0-1000#1.wav")),
    (CHANNEL, ("a@0-1000.wav", "a@0-1000#1.wav")),
    (TIME, ("a#0.wav", "a#0@0-1000.wav", "b.wav")),
    (CHANNEL, ("x/a#0.wav", "x/a.wav", "x/b#0.wav")),
]


@pytest.mark.parametrize(("cuts", "paths"), CUT_ALIKE)
def test_a_key_that_another_clip_may_be_cut_into_is_refused_where_it_may(cuts: Cuts, paths: tuple[str, ...]) -> None:
    for others in {NO_CUTS, TIME, CHANNEL, BOTH} - {cuts}:
        check_unique(clips_of(*paths), store_format="npy", cuts=others)
    with pytest.raises(SourceError, match=r"^clips whose key another clip may be cut into \(1 found\)"):
        check_unique(clips_of(*paths), store_format="hdf5", cuts=cuts)


def test_a_key_that_another_clip_may_be_cut_into_is_refused_in_these_words() -> None:
    with pytest.raises(SourceError) as caught:
        check_unique(clips_of("a.wav", "a@0-1000#1.wav", "a@0-1000.wav"), store_format="hdf5", cuts=CHANNEL)
    assert str(caught.value) == (
        "clips whose key another clip may be cut into (1 found):\n"
        "  a@0-1000#1: a@0-1000#1.wav, a@0-1000.wav\n"
        "  try: rename one file of each pair, or give it another key; "
        "or cut nothing: audio.channels is mix or first, audio.chunk_seconds is null"
    )


@pytest.mark.parametrize(
    "paths",
    [
        ("a.wav", "b#0.wav", "a@0.wav", "a@0-1#.wav", "a#x.wav", "a@0-end.wav", "a@-1-2.wav"),
        ("a.wav", "a#0#1.wav", "a@0-1@2-3.wav", "a#٣.wav"),
        ("a.wav", "a#0/b.wav", "a#0.npyx/b.wav"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("cuts", [TIME, CHANNEL, BOTH])
def test_keys_that_no_clip_is_cut_into_are_fine(cuts: Cuts, paths: tuple[str, ...]) -> None:
    check_unique(clips_of(*paths), store_format="npy", cuts=cuts)


@pytest.mark.parametrize(
    ("cuts", "paths"),
    [
        (CHANNEL, ("a.wav", "a#0.npy/b.wav")),
        (BOTH, ("A.wav", "a@0-1000#1.NPY/b.wav")),
        (TIME, ("x/a.wav", "x/a@0-5.npy/y/b.wav")),
    ],
)
def test_a_folder_named_like_the_npy_file_of_a_cut_is_refused(cuts: Cuts, paths: tuple[str, ...]) -> None:
    check_unique(clips_of(*paths), store_format="npy")
    check_unique(clips_of(*paths), store_format="hdf5", cuts=cuts)
    with pytest.raises(SourceError, match="clips whose NPY file would have the name of a folder"):
        check_unique(clips_of(*paths), store_format="npy", cuts=cuts)


@pytest.mark.parametrize(
    "paths",
    [("a.wav", "a/b.wav"), ("a.npy.wav", "a.wav"), ("a.npy/b.wav", "b.wav"), (f"{'x' * 251}.wav",)],
    ids=ascii,
)
def test_names_that_only_look_alike_are_fine(paths: tuple[str, ...]) -> None:
    check_unique(clips_of(*paths), store_format="npy")
