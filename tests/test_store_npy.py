"""NPY shards: the common suite, what NumPy finds in them, names that any file system takes, and lying headers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from store_suite import FEATURES, ODD_KEYS, ShardSuite, random_arrays, shard_clip

from audiofeat.store.npy import NpyShards, npy_path
from audiofeat.store.rows import RowBudget
from audiofeat.store.shard_format import Array, Location


class TestNpyShards(ShardSuite):
    format_name = "npy"

    def sums(self, shard: Path, feature: str) -> Array:
        with np.load(shard / "sums.npz") as file:
            sums: Array = file[feature]
            return sums


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


def lies() -> dict[str, bytes]:
    """Files in place of an array of (4, 5) float32, each of which is readable NPY but not what was written."""
    truth = random_arrays(4, seed=0)["log_mel"]
    arrays = {
        "more rows": np.concatenate([truth, truth]),
        "fewer rows": truth[:3],
        "fewer dims": truth[:, :2],
        "columns first": np.asfortranarray(truth),
        "one axis": truth[:, 0],
        "three axes": truth[:, :, None],
        "integers": truth.view(np.int32),
        "wider numbers": truth.astype(np.float64),
        "half the width, twice the dims": truth.view(np.float16),
        "the other byte order": truth.astype(">f4"),
    }
    out = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array)
        out[name] = file.getvalue()
    file = io.BytesIO()
    np.lib.format.write_array(file, truth, version=(2, 0))
    out["another version"] = file.getvalue()
    file = io.BytesIO()
    np.save(file, np.full((4, 5), None), allow_pickle=True)
    out["pickled objects"] = file.getvalue()
    honest = out["more rows"][:128].replace(b"(8, 5)", b"(4, 5)") + truth.tobytes()
    out["rubbish for a header"] = b"\x93NUMPY\x01\x00\x76\x00" + b"{" * 118 + truth.tobytes()
    out["bytes behind the end"] = honest + b"\0"
    out["not NPY at all"] = b"RIFF" * 50
    return out


LIES = lies()


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_array_is_refused(shard: Path, lie: str) -> None:
    (shard / "log_mel" / "a.npy").write_bytes(LIES[lie])
    with pytest.raises(ValueError, match=r".") as caught:
        rows = NpyShards().open(shard).read("log_mel", Location("a", 0, 4), 0, 4)
        # A reader knows rows, but neither dims nor dtype: those it must at least hand over as they stand.
        if rows.shape == (4, 5) and rows.dtype == np.float32:
            raise AssertionError(f"read as if nothing were wrong: {lie}")
        raise ValueError("shape or type shows it")
    assert str(caught.value)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_file_names_are_safe_anywhere(key: str) -> None:
    path = npy_path("log_mel", key)
    assert path.startswith("log_mel/")
    assert path.endswith(".npy")
    for part in path.split("/"):
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= 255
        assert not set(part) & set('<>:"\\|?*')


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
