"""Rows of unchanged clips, taken over from the shards of an earlier run after their digest has been checked."""

from __future__ import annotations

from collections.abc import Collection

from audiofeat.errors import DamageError
from audiofeat.records import ClipRow
from audiofeat.store.digests import clip_digest
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import BLOCK_ROWS, RowBudget, Rows
from audiofeat.store.shard_format import Location, ShardReader


class EarlierShards:
    """Reads clips out of earlier shards; the last one stays open, since neighbours mostly come from the same."""

    def __init__(self, paths: StorePaths, *, budget: RowBudget) -> None:
        self._paths = paths
        self._budget = budget
        self._open: tuple[str, ShardReader] | None = None

    def copy(self, shard: str, row: ClipRow, *, holds: Collection[str], wanted: Collection[str]) -> dict[str, Rows]:
        """The rows of the clip ``row`` out of the shard called ``shard``: those of the features ``wanted``.

        Args:
            holds: all features that the shard holds. Each is read, since the clip's digest is over them all.
        Raises:
            DamageError: they cannot be read, or are not those that the manifest's digest was made of.
        """
        location = Location(row.key, row.row_offset, row.frames)
        copies: dict[str, Rows] = {}
        try:
            reader = self._reader(shard)
            for name in holds:
                first = reader.read(name, location, 0, min(row.frames, BLOCK_ROWS))
                rows = copies[name] = Rows(first.shape[1], self._budget, dtype=first.dtype)
                rows.append(first)
                for start in range(BLOCK_ROWS, row.frames, BLOCK_ROWS):
                    rows.append(reader.read(name, location, start, min(row.frames, start + BLOCK_ROWS)))
            if clip_digest(copies) != row.feature_digest:
                raise ValueError(f"the rows of {row.key!r} are not those that were written")
            missing = sorted(set(wanted) - copies.keys())
            if missing:
                raise ValueError(f"{row.key!r} has no {', '.join(missing)} there")
        except (OSError, ValueError, KeyError) as error:
            for rows in copies.values():
                rows.release()
            raise DamageError(f"{self._paths.shards / shard}: {error}") from error
        for name in copies.keys() - set(wanted):
            copies.pop(name).release()
        return copies

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _reader(self, shard: str) -> ShardReader:
        if self._open is None or self._open[0] != shard:
            self.close()
            kind = shard_format("hdf5" if shard.endswith(".h5") else "npy")
            self._open = shard, kind.open(self._paths.shards / shard)
        return self._open[1]
