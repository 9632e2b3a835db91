"""A finished store whose clips have labels, numbers and the like of the source's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from small_store import DECODER, FEATURES, settings_for, write_shards

from audiofeat.finish import finish_store
from audiofeat.plan import Plan
from audiofeat.records import MetaValue
from audiofeat.source import Listing
from audiofeat.store.layout import StorePaths
from audiofeat.store.shard_format import Array


def make_labelled_store(
    root: Path,
    arrays: Mapping[str, Mapping[str, Array]],
    meta: Mapping[str, Sequence[MetaValue]],
    *overrides: str,
    store_format: str = "hdf5",
) -> StorePaths:
    """``meta``: by name, the values of all clips in key order. ``overrides`` as for ``--set``."""
    paths, settings = StorePaths(root), settings_for(*overrides, store_format=store_format)
    clips, tasks, _ = write_shards(paths, settings, arrays)
    told = [replace(clip, meta=values) for clip, values in zip(clips, zip(*meta.values(), strict=True), strict=True)]
    listing = Listing(str(root), told, meta_names=tuple(meta))
    plan = Plan(tuple(tasks), (), {}, decoded=(), deleted=())
    finish_store(paths, settings, plan, listing=listing, features=FEATURES, decoders={"soundfile": DECODER})
    return paths
