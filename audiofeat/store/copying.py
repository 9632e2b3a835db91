"""Rows of unchanged clips, taken over from the shards of an earlier run after their digest has been checked."""

from __future__ import annotations

from collections.abc import Sequence

from audiofeat.errors import DamageError
from audiofeat.records import ClipRow, FeatureSpec
from audiofeat.store.digests import clip_digest
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import BLOCK_ROWS, RowBudget, Rows
from audiofeat.store.shard_format import Location, ShardReader


class EarlierShards:
    """Reads clips out of earlier shards; the last one stays open, since neighbours mostly come from the same."""

    def __init__(self, paths: StorePaths, *, features: Sequence[FeatureSpec], budget: RowBudget) -> None:
        self._paths = paths
        self._features = features
        self._budget = budget
        self._open: tuple[str, ShardReader] | None = None

    def copy(self, shard: str, row: ClipRow) -> dict[str, Rows]:
        """The rows of each feature of the clip ``row``, out of the shard called ``shard``.

        Raises:
            DamageError: they cannot be read, or are not those that the manifest's digest was made of.
        """
        location = Location(row.key, row.row_offset, row.frames)
        copies = {feature.name: Rows(feature.dims, self._budget, dtype=feature.dtype) for feature in self._features}
        try:
            reader = self._reader(shard)
            for name, rows in copies.items():
                for start in range(0, row.frames, BLOCK_ROWS):
                    rows.append(reader.read(name, location, start, min(row.frames, start + BLOCK_ROWS)))
            if clip_digest(copies) != row.feature_digest:
                raise ValueError(f"the rows of {row.key!r} are not those that were written")
        except (OSError, ValueError, KeyError) as error:
            for rows in copies.values():
                rows.release()
            raise DamageError(f"{self._paths.shards / shard}: {error}") from error
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
