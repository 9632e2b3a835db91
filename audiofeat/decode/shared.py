"""What the threads of one process find out only once, of files that many clips are cut out of or lie in.

A recording of three hours may hold ten thousand clips: its digest, which covers all of it, and its checked header are
worked out by the first. A row group of Parquet holds hundreds of clips: they share one reader of it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from audiofeat.decode.container import Container

if TYPE_CHECKING:
    from audiofeat.decode.parquet_cells import RowGroup, Table

Value = TypeVar("Value")

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


class Memory(Generic[Value]):
    """Values by key, the least recently used forgotten; each is made by one thread while others wait for it."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot[Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of ``key``; ``make`` gives it, if it is not remembered. What ``make`` raises is not remembered."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > self._most:
                self._slots.popitem(last=False)
        with slot.lock:
            if not slot.values:
                slot.values.append(make())
            return slot.values[0]


class _Slot(Generic[Value]):
    """One key's place: empty until the thread that holds the lock has made the value."""

    __slots__ = ("lock", "values")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: list[Value] = []
