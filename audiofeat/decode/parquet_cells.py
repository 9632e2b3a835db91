"""The cells of a Parquet column, one by one: no more of a row group is in memory than a page and its dictionary.

A row group may be all of a file, and a few bytes of a page may stand for a repeated recording. So the reader of a
group stays open at the row it has reached. Threads ask about in the order of the rows: what was passed over is kept a
while for the thread that comes for it; for a row further back the group is read from its start once more.
"""

from __future__ import annotations

import io
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

from audiofeat.errors import ClipError

if TYPE_CHECKING:
    import pyarrow.parquet

_MAX_CELL_BYTES = 1 << 30
_MAX_KEPT_BYTES = 64 << 20
_CELL_BYTES = 1 << 10  # about what Arrow and Python need for even an empty one
_READ_BYTES = 1 << 20
# What a damaged file makes of pyarrow besides its own errors: text that is no UTF-8, columns that are not there.
_DAMAGE = (ValueError, LookupError, ArithmeticError, RuntimeError)


class Table:
    """A Parquet file's footer."""

    def __init__(self, fd: int) -> None:
        """Read it.

        Raises:
            ClipError: ``input.corrupt``.
            OSError: the file cannot be read.
        """
        import pyarrow.parquet

        with _parquet_errors():
            self.metadata: pyarrow.parquet.FileMetaData = pyarrow.parquet.read_metadata(_Handle(fd))
            schema = self.metadata.schema
            self.leaves: list[str] = [schema.column(index).path for index in range(len(schema))]
            self._schema = schema.to_arrow_schema()
            groups = range(self.metadata.num_row_groups)
            self._ends = list(accumulate(self.metadata.row_group(group).num_rows for group in groups))

    def locate(self, row: int) -> tuple[int, int]:
        """The row group that holds a row, and the row's number in it. Raises ClipError: ``io.changed``."""
        group = bisect_right(self._ends, row)
        if group == len(self._ends):
            rows = self._ends[-1] if self._ends else 0
            raise changed(f"row {row} is wanted, counted from 0; the Parquet file has {rows} rows")
        return group, row - (self._ends[group - 1] if group else 0)

    def fields_below(self, leaf: str) -> list[str]:
        """The fields on the way from a column down to a leaf of bytes: ``audio.bytes`` is ``bytes`` in ``audio``.

        Raises:
            ClipError: ``io.changed``.
        """
        import pyarrow.types as types

        columns = [name for name in self._schema.names if f"{leaf}.".startswith(f"{name}.")]
        if not columns or leaf not in self.leaves:
            raise changed(f"the Parquet file has no column {leaf!r}")
        column = max(columns, key=len)
        fields = leaf[len(column) + 1 :].split(".") if leaf != column else []
        kind = self._schema.field(column).type
        for field in fields:
            kind = kind.field(field).type if types.is_struct(kind) else kind
        if not (types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)):
            raise changed(f"column {leaf!r} holds {kind} values; bytes are wanted")
        return fields


