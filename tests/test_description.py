"""``store.json`` knows itself: no bit of it changes unnoticed, and earlier versions, which could not tell, are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_store import make_store, settings_for, small_arrays

from audiofeat import open_store
from audiofeat.errors import DamageError
from audiofeat.store.description import encode_description, find_description, read_description
from audiofeat.store.layout import FORMAT_VERSION

VALUES = {"format_version": FORMAT_VERSION, "totals": {"clips": 3, "audio_seconds": 1.25}, "config": {"größe": [1e-10]}}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    path.write_bytes(encode_description(VALUES))
    found = read_description(path)
    assert len(found.pop("self_digest")) == 64
    assert found == VALUES
    assert find_description(path) is not None


def test_it_is_json_of_one_spelling(tmp_path: Path) -> None:
    content = encode_description(VALUES)
    assert content.isascii()
    assert encode_description(dict(reversed(VALUES.items()))) == content
    assert encode_description(json.loads(content)) == content, "a digest that is there already is not digested"


def test_every_flipped_bit_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    content = encode_description(VALUES)
    for position in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(DamageError, match=r"store\.json") as caught:
            read_description(path)
        assert "newer" not in str(caught.value)
        assert find_description(path) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format_version": 9}', b'{"format_version": true}'])
def test_what_was_never_written_is_damage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.json"
    path.write_bytes(content)
    with pytest.raises(DamageError, match=r"store\.json"):
        read_description(path)


@pytest.mark.parametrize("harm", ["NaN", "1e999", "[" * 100_000])
def test_hostile_json_is_damage(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "store.json"
    path.write_text(f'{{"format_version": {FORMAT_VERSION}, "x": {harm}}}')
    with pytest.raises(DamageError, match=r"store\.json"):
        read_description(path)


@pytest.mark.parametrize("version", [1, 2])
def test_earlier_versions_had_no_digest_of_their_own(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.json"
    path.write_text(json.dumps(VALUES | {"format_version": version}))
    assert read_description(path) == VALUES | {"format_version": version}


def test_a_newer_version_is_told_as_such_and_not_as_damage_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    path.write_bytes(encode_description(VALUES | {"format_version": 99}))
    assert read_description(path)["format_version"] == 99


def test_a_flipped_version_of_a_store_is_damage_and_no_newer_store(tmp_path: Path) -> None:
    paths = make_store(tmp_path / "store", settings_for(), small_arrays(3))
    content = paths.store_json.read_text()
    for other in (FORMAT_VERSION - 1, FORMAT_VERSION + 4):
        paths.store_json.write_text(
            content.replace(f'"format_version": {FORMAT_VERSION}', f'"format_version": {other}')
        )
        with pytest.raises(DamageError, match="do not fit its own digest"):
            open_store(paths.root)
