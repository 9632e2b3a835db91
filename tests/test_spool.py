"""The spool: many rows on disk in few files, which go when nothing in them is wanted any more."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.spool import Extent, Spool


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def content_of(extent: Extent, start: int = 0) -> bytes:
    buffer = bytearray(extent.size_bytes - start)
    extent.read_into(memoryview(buffer), start)
    return bytes(buffer)


def test_extents_hold_what_was_written_and_leave_no_name(tmp_path: Path) -> None:
    spool = Spool(tmp_path, file_bytes=10)
    extents = [spool.write(memoryview(bytes([number]) * (number + 1))) for number in range(20)]
    assert [content_of(extent) for extent in extents] == [bytes([number]) * (number + 1) for number in range(20)]
    assert content_of(extents[9], start=4) == b"\x09" * 6
    assert list(tmp_path.iterdir()) == []
    for extent in extents:
        spool.release(extent)


def test_files_are_closed_when_nothing_in_them_is_wanted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, file_bytes=100)
    before = open_files()
    extents = [spool.write(memoryview(b"x" * 60)) for _ in range(10)]
    assert open_files() == before + 5
    for extent in extents[1::2]:
        spool.release(extent)
    assert open_files() == before + 5
    for extent in extents[::2]:
        spool.release(extent)
    assert open_files() == before


def test_a_thousand_clips_beyond_the_budget_take_one_file(tmp_path: Path) -> None:
    """As when an hour is cut into seconds: all of them wait for the shard."""
    budget = RowBudget(tmp_path, process_bytes=1_000)
    before = open_files()
    waiting = []
    for number in range(1_000):
        rows = Rows(3, budget)
        rows.append(np.full((40, 3), number, np.float32))
        waiting.append(rows)
    assert open_files() <= before + 1
    for number in (0, 1, 2, 500, 999):
        assert (np.concatenate(list(waiting[number].blocks())) == number).all()
    for rows in waiting:
        rows.release()
    assert open_files() == before


@given(pieces=st.lists(st.integers(1, 50), min_size=1, max_size=20), block_rows=st.integers(1, 70))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_rows_come_back_from_the_spool_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[int], block_rows: int
) -> None:
    budget = RowBudget(tmp_path_factory.getbasetemp(), process_bytes=0)
    values = np.arange(sum(pieces) * 2, dtype=np.complex64).reshape(-1, 2)
    rows, start = Rows(2, budget, dtype=np.complex64), 0
    for count in pieces:
        rows.append(values[start : start + count])
        start += count
    blocks = list(rows.blocks(block_rows))
    assert [len(block) for block in blocks[:-1]] == [block_rows] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate(blocks), values)
    rows.release()
