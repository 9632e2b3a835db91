"""From finished shards to a finished store, published as one, and a shortcut for the next run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from blake3 import blake3

from audiofeat.config import FEATURE_NAMES, digest_of
from audiofeat.contents import Contents, contents_of
from audiofeat.errors import StorageError
from audiofeat.garbage import no_search_for_cycles
from audiofeat.known import shard_is_there
from audiofeat.plan import KeptShard, Plan
from audiofeat.reading.info import StoreInfo
from audiofeat.records import FeatureSpec
from audiofeat.settings import Settings
from audiofeat.source import Listing
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.commits import read_commit
from audiofeat.store.digests import file_digest, is_whole
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import remove
from audiofeat.tasks import Commit

if TYPE_CHECKING:
    from audiofeat.store.fingerprints import Fingerprints


def load_libraries(settings: Settings) -> None:
    """Import what :func:`finish_store` takes: a run whose workers are busy has the time, at its end it has not."""
    for module in ("pyarrow.compute", "audiofeat.store.fingerprints", "audiofeat.store.publish"):
        import_module(module)
    shard_format(settings.config.store.format)


@no_search_for_cycles()
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
        StorageError: the disk refuses, or a shard or its commit record is gone, as when another run writes the store
            where locks do not work; the last state stands.
    """
    from audiofeat.store.fingerprints import Fingerprints, write_fingerprints
    from audiofeat.store.publish import link_arrays, publish, sweep
    from audiofeat.store.row_columns import RowColumns

    stamp = settings.stamp
    shards = list(plan.kept)
    fingerprints: list[Fingerprints] = []
    of_kept = dict(plan.fingerprints)
    for task in plan.tasks:
        commit = read_commit(paths.commit(task.slot))
        if commit is None:
            raise _gone(f"the commit record of shard {task.slot} is gone from {paths.commits}")
        if commit.stamp != stamp or _keys_of(commit) != {clip.key for clip in task.clips}:
            raise _gone(f"the commit record of shard {task.slot} in {paths.commits} is another run's")
        if commit.shard and not shard_is_there(paths, commit.shard, store_format=commit.store_format):
            raise _gone(f"{commit.shard.name} is gone from {paths.shards}")
        shards.append(KeptShard(commit.shard, RowColumns.of_lists(commit.rows), commit.failures))
        fingerprints.append(Fingerprints.of_lists(commit.fingerprints))
        for key in commit.fingerprints["key"]:
            of_kept.pop(key, None)

    contents = contents_of(shards, settings, listing=listing, features=features)
    is_npy = settings.config.store.format == "npy"
    arrays = [(key, shard.entry.name) for shard in shards if shard.entry and is_npy for key in shard.rows.column("key")]
    publish(paths, manifest=contents.manifest, quarantine=contents.quarantine, store_json=contents.store_json)
    link_arrays(paths, arrays, features=[feature.name for feature in features], possible=FEATURE_NAMES)
    # While the commit records are there, they tell which files their results are of; then the fingerprints must.
    seen = Fingerprints.joined([*fingerprints, Fingerprints.of(of_kept)])
    write_fingerprints(paths.fingerprints, seen)
    # Without the shortcut the next run sweeps again.
    if sweep(paths, keep=(shard.entry.name for shard in shards if shard.entry)):
        _remember(paths, settings, listing, contents, seen, decoders)


def _keys_of(commit: Commit) -> set[str]:
    return {*commit.clip_keys, *(failure.clip_key for failure in commit.failures)}


def _gone(what: str) -> StorageError:
    """Somebody else was here: a lock keeps other runs away, but not everywhere, nor from whoever deletes it."""
    return StorageError(what, hint="see that no other run writes the store, then run the same command again")


def unchanged_digest(settings: Settings, listing: Listing, decoders: Mapping[str, str]) -> str:
    """Over all that a run starts from, as the file system tells it without opening a file."""
    hasher = blake3(f"{settings.digest}\0{digest_of(dict(decoders))}\0{listing.meta_names!r}\n".encode())
    for clip in listing.clips:
        seen = f"{clip.path}\0{clip.key}\0{clip.size_bytes}\0{clip.ctime_ns}\0{clip.inode}"
        said = f"{clip.excerpt}\0{clip.member}\0{clip.meta!r}"
        hasher.update(f"{seen}\0{said}\n".encode("utf-8", "surrogateescape"))
    return str(hasher.hexdigest())


def used_decoders(names: Iterable[str], decoders: Mapping[str, str]) -> dict[str, str]:
    """Those of ``decoders`` (by program, name and version) whose names and versions are among ``names``."""
    used = set(names)
    return {program: version for program, version in decoders.items() if version in used}


def _remember(
    paths: StorePaths,
    settings: Settings,
    listing: Listing,
    contents: Contents,
    fingerprints: Fingerprints,
    decoders: Mapping[str, str],
) -> None:
    """Leave the next run a shortcut, if an equal listing will surely mean equal bytes."""
    if not fingerprints.are_of(listing.clips):
        remove(paths.unchanged)
        return
    used = used_decoders(contents.decoders, decoders)
    write_checked_json(
        paths.unchanged,
        {
            "start": unchanged_digest(settings, listing, used),
            "programs": sorted(used),
            "store_json": file_digest(paths.store_json),
        },
    )


def is_unchanged(paths: StorePaths, settings: Settings, listing: Listing, decoders: Mapping[str, str]) -> bool:
    """Whether the last run left exactly what a run over this listing would make."""
    values = read_checked_json(paths.unchanged)
    if values is None or not paths.store_json.exists() or is_half_done(paths):
        return False  # what an interrupted run has left must be swept, even if it began with other settings
    programs = values.get("programs")
    if not isinstance(programs, list):
        return False
    used = {program: decoders.get(program, "") for program in programs}
    if values.get("start") != unchanged_digest(settings, listing, used):
        return False
    if values.get("store_json") != file_digest(paths.store_json):
        return False
    info = StoreInfo(paths.root)
    return tables_are_whole(info) and all(
        shard_is_there(paths, shard, store_format=settings.config.store.format) for shard in info.shards.values()
    )


def is_half_done(paths: StorePaths) -> bool:
    """Whether an interrupted run has left something that the next one takes over or sweeps away."""
    return any(folder.exists() for folder in (paths.pending, paths.commits, paths.tasks, paths.parts))


def tables_are_whole(info: StoreInfo) -> bool:
    """Whether manifest and quarantine are those that ``store.json`` names."""
    paths, description = info.paths, info.description
    return is_whole(paths.manifest, description["manifest"]) and is_whole(paths.quarantine, description["quarantine"])
