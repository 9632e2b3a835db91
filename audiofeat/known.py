"""What earlier runs have finished: the rows and failures that the store and its commit records name.

Only results whose numbers are those of this run count: the same settings of a feature, device kind and versions.
Where only some features have other settings, or are new, the rest of a clip counts. A clip's result holds for the bytes
it was made of, told by their digest, or, sooner, by the size, time of last change and inode that the file had then.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, MutableMapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audiofeat.config import Config, changed_keys, load_config
from audiofeat.errors import ConfigError, DamageError, NoStoreError
from audiofeat.reading.store import Store
from audiofeat.records import ClipRow, Failure, Fingerprint
from audiofeat.results import Results, ShardResults
from audiofeat.settings import Settings
from audiofeat.store.commits import read_commit
from audiofeat.store.description import find_description
from audiofeat.store.digests import is_whole
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths, is_shard_name
from audiofeat.tasks import Commit, Reuse, ShardEntry, Stamp

if TYPE_CHECKING:
    from audiofeat.store.row_columns import RowColumns


@dataclass(slots=True)
class Known:
    """Results of earlier runs that may be used again, by the keys of the source's clips."""

    clips: Results = field(default_factory=Results)
    fingerprints: MutableMapping[str, Fingerprint] = field(default_factory=dict)
    shards: dict[str, ShardEntry] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    """Every key that the last finished run had, whether its result may be used again or not."""
    judged_otherwise: set[str] = field(default_factory=set)
    """Keys of clips that were refused or left out when ``select`` or ``limits`` were others."""
    stale_because: tuple[str, ...] = ()
    """Why the finished store's results may not be used, or only in part, if so: one line a changed setting."""
    again: dict[str, str] = field(default_factory=dict)
    """Keys of clips whose result may be used and is to be made again all the same, with the reason."""
    tried: set[str] = field(default_factory=set)
    """Keys of clips that failed since the store was last published."""
    settled: Collection[str] = ()
    """Keys of clips that failed and are not tried again for now, be it for a reason that may pass."""
    unlisted: frozenset[str] = frozenset()
    """Keys of clips whose folder cannot be listed now: what is known of them stands, whatever their files are."""
    is_complete: bool = False
    """Whether there is a finished store, and ``keys`` are surely all that it had."""
    has_lost_keys: bool = False
    """Whether there was a store, and nobody can say which clips it had."""
    damaged_shards: frozenset[str] = frozenset()
    """Names of shards that are not to stay as they are, though the clips in them may be well."""


# What depends on the features: deltas want more frames than a spectrum, mel bands a higher rate; and of a piece that
# is too short for a frame it is said that it is a rest, whatever its length is to be.
_OF_FEATURES = ("input.too-short", "input.sample-rate", "select.")


def known_results(paths: StorePaths, settings: Settings, *, slots: Collection[str] | None = None) -> Known:
    """Gather what the store at ``paths`` and its commit records say; with ``slots``, only the records of these."""
    known = Known()
    wanted = settings.stamp
    store = _finished_store(paths)
    if store is not None:
        from audiofeat.store.manifest import clip_keys

        failures = read_quarantine(paths)
        known.is_complete = is_whole(paths.quarantine, store.description["quarantine"])
        earlier = _settings_of(store)
        standing = _Standing.of(earlier.stamp, wanted) if earlier is not None else None
        known.stale_because = _stale_because(store, earlier, standing, settings)
        if standing is not None and len(standing.missing) < len(wanted.feature_digests):
            _add_store(known, store, failures if known.is_complete else None, standing)
        known.keys.update(known.clips)  # the very same texts, where it can be
        known.keys.update(clip_keys(store.manifest), (failure.clip_key for failure in failures))
    else:
        _note_damaged_store(known, paths, settings.config)
    for path in sorted(paths.commits.glob("*.json")):
        commit = read_commit(path) if slots is None or path.stem in slots else None
        if commit is not None and commit.stamp.features_like(wanted):
            _add_commit(known, paths, commit, _Standing.of(commit.stamp, wanted))
    return known


