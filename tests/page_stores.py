"""Stores for pages: clips of given levels, failures of given words, and the files that the clips are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import small_store
from blake3 import blake3
from running import write_clip
from small_store import listing_of, make_store, settings_for
from store_suite import FEATURES, random_arrays

from audiofeat.records import Clip, ClipRow, Failure, FeatureSpec, MetaValue
from audiofeat.source import Listing
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.shard_format import Array

QUIET = {"peak": 0.1, "rms": 0.01, "clipped_share": 0.0, "silent_share": 0.25}


def page_store(
    root: Path,
    clips: Mapping[str, Mapping[str, Any]],
    *overrides: str,
    features: Sequence[FeatureSpec] = FEATURES,
    arrays: Mapping[str, Mapping[str, Array]] | None = None,
    failures: Mapping[str, Mapping[str, Any]] | None = None,
    meta: Mapping[str, Sequence[MetaValue]] | None = None,
    store_format: str = "hdf5",
) -> StorePaths:
    """A finished store at ``root``.

    Args:
        clips: by key, what the manifest says of each besides the usual.
        arrays: as for ``make_store``; None: random ones, of 1, 2, 3, ... frames.
        failures: by key, what the quarantine says of each besides the usual.
        meta: by name, the values of all clips and failures in key order.
    """
    failed = failures or {}
    held = arrays or {
        key: random_arrays(number + 1, seed=number, features=features) for number, key in enumerate(sorted(clips))
    }

    def row(**values: Any) -> ClipRow:
        return ClipRow(**{**values, **QUIET, **clips[values["key"]]})

    def failure(key: str, *values: Any) -> Failure:
        usual = dict(zip(("source", "reason", "message", "hint", "source_digest", "decoder"), values, strict=True))
        return Failure(**{"key": key, **usual, **failed[key]})

    def listed(found: Sequence[Clip], place: Path) -> Listing:
        listing = listing_of(found, place)
        if not meta:
            return listing
        rows = zip(*meta.values(), strict=True)
        told = [Clip(clip.key, clip.path, 1, 1, 1, meta=values) for clip, values in zip(found, rows, strict=True)]
        return Listing(str(place), told, meta_names=tuple(meta))

    replaced = {"ClipRow": row, "Failure": failure, "FEATURES": features, "listing_of": listed}
    with mock.patch.multiple(small_store, **replaced):
        return make_store(root, settings_for(*overrides, store_format=store_format), held, failing=list(failed))


def remember_source(paths: StorePaths, source: Path) -> None:
    """Leave the note of where the clips came from."""
    note = {"source": str(source), "config": settings_for().stored, "follow_links": True}
    write_checked_json(paths.source, note)


def source_clip(source: Path, key: str, *, seed: int = 0, seconds: float = 0.5, suffix: str = "wav") -> dict[str, Any]:
    """A file of the source, and what the manifest says of a clip that is all of it."""
    path = write_clip(source / f"{key}.{suffix}", seed=seed, seconds=seconds)
    return {"source": f"{key}.{suffix}", "source_digest": blake3(path.read_bytes()).hexdigest()}
