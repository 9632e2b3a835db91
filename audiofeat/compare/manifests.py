"""Two manifests walked in step, by whole batches: equal clips, however many, cost no Python object.

Both are sorted by key. Up to the smaller one of two batches' last keys, no later batch has anything to add.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from audiofeat.manifest.batches import ManifestBatches

COLUMNS = ("key", "frames", "feature_digest", "source_digest")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies between two keys."""

    only_a: pa.Array
    """Keys."""
    only_b: pa.Array
    a: pa.RecordBatch
    """The clips that both have and whose features differ, with :data:`COLUMNS`."""
    b: pa.RecordBatch
    """The same clips, as the other manifest has them."""


def stretches(here: ManifestBatches, there: ManifestBatches) -> Iterator[Stretch]:
    """All of both manifests, in the order of keys."""
    left, right = _Side(here), _Side(there)
    nothing = pa.RecordBatch.from_pylist([], schema=pa.schema([here.schema.field(name) for name in COLUMNS]))
    while left.has_rows() and right.has_rows():
        last = min(left.last_key, right.last_key)
        yield _stretch(left.take(last), right.take(last))
    while left.has_rows():
        yield _stretch(left.take(left.last_key), nothing)
    while right.has_rows():
        yield _stretch(nothing, right.take(right.last_key))


class _Side:
    """A manifest, and how far it was walked."""

    def __init__(self, manifest: ManifestBatches) -> None:
        self._batches = manifest.read(COLUMNS)
        self._rows: pa.RecordBatch | None = None

    def has_rows(self) -> bool:
        while self._rows is None or not self._rows.num_rows:
            self._rows = next(self._batches, None)
            if self._rows is None:
                return False
        return True

    @property
    def last_key(self) -> str:
        return str(self._keys[-1].as_py())

    def take(self, last_key: str) -> pa.RecordBatch:
        """The rows up to ``last_key``, which are walked then."""
        keys = self._keys
        stop = bisect_right(range(len(keys)), last_key, key=lambda index: keys[index].as_py())
        taken, self._rows = self._batch.slice(0, stop), self._batch.slice(stop)
        return taken

    @property
    def _keys(self) -> pa.Array:
        return self._batch.column("key")

    @property
    def _batch(self) -> pa.RecordBatch:
        if self._rows is None:
            raise ValueError("has_rows was not asked, or denied it")
        return self._rows


def _stretch(here: pa.RecordBatch, there: pa.RecordBatch) -> Stretch:
    place = pc.index_in(here.column("key"), value_set=there.column("key"))
    is_here = pc.is_in(there.column("key"), value_set=here.column("key"))
    both_here, both_there = here.filter(pc.is_valid(place)), there.take(pc.drop_null(place))
    differs = pc.not_equal(both_here.column("feature_digest"), both_there.column("feature_digest"))
    return Stretch(
        only_a=here.column("key").filter(pc.is_null(place)),
        only_b=there.column("key").filter(pc.invert(is_here)),
        a=both_here.filter(differs),
        b=both_there.filter(differs),
    )
