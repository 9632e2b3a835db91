"""A finished store, opened for reading: clips by key and by number, whole and in slices, and their manifest."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import Self

from audiofeat.errors import REPAIR_HINT, DamageError, NoStoreError
from audiofeat.reading.clip_index import ClipIndex, Texts, read_index, read_texts
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.manifest_file import manifest_column, manifest_rows, manifest_table, open_manifest
from audiofeat.reading.open_shards import OpenShards
from audiofeat.records import FeatureSpec
from audiofeat.store.digests import digest_of_arrays
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.store.shard_format import Array, Location

if TYPE_CHECKING:
    import pyarrow as pa

_PATIENCE_SECONDS, _PAUSE_SECONDS = 2.0, 0.01
"""How long to wait for a run that is replacing manifest and ``store.json``: a matter of milliseconds, if it lives."""


class Reader(StoreInfo, Mapping[str, Mapping[str, Array]]):
    """A store as a mapping from key to ``{feature: (frames, dims) array}``.

    Clips also have numbers, from 0 in key order, for whoever draws them at random. A store may be used from any
    thread, after a fork, and in another process that it was pickled to. What it shows is its state when it was
    opened; where a run has replaced that and the files are gone, it says so.
    """

    def __init__(self, path: str | os.PathLike[str], *, verify: bool = False) -> None:
        super().__init__(path)
        self._feature_digests: Texts | None = None
        self._clips = self._settled_index(verify=verify)
        self.paths = StorePaths(self.paths.root.absolute())  # wherever this process, or another, works later
        kind = shard_format(self.description["store_format"])
        self._open = OpenShards(self.paths.shards, list(self.shards), kind)
        self._specs = {spec.name: spec for spec in self.features}
        self._dtypes = {spec.name: np.dtype(spec.dtype) for spec in self.features}

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips.keys)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._clips.find(key) is not None

    def __getitem__(self, key: str) -> dict[str, Array]:
        """All features of a clip. Raises KeyError; DamageError where the stored bytes are not those written."""
        return self.clip_at(self.index_of(key))

    def read(self, key: str, feature: str, start_frame: int = 0, stop_frame: int | None = None) -> Array:
        """Frames ``start_frame`` to ``stop_frame`` (half-open; None: to the end) of one feature of a clip.

        Shape:
            returns (stop_frame - start_frame, dims).
        Raises:
            KeyError: no such clip or feature.
            IndexError: frames outside the clip.
            DamageError: the shard cannot be read; with ``verify``, its bytes are not those written.
        """
        return self.read_at(self.index_of(key), feature, start_frame, stop_frame)

    def feature(self, name: str) -> FeatureSpec:
        """What the store holds of a feature: dims, dtype, unit, frame rate. Raises KeyError."""
        spec = self._specs.get(name)
        if spec is None:
            raise KeyError(f"no feature {name!r} in {self.paths.root}: {', '.join(self._specs)}")
        return spec

    @property
    def frame_counts(self) -> Array:
        """The number of frames of each clip, by its number: (clips,) integers."""
        return self._clips.frame_counts

    def index_of(self, key: str) -> int:
        """The number of a clip. Raises KeyError."""
        index = self._clips.find(key)
        if index is None:
            raise KeyError(key)
        return index

    def key_at(self, index: int) -> str:
        """The key of the clip of a number. Raises IndexError."""
        return self._clips.keys[self._checked(index)]

    def clip_at(self, index: int, features: Iterable[str] | None = None) -> dict[str, Array]:
        """All features of the clip of a number, or those named. Raises IndexError, KeyError and DamageError."""
        index = self._checked(index)
        wanted = [self.feature(name).name for name in (self._specs if features is None else features)]
        n_frames = self._clips.frames[index]
        digests = self._feature_digests
        if digests is None:
            return {name: self._rows(index, self._specs[name], 0, n_frames) for name in wanted}
        found = {spec.name: self._rows(index, spec, 0, n_frames) for spec in self.features}
        if digest_of_arrays(found) != digests[index]:
            raise self._damage(f"the features of {self.key_at(index)!r} are not those that were written")
        return {name: found[name] for name in wanted}

    def read_at(self, index: int, feature: str, start_frame: int = 0, stop_frame: int | None = None) -> Array:
        """As :meth:`read`, of the clip of a number. Raises IndexError where there is no such clip."""
        index, spec = self._checked(index), self.feature(feature)
        n_frames = self._clips.frames[index]
        stop = n_frames if stop_frame is None else stop_frame
        if not 0 <= start_frame <= stop <= n_frames:
            raise IndexError(f"frames {start_frame} to {stop} of {self.key_at(index)!r}, which has {n_frames}")
        if self._feature_digests is not None:
            return self.clip_at(index)[feature][start_frame:stop]
        return self._rows(index, spec, start_frame, stop)

    @cached_property
    def manifest(self) -> pa.Table:
        """One row a clip; read when it is first asked for. :meth:`column` and :meth:`rows` take less memory."""
        with self._manifest() as file:
            return manifest_table(file)

    def column(self, name: str) -> pa.Array:
        """One column of the manifest, such as ``meta.label``, in key order. Raises KeyError."""
        with self._manifest() as file:
            return manifest_column(file, name)

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """The manifest's rows in key order, with all columns or those named. Raises KeyError."""
        with self._manifest() as file:
            yield from manifest_rows(file, columns)

    def to_numpy(
        self, keys: Iterable[str] | None = None, features: Sequence[str] | None = None
    ) -> dict[str, dict[str, Array]]:
        """``{key: {feature: (frames, dims) array}}``, all in memory, of all clips and features or those named.

        Raises:
            KeyError, DamageError: as :meth:`clip_at` does.
        """
        return {key: self.clip_at(self.index_of(key), features) for key in (self if keys is None else keys)}

    def close(self) -> None:
        """Close the shards that are open. Reading opens them again."""
        self._open.start_anew()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {str(self.paths.root)!r}: {len(self)} clips, {', '.join(f.name for f in self.features)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_again, (type(self), self.paths.root, self._feature_digests is not None, self.digest)

    def _rows(self, index: int, spec: FeatureSpec, start: int, stop: int) -> Array:
        clips = self._clips
        shard = clips.shards[index]
        location = Location(clips.keys[index], clips.row_offsets[index], clips.frames[index])
        try:
            rows = self._open[shard].read(spec.name, location, start, stop)
        except (OSError, ValueError, KeyError) as error:
            raise self._damage(f"{self._open.path(shard)} cannot be read: {error}") from error
        if rows.shape != (stop - start, spec.dims) or rows.dtype != self._dtypes[spec.name]:
            raise self._damage(
                f"{self._open.path(shard)} gives {rows.shape} {rows.dtype} for {spec.name}, "
                f"where {(stop - start, spec.dims)} {spec.dtype} were written"
            )
        return rows

    def _checked(self, index: int) -> int:
        number = operator.index(index)
        if not 0 <= number < len(self._clips):
            raise IndexError(f"clip {number} of {len(self._clips)}")
        return number

    def _settled_index(self, *, verify: bool) -> ClipIndex:
        """The index of the manifest that ``store.json`` names, though a run may just be replacing the two."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with self._open_manifest() as file:
                    if verify:
                        self._feature_digests = read_texts(file, "feature_digest")
                    return read_index(file, list(self.shards))
            except DamageError:
                is_pending = (self.paths.pending / self.paths.store_json.name).exists()
                if time.monotonic() > deadline or not (is_pending or self._is_replaced()):
                    raise
            time.sleep(_PAUSE_SECONDS)
            super().__init__(self.paths.root)

    def _open_manifest(self) -> AbstractContextManager[FileIO]:
        return open_manifest(self.paths.manifest, digest=self.description.get("manifest", {}).get("digest"))

    @contextmanager
    def _manifest(self) -> Iterator[FileIO]:
        """The manifest that the store was opened with."""
        try:
            with self._open_manifest() as file:
                yield file
        except DamageError as error:
            raise self._damage(error.problem, hint=error.hint) from error

    def _damage(self, problem: str, *, hint: str = REPAIR_HINT) -> DamageError:
        """What to say when something cannot be read: perhaps it is only that it is no longer there."""
        return _replaced(self.paths.root) if self._is_replaced() else DamageError(problem, hint=hint)

    def _is_replaced(self) -> bool:
        """Whether the store has another state by now."""
        try:
            return StoreInfo(self.paths.root).description != self.description
        except (NoStoreError, DamageError):
            return True


def _opened_again(kind: type[Reader], path: Path, verify: bool, digest: str) -> Reader:
    """What a pickled store becomes. Raises DamageError where it holds other clips by now."""
    store = kind(path, verify=verify)
    if store.digest != digest:
        raise _replaced(path)
    return store


def _replaced(path: Path) -> DamageError:
    return DamageError(f"{path} was replaced since it was opened", hint="open the store again")
