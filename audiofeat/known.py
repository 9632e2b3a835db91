"""What earlier runs have finished: the rows and failures that the store and its commit records name.

Only results whose numbers are those of this run count: the same configuration of features, device kind and
versions. A clip's result holds for the bytes it was made of, told by their digest, or, sooner, by the size,
time of last change and inode that the file had then.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audiofeat.config import Config, changed_keys, choice_digest, load_config, numbers_config
from audiofeat.errors import ConfigError, DamageError, NoStoreError
from audiofeat.records import ClipRow, Failure, Fingerprint
from audiofeat.settings import Settings
from audiofeat.store.commits import read_commit
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.reader import Store
from audiofeat.tasks import Commit, Reuse, ShardEntry


@dataclass(slots=True)
class Known:
    """Results of earlier runs that may be used again, by the keys of the source's clips."""

    clips: dict[str, Reuse] = field(default_factory=dict)
    fingerprints: dict[str, Fingerprint] = field(default_factory=dict)
    shards: dict[str, ShardEntry] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    """Every key that the last finished run had, whether its result may be used again or not."""
    judged_otherwise: set[str] = field(default_factory=set)
    """Keys of clips that were refused or left out when ``select`` or ``limits`` were others."""
    stale_because: tuple[str, ...] = ()
    """Why the finished store's results may not be used, if so: one line a changed setting."""


def known_results(paths: StorePaths, settings: Settings) -> Known:
    """Gather what the store at ``paths`` and its commit records say."""
    known = Known()
    choice = choice_digest(settings.config)
    store = _finished_store(paths)
    if store is not None:
        failures = read_quarantine(paths)
        known.keys.update(_clip_keys(store), (failure.clip_key for failure in failures))
        config = _config_of(store)
        known.stale_because = tuple(changed_keys(_numbers_of(store, config), settings.numbers))
        if not known.stale_because:
            is_same_choice = config is not None and choice_digest(config) == choice
            _add_store(known, store, failures, is_same_choice=is_same_choice)
    for path in sorted(paths.commits.glob("*.json")):
        commit = read_commit(path)
        if commit is not None and commit.numbers_digest == settings.numbers_digest:
            _add_commit(known, paths, commit, is_same_choice=commit.choice_digest == choice)
    return known


def read_quarantine(paths: StorePaths) -> list[Failure]:
    """The failures of a finished store; none where the file is not there."""
    try:
        lines = paths.quarantine.read_text("ascii").splitlines()
        return [Failure.from_json(json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError):
        return []


def shard_is_there(paths: StorePaths, shard: ShardEntry, *, store_format: str) -> bool:
    """Whether a shard has its recorded size (its bytes are checked when they are read)."""
    try:
        return shard_format(store_format).size_bytes(paths.shards / shard.name) == shard.size_bytes
    except OSError:
        return False


def _config_of(store: Store) -> Config | None:
    """The configuration that a store was made with; None where this version does not understand it."""
    try:
        return load_config(store.config)
    except ConfigError:
        return None


def _numbers_of(store: Store, config: Config | None) -> Mapping[str, Any]:
    """What could change a value of the store, as this version words it: another wording is no other setting."""
    numbers: Mapping[str, Any] = store.description.get("numbers", {})
    if config is None or not numbers.keys() >= {"device", "versions"}:
        return numbers
    return {**numbers_config(config), "device": numbers["device"], "versions": numbers["versions"]}


def _finished_store(paths: StorePaths) -> Store | None:
    try:
        return Store(paths.root)
    except (NoStoreError, DamageError):
        return None  # then the commit records are all there is, and what they lack is computed again


def _add_store(known: Known, store: Store, failures: list[Failure], *, is_same_choice: bool) -> None:
    from audiofeat.store.fingerprints import read_fingerprints
    from audiofeat.store.manifest import rows_of

    present = {
        name: shard
        for name, shard in store.shards.items()
        if shard_is_there(store.paths, shard, store_format=store.description["store_format"])
    }
    known.shards.update(present)
    found = _Found()
    lost = set()
    for name, row in rows_of(store.manifest):
        if name in present:
            found.add_row(name, row)
        else:
            lost.add(row.clip_key)
    for failure in failures:
        if failure.clip_key not in lost:  # what is left of a clip is not the clip
            found.failures[failure.clip_key].append(failure)
    found.put_into(known, is_same_choice=is_same_choice)
    known.fingerprints.update(read_fingerprints(store.paths.fingerprints))


def _add_commit(known: Known, paths: StorePaths, commit: Commit, *, is_same_choice: bool) -> None:
    found = _Found()
    if commit.shard is not None:
        if not shard_is_there(paths, commit.shard, store_format=commit.store_format):
            return
        known.shards[commit.shard.name] = commit.shard
        for row in commit.rows:
            found.add_row(commit.shard.name, row)
    for failure in commit.failures:
        found.failures[failure.clip_key].append(failure)
    found.put_into(known, is_same_choice=is_same_choice)
    known.fingerprints.update(commit.fingerprints)


class _Found:
    """Rows and failures, gathered by the source's clip that they came of."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[ClipRow]] = defaultdict(list)
        self.failures: defaultdict[str, list[Failure]] = defaultdict(list)
        self.shards: dict[str, str] = {}

    def add_row(self, shard: str, row: ClipRow) -> None:
        self.rows[row.clip_key].append(row)
        self.shards[row.clip_key] = shard

    def put_into(self, known: Known, *, is_same_choice: bool) -> None:
        """Replace what was known of these clips before."""
        for key in self.rows.keys() | self.failures.keys():
            rows, failures = self.rows.get(key, ()), self.failures.get(key, ())
            known.clips[key] = Reuse(self.shards.get(key), tuple(rows), tuple(failures), None)
            known.fingerprints.pop(key, None)  # it told the file of the result before
            known.judged_otherwise.discard(key)
            if failures and not is_same_choice:
                known.judged_otherwise.add(key)


def _clip_keys(store: Store) -> Iterable[str]:
    """The keys of the source's clips that a store's clips were cut out of."""
    if "parent" not in store.manifest.column_names:
        return store
    keys, parents = store.manifest.column("key").to_pylist(), store.manifest.column("parent").to_pylist()
    return (parent or key for key, parent in zip(keys, parents, strict=True))
