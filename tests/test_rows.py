"""Rows on their way to a shard: the same values, digest and blocks in memory, in pieces and spooled to disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_suite import largest_file

from audiofeat.errors import StorageError
from audiofeat.store.digests import clip_digest, content_digest, file_digest
from audiofeat.store.rows import BLOCK_ROWS, RowBudget, Rows
from audiofeat.store.shard_format import Array

ARRAY: Array = np.random.default_rng(5).standard_normal((1_000, 7)).astype(np.float32)


def rows_of(array: Array, budget: RowBudget, *, piece_rows: int = 1 << 30) -> Rows:
    rows = Rows(array.shape[1], budget, dtype=array.dtype)
    for start in range(0, len(array), piece_rows):
        rows.append(array[start : start + piece_rows])
    return rows


def roomy(spool: Path) -> RowBudget:
    return RowBudget(spool)


def scarce(spool: Path) -> RowBudget:
    return RowBudget(spool, clip_bytes=5_000)


@pytest.mark.parametrize("piece_rows", [1, 3, 999, 1_000])
@pytest.mark.parametrize("budget_of", [roomy, scarce])
def test_rows_come_back_whatever_their_way(tmp_path: Path, budget_of: object, piece_rows: int) -> None:
    assert callable(budget_of)
    rows = rows_of(ARRAY, budget_of(tmp_path), piece_rows=piece_rows)
    assert rows.n_rows == 1_000
    for block_rows in (1, 64, 1_000, 5_000):
        blocks = list(rows.blocks(block_rows))
        assert {len(block) for block in blocks[:-1]} <= {block_rows}
        np.testing.assert_array_equal(np.concatenate(blocks), ARRAY)
    assert rows.value_digest == rows_of(ARRAY, roomy(tmp_path)).value_digest
    rows.release()


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 3_000), st.integers(1, 50))
@settings(derandomize=True, deadline=None, max_examples=80)
def test_any_pieces_with_any_budget_are_one_array(pieces: list[int], clip_bytes: int, block_rows: int) -> None:
    array = ARRAY[: sum(pieces)]
    rows = Rows(7, RowBudget(Path("/tmp"), clip_bytes=clip_bytes))
    for piece in np.split(array, np.cumsum(pieces)[:-1]) if pieces else []:
        rows.append(piece)
    blocks = list(rows.blocks(block_rows))
    np.testing.assert_array_equal(np.concatenate([np.zeros((0, 7), np.float32), *blocks]), array)
    assert rows.value_digest == rows_of(array, RowBudget(Path())).value_digest
    rows.release()


def test_blocks_are_the_same_from_memory_and_from_a_spool(tmp_path: Path) -> None:
    array = np.zeros((2 * BLOCK_ROWS + 3, 2), np.float64)
    in_memory, spooled = rows_of(array, roomy(tmp_path)), rows_of(array, scarce(tmp_path))
    lengths = [BLOCK_ROWS, BLOCK_ROWS, 3]
    assert [len(block) for block in in_memory.blocks()] == lengths
    assert [len(block) for block in spooled.blocks()] == lengths
    spooled.release()


def test_a_spool_has_no_name_and_takes_the_clips_memory(tmp_path: Path) -> None:
    budget = RowBudget(tmp_path, process_bytes=10_000, clip_bytes=5_000)
    rows = rows_of(ARRAY, budget, piece_rows=100)
    assert os.listdir(tmp_path) == [], "what has no name is gone with its process"
    assert budget.take(10_000), "the spooled clip gave all its memory back"
    budget.give_back(10_000)
    rows.release()


def test_clips_together_stay_within_the_process(tmp_path: Path) -> None:
    budget = RowBudget(tmp_path, process_bytes=2 * ARRAY.nbytes, clip_bytes=1 << 30)
    clips = [rows_of(ARRAY, budget) for _ in range(3)]
    assert not budget.take(1)
    for rows in clips:
        np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), ARRAY)
        rows.release()
    assert budget.take(2 * ARRAY.nbytes)


def test_release_gives_memory_and_descriptors_back(tmp_path: Path) -> None:
    budget = RowBudget(tmp_path, process_bytes=ARRAY.nbytes, clip_bytes=1 << 30)
    before = os.listdir("/proc/self/fd")
    in_memory, spooled = rows_of(ARRAY, budget), rows_of(ARRAY, budget)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    for rows in (in_memory, spooled):
        rows.release()
        rows.release()
        assert list(rows.blocks()) == []
    assert os.listdir("/proc/self/fd") == before
    assert budget.take(ARRAY.nbytes)
    assert not budget.take(1)


def test_a_budget_is_kept_by_many_threads() -> None:
    budget = RowBudget(Path(), process_bytes=100)
    taken: list[int] = []

    def take() -> None:
        for _ in range(1_000):
            if budget.take(7):
                taken.append(7)
                budget.give_back(7)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken
    assert budget.take(100)
    assert not budget.take(1)


@pytest.mark.parametrize("size_bytes", [0, 6_000])
def test_a_spool_on_a_full_disk_is_a_storage_error(tmp_path: Path, size_bytes: int) -> None:
    rows = Rows(7, scarce(tmp_path))
    with largest_file(size_bytes), pytest.raises(StorageError, match="File too large"):
        rows.append(ARRAY)
    rows.release()


def test_a_spool_without_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        rows_of(ARRAY, scarce(tmp_path / "missing"))


def test_columns_of_a_wider_array_are_taken_as_rows(tmp_path: Path) -> None:
    rows = Rows(3, roomy(tmp_path))
    rows.append(ARRAY[:, 2:5])
    np.testing.assert_array_equal(next(rows.blocks()), ARRAY[:, 2:5])
    assert rows.value_digest == rows_of(np.ascontiguousarray(ARRAY[:, 2:5]), roomy(tmp_path)).value_digest


def test_a_clips_digest_covers_names_types_shapes_and_values(tmp_path: Path) -> None:
    budget = roomy(tmp_path)
    plain = clip_digest({"mel": rows_of(ARRAY, budget)})
    changed = ARRAY.copy()
    changed[500, 3] = np.nextafter(changed[500, 3], np.inf)
    others = [
        {"log_mel": rows_of(ARRAY, budget)},
        {"mel": rows_of(changed, budget)},
        {"mel": rows_of(ARRAY.reshape(500, 14), budget)},
        {"mel": rows_of(ARRAY.view(np.int32), budget)},
        {"mel": rows_of(ARRAY[:-1], budget)},
        {"mel": rows_of(ARRAY, budget), "mfcc": rows_of(ARRAY, budget)},
    ]
    digests = [clip_digest(other) for other in others]
    assert len({plain, *digests}) == 7
    assert clip_digest({"mel": rows_of(ARRAY, budget, piece_rows=3)}) == plain


def test_a_clips_digest_does_not_depend_on_the_order_of_its_features(tmp_path: Path) -> None:
    one, other = rows_of(ARRAY, roomy(tmp_path)), rows_of(ARRAY[:5], roomy(tmp_path))
    assert clip_digest({"a": one, "b": other}) == clip_digest({"b": other, "a": one})
    assert clip_digest({"a": one, "b": other}) != clip_digest({"a": other, "b": one})


def test_a_stores_digest_covers_keys_and_order() -> None:
    assert content_digest([("a", "1"), ("b", "2")]) != content_digest([("a", "2"), ("b", "1")])
    assert content_digest([("a", "1"), ("b", "2")]) != content_digest([("b", "2"), ("a", "1")])
    assert content_digest([]) != content_digest([("", "")])


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 21) + 5])
def test_a_files_digest_is_blake3_of_its_bytes(tmp_path: Path, size_bytes: int) -> None:
    from blake3 import blake3

    content = np.random.default_rng(size_bytes).bytes(size_bytes)
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == blake3(content).hexdigest()