class RowGroup:
    """The cells of one column in one row group; any thread may ask for any row."""

    def __init__(self, fd: int, table: Table, *, leaf: str, group: int) -> None:
        """Open a reader of its own on ``fd``'s file.

        Raises:
            ClipError: ``io.changed``, ``input.corrupt`` or ``limit.memory``.
        """
        import pyarrow.parquet

        self._leaf, self._group = leaf, group
        self._fields = table.fields_below(leaf)
        with _parquet_errors():
            _check_size(table, group=group)
            # Without a buffer, or with pre-buffering, Arrow reads the column's part of the group at once.
            self._file = pyarrow.parquet.ParquetFile(
                _Handle(fd), metadata=table.metadata, pre_buffer=False, buffer_size=_READ_BYTES
            )
            self._rows: int = table.metadata.row_group(group).num_rows
        self._lock = threading.Lock()
        self._cells: Iterator[memoryview] = iter(())
        self._next_row = self._rows
        self._damage: tuple[int, str] | None = None
        self._kept: OrderedDict[int, memoryview] = OrderedDict()
        self._kept_bytes = 0
        self._wanted: list[int] = []
        """The rows that threads wait for."""
        self._awaited: dict[int, memoryview] = {}
        """What had to go from ``_kept``, and is waited for."""

    def cell(self, row: int) -> memoryview:
        """The bytes in a row, counted within the group; none where it is null.

        Raises:
            ClipError: ``io.changed``, ``input.corrupt`` or ``limit.memory``.
            OSError: the file cannot be read.
        """
        self._wanted.append(row)
        with self._lock:
            self._wanted.remove(row)
            found = self._awaited.pop(row, None)
            if found is None:
                found = self._kept.get(row)
            if found is None:
                found = self._read_up_to(row)
            self._keep(row, found)
        if len(found) > _MAX_CELL_BYTES:
            raise _too_large(f"{len(found):,} bytes")
        return found

    def _read_up_to(self, row: int) -> memoryview:
        if self._damage and row >= self._damage[0]:  # else each row behind it would cost all that lies before it
            raise _corrupt(self._damage[1])
        if row < self._next_row:
            self._stop()
            self._cells, self._next_row = _cells(self._file, self._group, self._leaf, self._fields), 0
        try:
            with _parquet_errors():
                while (cell := next(self._cells, None)) is not None:
                    self._next_row += 1
                    if self._next_row > row:
                        break
                    self._keep(self._next_row - 1, cell)
            if cell is None:
                found = f"{self._next_row} of {self._rows} rows"
                raise _corrupt(f"row group {self._group} of the Parquet file ends after {found}")
        except BaseException as error:
            if isinstance(error, ClipError) and error.reason == "input.corrupt":
                self._damage = self._next_row, error.problem
            self._stop()
            raise
        if self._next_row == self._rows:
            self._stop()
        return cell

    def _stop(self) -> None:
        """Let go of the pages."""
        self._cells, self._next_row = iter(()), self._rows
        _release()

    def _keep(self, row: int, cell: memoryview) -> None:
        if row in self._kept:
            return
        self._kept[row] = cell
        self._kept_bytes += len(cell) + _CELL_BYTES
        while self._kept_bytes > _MAX_KEPT_BYTES:
            oldest, cell = self._kept.popitem(last=False)
            self._kept_bytes -= len(cell) + _CELL_BYTES
            if oldest in self._wanted:
                self._awaited[oldest] = cell


def _cells(file: pyarrow.parquet.ParquetFile, group: int, leaf: str, fields: Sequence[str]) -> Iterator[memoryview]:
    unreleased_bytes = 0
    # One row at a time: a batch of a hundred could be a hundred times the page that it comes from.
    for batch in file.iter_batches(1, row_groups=[group], columns=[leaf], use_threads=False):
        cell = batch.column(0)[0]
        for field in fields:
            if not cell.is_valid:
                break
            cell = cell[field]
        content = memoryview(cell.as_buffer() if cell.is_valid else b"")
        unreleased_bytes += len(content)
        if unreleased_bytes > _MAX_KEPT_BYTES:
            _release()
            unreleased_bytes = 0
        yield content


class _Handle(io.FileIO):
    """A descriptor of its own, closed without a word when nobody reads from it any more."""

    def __init__(self, fd: int) -> None:
        super().__init__(os.dup(fd))

    def __del__(self) -> None:
        self.close()


@contextmanager
def _parquet_errors() -> Iterator[None]:
    """What pyarrow raises, as errors of the clip; of the disk as they are."""
    import pyarrow

    try:
        yield
    except MemoryError as error:
        raise _too_large(f"more bytes than there is memory for ({error})") from error
    except (pyarrow.ArrowException, OSError, *_DAMAGE) as error:
        if isinstance(error, OSError) and error.errno is not None:  # Arrow's own carry no number
            raise
        reason = str(error).partition("\n")[0]
        raise _corrupt(f"the Parquet file cannot be read: {reason}") from error


def _release() -> None:
    """Give back to the system what Arrow's allocator would hold on to: pages read before."""
    import pyarrow

    pyarrow.default_memory_pool().release_unused()


def _check_size(table: Table, *, group: int) -> None:
    """Refuse a group whose rows are larger on the average than a cell may be. Raises ClipError: ``limit.memory``."""
    # Of all its columns: to ask for one of them can end the process where the footer is damaged.
    metadata = table.metadata.row_group(group)
    mean_bytes = metadata.total_byte_size // max(metadata.num_rows, 1)
    if mean_bytes > _MAX_CELL_BYTES:
        raise _too_large(f"about {mean_bytes:,} bytes")


def changed(found: str) -> ClipError:
    """The error for a container that is not what it was when it was listed."""
    return ClipError("io.changed", found, hint="run again when nothing writes to it any more")


def _corrupt(problem: str) -> ClipError:
    return ClipError("input.corrupt", problem, hint="fetch or make the file again")


def _too_large(found: str) -> ClipError:
    return ClipError(
        "limit.memory",
        f"the Parquet file's cell takes {found}; at most {_MAX_CELL_BYTES:,} are read",
        hint="write such recordings as files of their own",
    )
