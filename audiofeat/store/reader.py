"""A finished store, opened for reading.

::

    store = audiofeat.open_store("features")
    store["speaker1/utterance7"]["log_mel"]                 # (frames, dims) float32
    store.read("speaker1/utterance7", "log_mel", 100, 140)  # forty frames, without reading the rest
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiofeat.errors import DamageError, NoStoreError
from audiofeat.records import FeatureSpec
from audiofeat.store.description import read_description
from audiofeat.store.digests import clip_digest, file_digest
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.shard_format import Array, Location, ShardReader
from audiofeat.tasks import ShardEntry

if TYPE_CHECKING:
    import pyarrow as pa

_OPEN_SHARDS = 32


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


class Store(StoreInfo, Mapping[str, Mapping[str, Array]]):
    """A store as a mapping from key to ``{feature: (frames, dims) array}``; :func:`audiofeat.open_store` opens it."""

    def __init__(self, path: str | os.PathLike[str], *, verify: bool = False) -> None:
        super().__init__(path)
        from audiofeat.store.manifest import read_manifest  # pyarrow: not for those who only ask what a store is

        expected = self.description.get("manifest", {}).get("digest")
        if not self.paths.manifest.exists() or file_digest(self.paths.manifest) != expected:
            raise DamageError(
                f"{self.paths.manifest} is not the one that store.json names: it was damaged, or is being replaced",
                hint="open the store again when no extract is running; else run `audiofeat extract` again",
            )
        self.manifest: pa.Table = read_manifest(self.paths.manifest)
        self._verify = verify
        self._columns = {name: self.manifest.column(name) for name in self.manifest.column_names}
        self._format = shard_format(self.description["store_format"])
        self._open: OrderedDict[str, ShardReader] = OrderedDict()

    def __len__(self) -> int:
        return int(self.manifest.num_rows)

    def __iter__(self) -> Iterator[str]:
        for chunk in self._columns["key"].chunks:
            for key in chunk:
                yield key.as_py()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __getitem__(self, key: str) -> dict[str, Array]:
        """All features of a clip. Raises KeyError; DamageError where the stored bytes are not those written."""
        index = self._index(key)
        stop = self._columns["frames"][index].as_py()
        features = {feature.name: self._rows(index, feature.name, 0, stop) for feature in self.features}
        if self._verify:
            self._check(index, features)
        return features

    def read(self, key: str, feature: str, start_frame: int = 0, stop_frame: int | None = None) -> Array:
        """Frames ``start_frame`` to ``stop_frame`` (half-open; None: to the end) of one feature of a clip.

        Shape:
            returns (stop_frame - start_frame, dims).
        Raises:
            KeyError: no such clip or feature.
            IndexError: frames outside the clip.
            DamageError: the shard cannot be read; with ``verify``, its bytes are not those written.
        """
        if feature not in {spec.name for spec in self.features}:
            raise KeyError(f"no feature {feature!r} in {self.paths.root}: {', '.join(f.name for f in self.features)}")
        index = self._index(key)
        n_frames = self._columns["frames"][index].as_py()
        stop = n_frames if stop_frame is None else stop_frame
        if not 0 <= start_frame <= stop <= n_frames:
            raise IndexError(f"frames {start_frame} to {stop} of {key!r}, which has {n_frames}")
        if self._verify:
            return self[key][feature][start_frame:stop]
        return self._rows(index, feature, start_frame, stop)

    def close(self) -> None:
        """Close the shards that are open."""
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {str(self.paths.root)!r}: {len(self)} clips, {', '.join(f.name for f in self.features)}>"

    def _rows(self, index: int, feature: str, start: int, stop: int) -> Array:
        location = Location(
            key=self._columns["key"][index].as_py(),
            row_offset=self._columns["row_offset"][index].as_py(),
            n_frames=self._columns["frames"][index].as_py(),
        )
        shard = self._columns["shard"][index].as_py()
        try:
            rows = self._shard(shard).read(feature, location, start, stop)
        except (OSError, ValueError, KeyError) as error:
            raise DamageError(f"{self.paths.shards / shard} cannot be read: {error}") from error
        spec = next(spec for spec in self.features if spec.name == feature)
        if rows.shape != (stop - start, spec.dims) or rows.dtype != spec.dtype:
            raise DamageError(
                f"{self.paths.shards / shard} gives {rows.shape} {rows.dtype} for {feature}, "
                f"where {(stop - start, spec.dims)} {spec.dtype} were written"
            )
        return rows

    def _shard(self, name: str) -> ShardReader:
        reader = self._open.get(name)
        if reader is None:
            reader = self._open[name] = self._format.open(self.paths.shards / name)
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)[1].close()
        else:
            self._open.move_to_end(name)
        return reader

    def _check(self, index: int, features: Mapping[str, Array]) -> None:
        if digest_of_arrays(features) != self._columns["feature_digest"][index].as_py():
            raise DamageError(
                f"the features of {self._columns['key'][index].as_py()!r} are not those that were written"
            )

    def _index(self, key: str) -> int:
        index = self._find(key)
        if index is None:
            raise KeyError(key)
        return index

    def _find(self, key: str) -> int | None:
        """Binary search: a million keys need no dictionary."""
        keys = self._columns["key"]
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            found = keys[middle].as_py()
            if found == key:
                return middle
            low, high = (middle + 1, high) if found < key else (low, middle)
        return None


def digest_of_arrays(features: Mapping[str, Array]) -> str:
    """The clip digest of features read back, to compare with what the manifest says."""
    unlimited = RowBudget(Path(), process_bytes=1 << 62, clip_bytes=1 << 62)
    rows = {}
    for name, array in features.items():
        rows[name] = Rows(array.shape[1], unlimited, dtype=array.dtype)
        rows[name].append(array)
    return clip_digest(rows)
