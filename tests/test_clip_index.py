"""Finding clips by key, whatever the keys; and a store of very many."""

from __future__ import annotations

from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import bench_reading
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_suite import ODD_KEYS

from audiofeat.errors import DamageError
from audiofeat.reading.clip_index import ClipIndex, read_index, read_texts


def index_of(folder: Path, keys: Sequence[str], shards: Sequence[str]) -> ClipIndex:
    """The index of a manifest of these clips, three rows a row group, read back from a file."""
    columns = {
        "key": pa.array(sorted(keys), pa.string()),
        "frames": pa.array(range(len(keys)), pa.int64()),
        "row_offset": pa.array((7 * number for number in range(len(keys))), pa.int64()),
        "shard": pa.array([shards[number % len(shards)] for number in range(len(keys))], pa.string()),
    }
    pq.write_table(pa.table(columns), folder / "manifest.parquet", row_group_size=3)
    with FileIO(folder / "manifest.parquet") as file:
        return read_index(file, sorted(set(shards)))


@given(
    keys=st.sets(st.text(st.characters(codec="utf-8"), max_size=6), max_size=150),
    others=st.lists(st.text(st.characters(exclude_categories=()), max_size=6), max_size=20),
)
def test_every_key_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], others: list[str]
) -> None:
    index = index_of(tmp_path_factory.mktemp("index"), list(keys), ["a"])
    numbers = {key: number for number, key in enumerate(sorted(keys))}
    assert {key: index.find(key) for key in numbers} == numbers
    assert {key: index.find(key) for key in others} == {key: numbers.get(key) for key in others}
    assert list(index.keys) == sorted(keys)


def test_odd_keys_and_their_neighbours(tmp_path: Path) -> None:
    index = index_of(tmp_path, ODD_KEYS, ["a"])
    assert [index.find(key) for key in ODD_KEYS] == list(range(len(ODD_KEYS)))
    assert {index.find(f"{key}\0") for key in ODD_KEYS} == {None}
    assert {index.find(key[:-1]) for key in ODD_KEYS if key[:-1] not in ODD_KEYS} == {None}
    assert index.find("\udc80") is None


def test_each_clip_has_its_own_place(tmp_path: Path) -> None:
    names = ["second", "first", "third"]
    index = index_of(tmp_path, [f"{number:03d}" for number in range(100)], names)
    assert list(index.frames) == list(range(100))
    assert list(index.row_offsets) == list(range(0, 700, 7))
    assert [sorted(names)[number] for number in index.shards] == [names[number % 3] for number in range(100)]


def test_nobody_writes_to_the_index(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        index_of(tmp_path, ["a"], ["a"]).frame_counts[0] = 5


def test_a_shard_that_the_store_does_not_name_is_refused(tmp_path: Path) -> None:
    index_of(tmp_path, ["a"], ["here"])
    with FileIO(tmp_path / "manifest.parquet") as file, pytest.raises(DamageError, match="names the shard 'here'"):
        read_index(file, ["elsewhere"])


def test_a_column_of_texts_comes_back(tmp_path: Path) -> None:
    texts = ["", "a", "日本", "", "z" * 500]
    table = pa.concat_tables(pa.table({"text": pa.array(part, pa.string())}) for part in (texts[:2], texts[2:]))
    pq.write_table(table, tmp_path / "texts.parquet", row_group_size=2)
    with FileIO(tmp_path / "texts.parquet") as file:
        assert list(read_texts(file, "text")) == texts


def test_many_clips_are_opened_soon_and_in_little_memory(tmp_path: Path) -> None:
    """A fifth of the million clips that scripts/bench --read opens, with bounds that a busy machine keeps too."""
    n_clips = 200_000
    found = bench_reading.measure_opening(bench_reading.make_store(tmp_path / "store", n_clips=n_clips, links=True))
    assert found["clips"] == n_clips
    assert found["shards"] == np.ceil(n_clips / bench_reading.CLIPS_PER_SHARD)
    assert found["open_seconds"] < 2.0
    assert found["look_up_seconds"] < 50e-6
    # 300 MB for a million clips is 300 bytes a clip; what pyarrow itself takes to begin with is not the clips'.
    assert found["rss_growth_bytes"] < 300 * n_clips
    assert found["peak_growth_bytes"] < 300 * n_clips + 50e6
