"""What a store consists of besides its shards: manifest, quarantine and ``store.json``, which follow from them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from audiofeat.config import digest_of
from audiofeat.plan import KeptShard
from audiofeat.records import Failure, FeatureSpec
from audiofeat.settings import Settings
from audiofeat.source import Listing
from audiofeat.store.digests import content_digest
from audiofeat.store.layout import FORMAT_VERSION

if TYPE_CHECKING:
    from audiofeat.store.row_columns import RowColumns


@dataclass(frozen=True, slots=True)
class Contents:
    """A store's state. Nothing in it differs between two runs over the same sources and settings."""

    decoders: Sequence[str]
    """Of its clips, done or not; sorted."""
    manifest: bytes
    quarantine: bytes
    store_json: Mapping[str, Any]


def contents_of(
    shards: Sequence[KeptShard], settings: Settings, *, listing: Listing, features: Sequence[FeatureSpec]
) -> Contents:
    """The state of a store of these shards."""
    from audiofeat.store.manifest import encode_manifest, with_meta
    from audiofeat.store.publish import encode_quarantine
    from audiofeat.store.row_columns import RowColumns, manifest_table

    failures = [failure for shard in shards for failure in shard.failures]
    table = manifest_table((shard.entry.name, shard.rows) for shard in shards if shard.entry)
    # Always the source's present words: they change no feature, so no clip is decoded again for them.
    meta = {clip.key: clip.meta for clip in listing.clips}
    manifest = encode_manifest(with_meta(table, listing.meta_names, meta))
    quarantine = encode_quarantine(failures)
    rows = RowColumns(table)
    store_json = _description(settings, shards, rows, failures, features, manifest=manifest, quarantine=quarantine)
    of_failures = {failure.decoder for failure in failures if failure.decoder}
    return Contents(sorted({*store_json["decoders"], *of_failures}), manifest, quarantine, store_json)


def _description(
    settings: Settings,
    shards: Sequence[KeptShard],
    rows: RowColumns,
    failures: Sequence[Failure],
    features: Sequence[FeatureSpec],
    *,
    manifest: bytes,
    quarantine: bytes,
) -> dict[str, Any]:
    """What ``store.json`` says."""
    entries = sorted((shard.entry for shard in shards if shard.entry), key=lambda entry: entry.name)
    reasons = Counter(failure.reason for failure in failures if not failure.is_by_choice)
    left_out = Counter(failure.reason for failure in failures if failure.is_by_choice)
    return {
        "format_version": FORMAT_VERSION,
        "store_format": settings.config.store.format,
        "config": settings.stored,
        "config_digest": digest_of(settings.stored),
        "numbers": settings.numbers,
        "numbers_digest": settings.stamp.numbers_digest,
        "decoders": sorted(set(rows.column("decoder"))),
        "features": [feature.to_json() for feature in features],
        "totals": {
            "clips": len(rows),
            "frames": sum(rows.column("frames")),
            "audio_seconds": math.fsum(rows.column("duration_seconds")),
            "failures": dict(sorted(reasons.items())),
            "left_out": dict(sorted(left_out.items())),
        },
        "shards": [entry.to_json() for entry in entries],
        "manifest": {"size_bytes": len(manifest), "digest": str(blake3(manifest).hexdigest())},
        "quarantine": {"size_bytes": len(quarantine), "digest": str(blake3(quarantine).hexdigest())},
        "content_digest": content_digest(zip(rows.column("key"), rows.column("feature_digest"), strict=True)),
    }
