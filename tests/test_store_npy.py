"""NPY shards: the common suite, what NumPy finds in them, names that any file system takes, and lying headers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from store_suite import FEATURES, ODD_KEYS, ShardSuite, random_arrays, shard_clip

from audiofeat.store.npy import NpyShards, npy_path
from audiofeat.store.packing import Packing
from audiofeat.store.rows import RowBudget
from audiofeat.store.shard_format import Array, Location


class TestNpyShards(ShardSuite):
    packing = Packing("npy")


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    budget = RowBudget(tmp_path)
    clips = [shard_clip(key, random_arrays(4, seed=seed), budget) for seed, key in enumerate(("a", "b/c"))]
    NpyShards().write(tmp_path / "shard", clips, FEATURES)
    return tmp_path / "shard"


def test_numpy_loads_each_array(shard: Path) -> None:
    np.testing.assert_array_equal(np.load(shard / "log_mel" / "a.npy"), random_arrays(4, seed=0)["log_mel"])
    np.testing.assert_array_equal(np.load(shard / "mfcc" / "b" / "c.npy"), random_arrays(4, seed=1)["mfcc"])


def test_an_array_has_the_bytes_that_numpy_would_save(shard: Path) -> None:
    saved = io.BytesIO()
    np.save(saved, random_arrays(4, seed=0)["log_mel"])
    assert (shard / "log_mel" / "a.npy").read_bytes() == saved.getvalue()


def test_the_name_of_a_file_counts_in_the_digest(shard: Path) -> None:
    digest = NpyShards().digest(shard)
    (shard / "log_mel" / "a.npy").rename(shard / "log_mel" / "A.npy")
    assert NpyShards().digest(shard) != digest


def npy(array: Array, *, version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


TRUTH = random_arrays(4, seed=0)["log_mel"]
LIES = {
    "more rows": npy(np.concatenate([TRUTH, TRUTH])),
    "fewer rows": npy(TRUTH[:3]),
    "rows said that are not there": npy(TRUTH[:3]).replace(b"(3, 5)", b"(4, 5)"),
    "columns first": npy(np.asfortranarray(TRUTH)),
    "one axis": npy(TRUTH[:, 0]),
    "three axes": npy(TRUTH[:, :, None]),
    "another version": npy(TRUTH, version=(2, 0)),
    "pickled objects": npy(np.full((4, 5), None)),
    "bytes behind the end": npy(TRUTH) + b"\0",
    "an open bracket for a header": b"\x93NUMPY\x01\x00\x76\x00" + b"{" * 118 + TRUTH.tobytes(),
    "an indented header": b"\x93NUMPY\x01\x00\x76\x00" + b"  a\n b".ljust(118) + TRUTH.tobytes(),
    "no NPY at all": b"RIFF" * 50,
    "nothing": b"",
}


@pytest.mark.parametrize("lie", LIES)
def test_row_96_a_lying_array_is_refused(shard: Path, lie: str) -> None:
    (shard / "log_mel" / "a.npy").write_bytes(LIES[lie])
    with pytest.raises(ValueError, match=r"NPY|array|header|unpack|magic|[Oo]bject"):
        NpyShards().open(shard).read("log_mel", Location("a", 0, 4), 0, 4)


@pytest.mark.parametrize("other", [TRUTH[:, :2], TRUTH.view(np.int32), TRUTH.view(np.float16), TRUTH.astype(">f4")])
def test_other_dims_and_types_are_handed_over_as_they_stand(shard: Path, other: Array) -> None:
    """A shard's reader is told neither; the clip's digest, which covers both, tells them."""
    (shard / "log_mel" / "a.npy").write_bytes(npy(other))
    found = NpyShards().open(shard).read("log_mel", Location("a", 0, 4), 0, 4)
    assert (found.shape, found.dtype) == (other.shape, other.dtype)
    np.testing.assert_array_equal(found, other)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_file_names_are_safe_anywhere(key: str) -> None:
    path = npy_path("log_mel", key)
    assert path.startswith("log_mel/")
    assert path.endswith(".npy")
    for part in path.split("/"):
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= 255
        assert not set(part) & set('<>:"\\|?*')


def test_no_other_key_has_the_name_of_a_shortened_one() -> None:
    key = "k" * 201
    file = npy_path("log_mel", key).removeprefix("log_mel/")
    shortened = file.removesuffix(".npy")
    assert shortened.startswith(f"{'k' * 40}~")
    head, _, digest = shortened.partition("~")
    assert npy_path("log_mel", shortened) == f"log_mel/{head}%7E{digest}.npy"
    assert npy_path("log_mel", shortened.upper()) == f"log_mel/{head.upper()}%7E{digest.upper()}.npy"
    assert npy_path("log_mel", f"{file}/b") == f"log_mel/{head}%7E{digest}.npy/b.npy"
    assert npy_path("log_mel", f"a/{key}/{shortened}") == f"log_mel/a/{shortened}/{head}%7E{digest}.npy"


@pytest.mark.parametrize("key", ["a~b", "~", f"~{'0' * 31}", f"~{'0' * 33}", f"~{'0' * 32}x", f"~{'g' * 32}"])
def test_other_tildes_stay_as_they_are(key: str) -> None:
    assert npy_path("log_mel", key) == f"log_mel/{key}.npy"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("speaker1/take2", "mfcc/speaker1/take2.npy"),
        ("a:b?", "mfcc/a%3Ab%3F.npy"),
        ("take.", "mfcc/take%2E.npy"),
        ("a ./b", "mfcc/a %2E/b.npy"),
        ("..", "mfcc/.%2E.npy"),
        ("übung", "mfcc/übung.npy"),
    ],
)
def test_names_say_what_they_hold(key: str, path: str) -> None:
    assert npy_path("mfcc", key) == path