def _note_damaged_store(known: Known, paths: StorePaths, config: Config) -> None:
    """Of a store that cannot be trusted, the keys at least: none of its clips may go unnoticed."""
    if not any(path.exists() for path in (paths.store_json, paths.manifest, paths.quarantine)):
        return
    from audiofeat.store.manifest import found_texts

    try:
        named = [parent or key for parent, key in found_texts(paths.manifest, ["parent", "key"])]
        if None in named:
            raise ValueError("clips without a key")
        known.keys.update(filter(None, named))
    except ValueError:
        keys = _keys_of_shards(paths, config)
        known.has_lost_keys = keys is None
        known.keys.update(keys or ())
    known.keys.update(failure.clip_key for failure in read_quarantine(paths))


def _keys_of_shards(paths: StorePaths, config: Config) -> set[str] | None:
    """What the shards themselves say; None where they do not say it of all of the source's clips."""
    if config.audio.chunk_seconds is not None or config.audio.channels == "each" or not paths.shards.is_dir():
        return None
    shards = {entry.name: entry for entry in paths.shards.iterdir() if is_shard_name(entry.name)}
    described = find_description(paths.store_json) or {}
    if not {shard["name"] for shard in described.get("shards", ())} <= shards.keys():
        return None
    keys: set[str] = set()
    for entry in shards.values():
        if entry.name.startswith("."):
            continue
        try:
            found = _keys_of_file(entry) if entry.suffix == ".h5" else _keys_of_folder(entry)
        except (OSError, ValueError, KeyError):
            return None
        if found is None:
            return None
        keys.update(found)
    return keys


def _keys_of_file(shard: Path) -> set[str]:
    with closing(shard_format("hdf5").open(shard)) as reader:
        return {location.key for location in reader.index() or ()}


def _keys_of_folder(shard: Path) -> set[str] | None:
    """None as well where the shard is not the one that it is named after: an array may be gone."""
    from audiofeat.store.npy import keys_in_names

    is_whole_shard = shard_format("npy").digest(shard).startswith(shard.name[13:29])
    return keys_in_names(shard) if is_whole_shard else None


