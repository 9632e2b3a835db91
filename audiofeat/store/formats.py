"""The kinds of shard that there are, by name."""

from __future__ import annotations

from audiofeat.store.packing import Packing
from audiofeat.store.shard_format import ShardFormat


def shard_format(name: str, packing: Packing | None = None) -> ShardFormat:
    """The kind of shard called ``hdf5`` or ``npy``; ``packing`` is for those that it writes."""
    # Imported here: an unchanged rerun of a million clips needs neither.
    if name == "npy":
        from audiofeat.store.npy import NpyShards

        return NpyShards()
    from audiofeat.store.hdf5 import Hdf5Shards

    return Hdf5Shards(packing or Packing())
