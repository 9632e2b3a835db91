"""Any thread has any cell of a Parquet column, and the memory for it is that of a page, not of a row group."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audiofeat.decode import parquet_cells
from audiofeat.decode.parquet_cells import RowGroup, Table
from audiofeat.errors import ClipError


def cells_of(table: Path, *, leaf: str = "audio", group: int = 0) -> RowGroup:
    fd = os.open(table, os.O_RDONLY)
    try:
        return RowGroup(fd, Table(fd), leaf=leaf, group=group)
    finally:
        os.close(fd)


def write(path: Path, values: list[bytes | None], **options: object) -> Path:
    pq.write_table(pa.table({"audio": pa.array(values, pa.binary())}), path, **options)
    return path


def random_bytes(count: int, *, size_bytes: int) -> list[bytes]:
    rng = random.Random(3)
    return [rng.randbytes(size_bytes) for _ in range(count)]


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The row groups, each time that reading begins with one."""
    groups: list[int] = []
    read = pq.ParquetFile.iter_batches

    def counted(self: pq.ParquetFile, rows: int, *, row_groups: list[int], **options: object) -> object:
        groups.extend(row_groups)
        return read(self, rows, row_groups=row_groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    return groups


@pytest.fixture
def pool() -> Iterator[pa.MemoryPool]:
    """A memory pool for this test alone, to see how much of it was in use at most."""
    default = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(default)
    pa.set_memory_pool(pool)
    yield pool
    pa.set_memory_pool(default)


def keep_no_more_than(bytes_kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_cells, "_MAX_KEPT_BYTES", bytes_kept)


def test_rows_come_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_no_more_than(20_000, monkeypatch)
    values = random_bytes(60, size_bytes=1_000)
    cells = cells_of(write(tmp_path / "a.parquet", values))
    rows = random.Random(1).choices(range(60), k=200)
    assert [bytes(cells.cell(row)) for row in rows] == [values[row] for row in rows]
    assert cells._kept_bytes == sum(len(cell) + 1_024 for cell in cells._kept.values()) <= 20_000


def test_rows_in_order_are_read_once_and_so_is_what_was_overtaken(tmp_path: Path, starts: list[int]) -> None:
    values = random_bytes(6, size_bytes=1_000)
    cells = cells_of(write(tmp_path / "a.parquet", values))
    for row in (0, 2, 1, 4, 4, 3, 5, 0):
        assert bytes(cells.cell(row)) == values[row]
    assert starts == [0]


def test_for_a_row_long_past_the_group_is_read_anew(
    tmp_path: Path, starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_no_more_than(0, monkeypatch)
    values = random_bytes(6, size_bytes=1_000)
    cells = cells_of(write(tmp_path / "a.parquet", values))
    for row in (3, 5, 2, 3, 3):
        assert bytes(cells.cell(row)) == values[row]
    assert starts == [0, 0, 0]


def test_what_a_thread_waits_for_is_not_thrown_away(
    tmp_path: Path, starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_no_more_than(0, monkeypatch)
    values = random_bytes(6, size_bytes=1_000)
    cells = cells_of(write(tmp_path / "a.parquet", values))
    cells._wanted.append(1)
    assert bytes(cells.cell(5)) == values[5]
    cells._wanted.remove(1)
    assert bytes(cells.cell(1)) == values[1]
    assert starts == [0]
    assert not cells._awaited


def test_many_threads_have_their_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_no_more_than(5_000, monkeypatch)
    values = random_bytes(80, size_bytes=1_000)
    cells = cells_of(write(tmp_path / "a.parquet", values))
    rows = iter(range(80))
    found: dict[int, bytes] = {}

    def work() -> None:
        for row in rows:
            found[row] = bytes(cells.cell(row))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict(enumerate(values))


def test_a_large_row_group_takes_the_memory_of_a_page(tmp_path: Path, pool: pa.MemoryPool) -> None:
    values = random_bytes(40, size_bytes=1_000_000)
    table = write(tmp_path / "a.parquet", values, use_dictionary=False, write_batch_size=1)
    before = pool.max_memory()
    cells = cells_of(table)
    for row in range(40):
        assert bytes(cells.cell(row)) == values[row]
        cells._kept.clear()
    assert pool.max_memory() - before < 8_000_000


def test_one_recording_for_many_rows_is_in_memory_once(tmp_path: Path, pool: pa.MemoryPool) -> None:
    table = write(tmp_path / "a.parquet", random_bytes(1, size_bytes=1_000_000) * 200)
    assert table.stat().st_size < 1_100_000
    before = pool.max_memory()
    cells = cells_of(table)
    for row in range(200):
        assert len(cells.cell(row)) == 1_000_000
        cells._kept.clear()
    assert pool.max_memory() - before < 8_000_000


def test_nulls_take_room_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_no_more_than(10 << 10, monkeypatch)
    cells = cells_of(write(tmp_path / "a.parquet", [None] * 2_000))
    assert bytes(cells.cell(1_999)) == b""
    assert len(cells._kept) == 10


def test_behind_damage_nothing_is_read_again(tmp_path: Path, starts: list[int]) -> None:
    values = random_bytes(8, size_bytes=10_000)
    options = {"use_dictionary": False, "write_batch_size": 1, "data_page_size": 1, "compression": "none"}
    table = write(tmp_path / "a.parquet", values, **options)
    content = bytearray(table.read_bytes())
    begin_of_page = content.index(values[3]) + 10_000
    content[begin_of_page : begin_of_page + 20] = bytes(20)
    table.write_bytes(content)
    cells = cells_of(table)
    assert [bytes(cells.cell(row)) for row in range(4)] == values[:4]
    problems = set()
    for row in (4, 5, 7, 4):
        with pytest.raises(ClipError) as caught:
            cells.cell(row)
        problems.add((caught.value.reason, caught.value.problem))
    assert len(problems) == 1
    assert "input.corrupt" in str(problems)
    assert bytes(cells.cell(2)) == values[2]
    assert starts == [0]


def test_a_cell_beyond_the_limit_is_refused_and_others_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_cells, "_MAX_CELL_BYTES", 2_000)
    cells = cells_of(write(tmp_path / "a.parquet", [b"a" * 2_001, b"b" * 2_000, *[b"c"] * 20]))
    with pytest.raises(ClipError, match="cell takes 2,001 bytes; at most 2,000 are read") as caught:
        cells.cell(0)
    assert caught.value.reason == "limit.memory"
    assert len(cells.cell(1)) == 2_000


def test_a_group_of_too_large_cells_is_not_read(
    tmp_path: Path, starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_cells, "_MAX_CELL_BYTES", 2_000)
    table = write(tmp_path / "a.parquet", random_bytes(3, size_bytes=6_000))
    with pytest.raises(ClipError, match=r"about 6,\d+ bytes") as caught:
        cells_of(table)
    assert caught.value.reason == "limit.memory"
    assert starts == []


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(3)], ids=str)
def test_all_kinds_of_bytes_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"a.b": pa.array([b"abc", None], kind)}), tmp_path / "a.parquet")
    cells = cells_of(tmp_path / "a.parquet", leaf="a.b")
    assert [bytes(cells.cell(row)) for row in (0, 1)] == [b"abc", b""]


@pytest.mark.parametrize(
    ("values", "leaf", "kind"),
    [(["a"], "audio", "string"), ([[b"a"]], "audio.list.element", "list<element: binary>")],
    ids=["text", "list"],
)
def test_what_is_no_bytes_is_refused(tmp_path: Path, values: list[object], leaf: str, kind: str) -> None:
    pq.write_table(pa.table({"audio": values}), tmp_path / "a.parquet")
    with pytest.raises(ClipError, match=f"column '{leaf}' holds {kind} values") as caught:
        cells_of(tmp_path / "a.parquet", leaf=leaf)
    assert caught.value.reason == "io.changed"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    table = write(tmp_path / "a.parquet", [b"a", b"b"])
    before = len(os.listdir("/dev/fd"))
    cells = cells_of(table)
    cells.cell(0)
    assert len(os.listdir("/dev/fd")) == before + 1
    del cells
    assert len(os.listdir("/dev/fd")) == before
