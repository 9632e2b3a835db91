"""How shards hold their rows: in which kind of file, compressed how. It changes their bytes, and none of the values.

Its word stands beside each shard in ``store.json``, so that a rerun sees which shards are packed otherwise than asked,
and copies their rows into new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from audiofeat.config import Store

SHARD_VERSION = 3
"""The format version that last changed the structure of shards: one from before is written anew."""


@dataclass(frozen=True, slots=True)
class Packing:
    """The kind of shard and, for HDF5, the compression of its features."""

    kind: Literal["hdf5", "npy"] = "hdf5"
    compression: Literal["none", "gzip", "blosc2"] = "none"
    level: int = 0
    chunk_frames: int = 0
    """Rows that are compressed together; this and ``level`` are 0 where nothing is."""

    @property
    def word(self) -> str:
        """Such as ``hdf5-3`` or ``hdf5-3-gzip-4-128``: equal words, equal bytes for equal rows."""
        parts: list[object] = [self.kind, SHARD_VERSION]
        if self.compression != "none":
            parts += [self.compression, self.level, self.chunk_frames]
        return "-".join(map(str, parts))


def packing_of(store: Store) -> Packing:
    """What a configuration asks for. What has no effect while nothing is compressed leaves no trace."""
    if store.compression == "none":
        return Packing(store.format)
    return Packing(store.format, store.compression, store.compression_level, store.chunk_frames)
