"""What the threads of one process find out only once, of files that many clips are cut out of or lie in.

A recording of three hours may hold ten thousand clips: its digest, which covers all of it, and its checked header are
worked out by the first. A row group of Parquet holds hundreds of clips: it is read by the first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from audiofeat.decode.container import Container

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

Value = TypeVar("Value")

_MAX_SOURCES = 1_024
_MAX_OPEN_TABLES = 64
_MAX_GROUP_BYTES = 256 << 20


class Shared:
    """One for each worker process; any thread may use it at any time."""

    def __init__(self) -> None:
        self.digests: Memory[str] = Memory(most=_MAX_SOURCES)
        self.headers: Memory[Container] = Memory(most=_MAX_SOURCES)
        self.tables: Memory[pyarrow.parquet.FileMetaData] = Memory(most=_MAX_OPEN_TABLES)
        self.row_groups: Memory[pyarrow.ChunkedArray] = Memory(most=_MAX_GROUP_BYTES, weigh=_size_bytes)


class Memory(Generic[Value]):
    """Values by key, the least recently used forgotten; each is made by one thread while others wait for it."""

    def __init__(self, *, most: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        """Keep values that weigh ``most`` together, and at least the one used last."""
        self._most, self._weigh = most, weigh
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot[Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of ``key``; ``make`` gives it, if it is not remembered. What ``make`` raises is not remembered."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
        with slot.lock:
            if not slot.values:
                slot.values.append(make())
                slot.weight = self._weigh(slot.values[0])
                self._forget_oldest()
            return slot.values[0]

    def _forget_oldest(self) -> None:
        with self._lock:
            total = sum(slot.weight for slot in self._slots.values())
            while total > self._most and len(self._slots) > 1:
                _, slot = self._slots.popitem(last=False)
                total -= slot.weight


class _Slot(Generic[Value]):
    """One key's place: empty until the thread that holds the lock has made the value."""

    __slots__ = ("lock", "values", "weight")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: list[Value] = []
        self.weight = 0


def _size_bytes(column: pyarrow.ChunkedArray) -> int:
    return int(column.nbytes)