def read_quarantine(paths: StorePaths) -> list[Failure]:
    """The failures of a finished store; none where the file is not there, or not one of failures."""
    try:
        lines = paths.quarantine.read_text("ascii").splitlines()
        failures = [Failure.from_json(json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError, RecursionError):
        return []
    return failures if all(isinstance(failure.clip_key, str) for failure in failures) else []


def shard_is_there(paths: StorePaths, shard: ShardEntry, *, store_format: str) -> bool:
    """Whether a shard has its recorded size (its bytes are checked when they are read)."""
    try:
        return shard_format(store_format).size_bytes(paths.shards / shard.name) == shard.size_bytes
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class _Standing:
    """What of an earlier result stands."""

    holds: tuple[str, ...]
    missing: tuple[str, ...]
    is_same: bool
    """Whether nothing that changes a value is another."""
    is_same_choice: bool

    @classmethod
    def of(cls, stamp: Stamp, wanted: Stamp) -> _Standing:
        alike = stamp.features_like(wanted)
        return cls(
            holds=tuple(stamp.feature_digests),
            missing=tuple(name for name in wanted.feature_digests if name not in alike),
            is_same=stamp.numbers_digest == wanted.numbers_digest,
            is_same_choice=stamp.choice_digest == wanted.choice_digest,
        )


def _settings_of(store: Store) -> Settings | None:
    """The settings that a store was made with, as this version words them; None where it does not understand them."""
    numbers = store.description.get("numbers", {})
    try:
        config = load_config(store.config)
        return Settings(config=config, device=numbers["device"], versions=numbers["versions"])
    except (ConfigError, KeyError):
        return None


def _stale_because(
    store: Store, earlier: Settings | None, standing: _Standing | None, settings: Settings
) -> tuple[str, ...]:
    """What makes clips to be computed again; nothing where features only went away."""
    if earlier is None or standing is None:
        changes = changed_keys(store.description.get("numbers", {}), settings.numbers)
        return tuple(changes) or ("the store's configuration is one that this version does not know",)
    missing = standing.missing
    added = [name for name in missing if name not in earlier.config.features]
    if not missing:
        return ()
    if missing == tuple(added):
        return tuple(f"feature {name} added" for name in added)
    removed = earlier.config.features.keys() - settings.config.features.keys()
    beside = tuple(f"features.{name}." for name in (*added, *removed))
    changes = [line for line in changed_keys(earlier.numbers, settings.numbers) if not line.startswith(beside)]
    return (*changes, *(f"feature {name} added" for name in added))


def _finished_store(paths: StorePaths) -> Store | None:
    try:
        return Store(paths.root)
    except (NoStoreError, DamageError):
        return None  # then the commit records are all there is, and what they lack is computed again


def _add_store(known: Known, store: Store, failures: list[Failure] | None, standing: _Standing) -> None:
    from audiofeat.store.fingerprints import read_fingerprints
    from audiofeat.store.row_columns import by_shard

    present = {
        name: shard
        for name, shard in store.shards.items()
        if shard_is_there(store.paths, shard, store_format=store.description["store_format"])
    }
    known.shards.update(present)
    found = _Found(standing)
    for name, rows in by_shard(store.manifest):
        found.add_rows(name, rows)
        if name not in present:
            found.lost.update(rows.clip_keys)
        elif failures is None:  # of a piece, others may have been left out, which nothing tells then
            found.lost.update(rows.parents)
    found.add_failures(failures or ())
    found.put_into(known)
    known.fingerprints = read_fingerprints(store.paths.fingerprints)


def _add_commit(known: Known, paths: StorePaths, commit: Commit, standing: _Standing) -> None:
    from audiofeat.store.fingerprints import Fingerprints
    from audiofeat.store.row_columns import RowColumns

    found = _Found(standing)
    if commit.shard is not None:
        if not shard_is_there(paths, commit.shard, store_format=commit.store_format):
            return
        known.shards[commit.shard.name] = commit.shard
        found.add_rows(commit.shard.name, RowColumns.of_lists(commit.rows))
    found.add_failures(commit.failures)
    known.tried.update(failure.clip_key for failure in commit.failures)
    found.put_into(known)
    known.fingerprints.update(Fingerprints.of_lists(commit.fingerprints))


class _Found:
    """Rows and failures, gathered by the source's clip that they came of."""

    def __init__(self, standing: _Standing) -> None:
        self.lost: set[str] = set()
        """Keys of clips of which not all is there: what is left of a clip is not the clip."""
        self._standing = standing
        self._clips = Results()
        self._failures: defaultdict[str, list[Failure]] = defaultdict(list)

    def add_rows(self, shard: str, rows: RowColumns) -> None:
        place = self._place(shard, rows)
        for key in rows.clip_keys:
            self._clips.put(key, place)

    def add_failures(self, failures: Iterable[Failure]) -> None:
        """Once all rows are added."""
        without_rows = self._place(None, None)
        for failure in failures:
            key = failure.clip_key
            self._failures[key].append(failure)
            place = self._clips.place_of(key)
            if not isinstance(place, ShardResults):
                self._clips.put(key, without_rows)
                place = without_rows
            place.failures.append(failure)

    def _place(self, shard: str | None, rows: RowColumns | None) -> ShardResults:
        return ShardResults(shard, rows, [], holds=self._standing.holds, missing=self._standing.missing)

    def put_into(self, known: Known) -> None:
        """Replace what was known of these clips before."""
        for key, place in self._clips.places.items():
            if key in self.lost or (key in known.clips and _says_more(known.clips[key], self._clips[key])):
                continue
            known.clips.put(key, place)
            known.fingerprints.pop(key, None)  # it told the file of the result before
            known.judged_otherwise.discard(key)
            known.again.pop(key, None)
            failures = self._failures.get(key)
            if failures:
                self._judge(known, key, failures)

    def _judge(self, known: Known, key: str, failures: Iterable[Failure]) -> None:
        if not self._standing.is_same_choice:
            known.judged_otherwise.add(key)
        if not self._standing.is_same and any(failure.reason.startswith(_OF_FEATURES) for failure in failures):
            known.again[key] = "other features, judged again"


def _says_more(known: Reuse, found: Reuse) -> bool:
    """Whether what is known of a clip lacks fewer features than other results of the same bytes."""
    before: tuple[ClipRow | Failure, ...] = (*known.rows, *known.failures)
    now: tuple[ClipRow | Failure, ...] = (*found.rows, *found.failures)
    if not before or before[0].source_digest is None:
        return False
    return before[0].source_digest == now[0].source_digest and len(known.missing) < len(found.missing)
