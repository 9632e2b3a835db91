"""What the threads of one process find out only once, of files that many clips are cut out of or lie in.

A recording of three hours may hold ten thousand clips: its digest, which covers all of it, and its checked header are
worked out by the first. A row group of Parquet holds hundreds of clips: they share one reader of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiofeat.decode.container import Container
from audiofeat.memory import Memory

if TYPE_CHECKING:
    from audiofeat.decode.parquet_cells import RowGroup, Table

_MAX_SOURCES = 1_024
_MAX_OPEN_TABLES = 64
# One that threads still finish, and the one that they have gone on to.
_MAX_OPEN_ROW_GROUPS = 2


class Shared:
    """One for each worker process; any thread may use it at any time."""

    def __init__(self) -> None:
        self.digests: Memory[str] = Memory(most=_MAX_SOURCES)
        self.headers: Memory[Container] = Memory(most=_MAX_SOURCES)
        self.tables: Memory[Table] = Memory(most=_MAX_OPEN_TABLES)
        self.row_groups: Memory[RowGroup] = Memory(most=_MAX_OPEN_ROW_GROUPS)
