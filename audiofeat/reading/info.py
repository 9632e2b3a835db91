"""What a store is, told by ``store.json`` alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiofeat.errors import DamageError, NoStoreError
from audiofeat.records import FeatureSpec
from audiofeat.store.description import read_description
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.tasks import ShardEntry


class StoreInfo:
    """What ``store.json`` says: everything about a store but its clips, without opening anything else.

    Raises:
        NoStoreError: there is no finished store.
        DamageError: ``store.json`` cannot be understood, or a newer audiofeat wrote it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.paths = StorePaths(Path(path))
        if not self.paths.store_json.exists():
            unfinished = self.paths.state.exists()
            raise NoStoreError(
                f"{path} is {'an unfinished store: it has no store.json yet' if unfinished else 'not a store'}",
                hint="run the same `audiofeat extract` again to finish it" if unfinished else "check the path",
            )
        self.description: Mapping[str, Any] = read_description(self.paths.store_json)
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
            raise DamageError(
                f"{self.paths.store_json} is not a store's description", hint="run `audiofeat extract` again"
            ) from error

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
