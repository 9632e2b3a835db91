"""From finished shards to a finished store: manifest, quarantine, ``store.json``, and a shortcut for the next run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blake3 import blake3

from audiofeat.config import digest_of
from audiofeat.errors import StorageError
from audiofeat.known import shard_is_there
from audiofeat.plan import KeptShard, Plan
from audiofeat.records import ClipRow, Failure, FeatureSpec, Fingerprint
from audiofeat.settings import Settings
from audiofeat.source import Listing
from audiofeat.store.commits import read_commit
from audiofeat.store.description import find_description
from audiofeat.store.digests import content_digest, file_digest
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.store.reader import StoreInfo
from audiofeat.store.staging import read_json, remove, write_json


def finish_store(
    paths: StorePaths,
    settings: Settings,
    plan: Plan,
    *,
    listing: Listing,
    features: Sequence[FeatureSpec],
    decoders: Mapping[str, str],
) -> None:
    """Publish the plan's shards, all of which are finished, as the store's state, and sweep away what is stale.

    Raises:
        StorageError: the disk refuses, or a shard's commit record is gone; the last state stands.
    """
    from audiofeat.store.fingerprints import write_fingerprints
    from audiofeat.store.manifest import encode_manifest, manifest_table, with_meta
    from audiofeat.store.publish import encode_quarantine, link_arrays, publish, sweep

    shards = list(plan.kept)
    fingerprints = dict(plan.fingerprints)
    for task in plan.tasks:
        commit = read_commit(paths.commit(task.slot))
        if commit is None:
            raise StorageError(
                f"the commit record of shard {task.slot} is gone from {paths.commits}",
                hint="run the same command again",
            )
        shards.append(KeptShard(commit.shard, commit.rows, commit.failures))
        fingerprints.update(commit.fingerprints)

    rows = sorted((row for shard in shards for row in shard.rows), key=lambda row: row.key)
    failures = [failure for shard in shards for failure in shard.failures]
    table = manifest_table((shard.entry.name, shard.rows) for shard in shards if shard.entry)
    # Always the source's present words: they change no feature, so no clip is decoded again for them.
    meta = {clip.key: clip.meta for clip in listing.clips}
    manifest = encode_manifest(with_meta(table, listing.meta_names, meta))
    quarantine = encode_quarantine(failures)
    description = _description(settings, shards, rows, failures, features, manifest=manifest, quarantine=quarantine)
    is_npy = settings.config.store.format == "npy"
    arrays = [(row.key, shard.entry.name) for shard in shards if shard.entry for row in shard.rows] if is_npy else []
    stale = _linked_features(paths)
    publish(paths, manifest=manifest, quarantine=quarantine, store_json=description)
    link_arrays(paths, arrays, features=[feature.name for feature in features], stale=stale)
    sweep(paths, keep=(shard.entry.name for shard in shards if shard.entry))
    write_fingerprints(paths.fingerprints, fingerprints)
    _remember(paths, settings, listing, rows, failures, fingerprints, decoders)


def unchanged_digest(settings: Settings, listing: Listing, decoders: Mapping[str, str]) -> str:
    """Over all that a run starts from, as the file system tells it without opening a file."""
    hasher = blake3(f"{settings.digest}\0{digest_of(dict(decoders))}\0{listing.meta_names!r}\n".encode())
    for clip in listing.clips:
        path = clip.path.encode("utf-8", "surrogateescape")
        hasher.update(path + f"\0{clip.key}\0{clip.size_bytes}\0{clip.ctime_ns}\0{clip.inode}\0".encode())
        hasher.update(f"{clip.excerpt}\0{clip.member}\0{clip.meta!r}\n".encode("utf-8", "surrogateescape"))
    return str(hasher.hexdigest())


def used_decoders(names: Iterable[str], decoders: Mapping[str, str]) -> dict[str, str]:
    """Those of ``decoders`` (by program, name and version) whose names and versions are among ``names``."""
    used = set(names)
    return {program: version for program, version in decoders.items() if version in used}


def _description(
    settings: Settings,
    shards: Sequence[KeptShard],
    rows: Sequence[ClipRow],
    failures: Sequence[Failure],
    features: Sequence[FeatureSpec],
    *,
    manifest: bytes,
    quarantine: bytes,
) -> dict[str, Any]:
    """What ``store.json`` says. Nothing in it differs between two runs over the same sources and settings."""
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
        "decoders": sorted({row.decoder for row in rows}),
        "features": [feature.to_json() for feature in features],
        "totals": {
            "clips": len(rows),
            "frames": sum(row.frames for row in rows),
            "audio_seconds": math.fsum(row.duration_seconds for row in rows),
            "failures": dict(sorted(reasons.items())),
            "left_out": dict(sorted(left_out.items())),
        },
        "shards": [entry.to_json() for entry in entries],
        "manifest": {"size_bytes": len(manifest), "digest": str(blake3(manifest).hexdigest())},
        "quarantine": {"size_bytes": len(quarantine), "digest": str(blake3(quarantine).hexdigest())},
        "content_digest": content_digest((row.key, row.feature_digest) for row in rows),
    }


def _linked_features(paths: StorePaths) -> list[str]:
    """The features that the store's last state shows as hard links."""
    values = find_description(paths.store_json)
    if values is None or values["store_format"] != "npy":
        return []
    return [str(feature["name"]) for feature in values["features"]]


def _remember(
    paths: StorePaths,
    settings: Settings,
    listing: Listing,
    rows: Sequence[ClipRow],
    failures: Sequence[Failure],
    fingerprints: Mapping[str, Fingerprint],
    decoders: Mapping[str, str],
) -> None:
    """Leave the next run a shortcut, if an equal listing will surely mean equal bytes."""
    is_sure = all(fingerprints.get(clip.key) == clip.fingerprint for clip in listing.clips)
    if not is_sure:
        remove(paths.unchanged)
        return
    names = [row.decoder for row in rows] + [failure.decoder for failure in failures if failure.decoder]
    used = used_decoders(names, decoders)
    write_json(
        paths.unchanged,
        {
            "digest": unchanged_digest(settings, listing, used),
            "programs": sorted(used),
            "store_json": file_digest(paths.store_json),
        },
    )


def is_unchanged(paths: StorePaths, settings: Settings, listing: Listing, decoders: Mapping[str, str]) -> bool:
    """Whether the last run left exactly what a run over this listing would make."""
    values = read_json(paths.unchanged)
    begun = (paths.pending, paths.commits, paths.tasks)
    if values is None or not paths.store_json.exists() or any(folder.exists() for folder in begun):
        return False  # what an interrupted run has left must be swept, even if it began with other settings
    programs = values.get("programs")
    if not isinstance(programs, list):
        return False
    used = {program: decoders.get(program, "") for program in programs}
    if values.get("digest") != unchanged_digest(settings, listing, used):
        return False
    if values.get("store_json") != file_digest(paths.store_json):
        return False
    info = StoreInfo(paths.root)
    return _is_whole(paths.manifest, info.description["manifest"]) and (
        _is_whole(paths.quarantine, info.description["quarantine"])
        and all(
            shard_is_there(paths, shard, store_format=settings.config.store.format) for shard in info.shards.values()
        )
    )


def _is_whole(path: Path, recorded: Mapping[str, Any]) -> bool:
    return path.exists() and path.stat().st_size == recorded["size_bytes"] and file_digest(path) == recorded["digest"]
