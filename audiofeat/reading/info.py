"""What a store is, told by ``store.json`` alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiofeat.errors import REPAIR_HINT, DamageError, NoStoreError
from audiofeat.records import FeatureSpec
from audiofeat.store.description import read_description
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.tasks import ShardEntry


class StoreInfo:
    """What ``store.json`` says: everything about a store but its clips, without opening anything else.

    Raises:
        NoStoreError: there is no finished store, or none that can be read.
        DamageError: ``store.json`` cannot be understood, or a newer audiofeat wrote it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.paths = StorePaths(Path(path))
        try:
            self.description: Mapping[str, Any] = read_description(self.paths.store_json)
        except OSError as error:
            raise _no_store(self.paths, error) from error
        """The values of ``store.json``."""
        version = self.description.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise DamageError(
                f"{path} has format version {version}, this audiofeat reads up to {FORMAT_VERSION}",
                hint="a newer audiofeat",
            )
        try:
            self.features = tuple(FeatureSpec.from_json(feature) for feature in self.description["features"])
            self.shards = {shard["name"]: ShardEntry.from_json(shard) for shard in self.description["shards"]}
        except (KeyError, TypeError) as error:
            raise DamageError(f"{self.paths.store_json} is not a store's description", hint=REPAIR_HINT) from error

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration, without the paths of source and store."""
        config: Mapping[str, Any] = self.description["config"]
        return config

    @property
    def digest(self) -> str:
        """The content digest: over keys, feature names, shapes and values."""
        return str(self.description["content_digest"])

    @property
    def left_out(self) -> Mapping[str, int]:
        """Clips that the configuration leaves out, by reason."""
        left_out: Mapping[str, int] = self.description["totals"].get("left_out", {})
        return left_out

    @property
    def failures(self) -> Mapping[str, int]:
        """Clips in quarantine by reason."""
        failures: Mapping[str, int] = self.description["totals"]["failures"]
        return failures


def _no_store(paths: StorePaths, error: OSError) -> NoStoreError:
    """What stands where a store was looked for, and what to do about it."""
    root = paths.root
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        return NoStoreError(
            f"{paths.store_json} cannot be read: {error.strerror}", hint="check what it is, and its permissions"
        )
    if paths.parts.exists():
        return NoStoreError(
            f"{root} is an unfinished store: what the parts of a run have made is not published yet",
            hint=f"`audiofeat commit {root}` does that, or says what is missing",
        )
    if paths.state.exists():
        return NoStoreError(
            f"{root} is an unfinished store: it has no store.json yet",
            hint="run the same `audiofeat extract` again to finish it",
        )
    if not root.exists():
        return NoStoreError(f"{root} is not a store: it does not exist", hint="check the path")
    if not root.is_dir():
        inside = next((folder for folder in root.parents if StorePaths(folder).store_json.exists()), None)
        return NoStoreError(
            f"{root} is not a store: it is a file", hint=f"name the store's folder{f', {inside}' if inside else ''}"
        )
    try:
        found = "holds no store.json" if any(root.iterdir()) else "is empty"
    except OSError:
        found = "cannot be listed"
    hint = "check the path, or make a store with `audiofeat extract SOURCE STORE --config ...`"
    return NoStoreError(f"{root} is not a store: the folder {found}", hint=hint)
