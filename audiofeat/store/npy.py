"""Shards as folders of NPY files: one array a clip and feature, readable by anything that reads NumPy.

::

    <shard>/<feature>/<key>.npy     (frames, dims)
    <shard>/moments/<feature>.npy   (2, dims) float64: per band, mean and sum of squared deviations, over all rows

A key's parts become file names, with what a file system may refuse percent-encoded, and a hash in place of a name
that is too long: its first 40 characters, ``~``, and the hash. The ``~`` of a part that looks like that is encoded.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from blake3 import blake3

from audiofeat.records import FeatureSpec
from audiofeat.store.digests import file_digest
from audiofeat.store.moments import Moments, RunningMoments, as_array, from_array
from audiofeat.store.rows import bytes_of
from audiofeat.store.shard_format import Array, Location, ShardClip
from audiofeat.store.staging import fsync_folder

MOMENTS = "moments"
_SUMS = "sums"
"""What shards had in place of moments before format version 3."""

_LONGEST_NAME = 200
_LOOKS_SHORTENED = re.compile(r"~(?=[0-9a-f]{32}(\.npy)?$)", re.IGNORECASE)  # file systems may ignore case
_REFUSED = set('<>:"\\|?*') | {chr(code) for code in range(32)}


def npy_path(feature: str, key: str) -> str:
    """The path of a clip's array inside a shard, and beside the shards for scripts: ``log_mel/a/b.npy``."""
    *folders, name = key.split("/")
    return "/".join([feature, *map(_safe_name, folders), _safe_name(name) + ".npy"])


def _safe_name(part: str) -> str:
    safe = "".join(f"%{ord(character):02X}" if character in _REFUSED else character for character in part)
    if safe.endswith((".", " ")):
        safe = f"{safe[:-1]}%{ord(safe[-1]):02X}"
    safe = _LOOKS_SHORTENED.sub("%7E", safe)
    if len(safe.encode()) > _LONGEST_NAME:
        safe = f"{safe[:40]}~{blake3(part.encode()).hexdigest(length=16)}"
    return safe


def keys_in_names(shard: Path) -> set[str] | None:
    """The keys that the names of a shard's arrays tell; None where a name is not its key, or may not be."""
    keys: set[str] = set()
    for feature in shard.iterdir():
        for array in feature.rglob("*.npy") if feature.name != MOMENTS else ():
            name = array.relative_to(feature).as_posix().removesuffix(".npy")
            if "%" in name or any(map(_LOOKS_SHORTENED.search, name.split("/"))):
                return None
            keys.add(name)
    return keys


class NpyShards:
    """The ``npy`` kind of shard."""

    suffix = ""

    def write(self, path: Path, clips: Sequence[ShardClip], features: Sequence[FeatureSpec]) -> None:
        path.mkdir()
        (path / MOMENTS).mkdir()
        for feature in features:
            moments = RunningMoments(feature.dims)
            for clip in clips:
                target = path / npy_path(feature.name, clip.key)
                target.parent.mkdir(parents=True, exist_ok=True)
                _write_array(target, clip, feature, moments)
            content = io.BytesIO()
            np.lib.format.write_array(content, as_array(moments.finish()), version=(1, 0))
            _write_bytes(path / MOMENTS / f"{feature.name}.npy", [content.getvalue()])
        for folder, _, _ in os.walk(path, topdown=False):
            fsync_folder(Path(folder))

    def size_bytes(self, path: Path) -> int:
        return sum(file.stat().st_size for file in _files(path))

    def digest(self, path: Path) -> str:
        hasher = blake3()
        for file in _files(path):
            name = file.relative_to(path).as_posix()
            hasher.update(f"{name}\0{file.stat().st_size}\0{file_digest(file)}\n".encode())
        return str(hasher.hexdigest())

    def open(self, path: Path) -> NpyReader:
        return NpyReader(path)


class NpyReader:
    """An open NPY shard."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, feature: str, location: Location, start: int, stop: int) -> Array:
        with open(self._path / npy_path(feature, location.key), "rb") as file:
            _, dims, dtype = _read_header(file, location)
            if not 0 <= start <= stop <= location.n_frames:
                raise ValueError(f"frames {start} to {stop} of {location.key!r}, which has {location.n_frames}")
            file.seek(start * dims * dtype.itemsize, os.SEEK_CUR)
            rows = np.empty((stop - start, dims), dtype)
            if rows.size and file.readinto(bytes_of(rows)) != rows.nbytes:
                raise OSError(f"the array of {location.key!r} has become shorter")
            return rows

    def index(self) -> None:
        """A file's name does not always tell its key: a long one is hashed."""

    def differences(self, locations: Sequence[Location], features: Sequence[str]) -> Iterator[tuple[str, str]]:
        wanted = {f"{folder}/{feature}.npy" for folder in (MOMENTS, _SUMS) for feature in features}
        for location in locations:
            for feature in features:
                name = npy_path(feature, location.key)
                wanted.add(name)
                try:
                    with open(self._path / name, "rb") as file:
                        _read_header(file, location)
                except FileNotFoundError:
                    yield location.key, f"the shard lacks {name}"
                except (OSError, ValueError) as error:
                    yield location.key, f"{name}: {error}"
        for file_path in _files(self._path):
            name = file_path.relative_to(self._path).as_posix()
            if name not in wanted:
                yield "", f"the shard has {name!r}, which no clip of the manifest wants"

    def moments(self, feature: str, *, n_rows: int) -> Moments | None:
        if not (self._path / MOMENTS).exists():
            return None
        content = io.BytesIO((self._path / MOMENTS / f"{feature}.npy").read_bytes())
        return from_array(np.lib.format.read_array(content, allow_pickle=False), n_rows=n_rows)

    def rest(self) -> None:
        """Nothing stays open between two reads."""

    def close(self) -> None:
        """As :meth:`rest`."""


def _read_header(file: BinaryIO, location: Location) -> tuple[int, int, np.dtype[Any]]:
    """Frames, dims and type of the array in a file, which is left at its first value.

    Raises:
        ValueError: it is not the array of the clip, or the file is longer or shorter than that.
    """
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"NPY version {version[0]}.{version[1]} where 1.0 was written")
    try:
        (n_frames, dims), fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    except (SyntaxError, TokenError) as error:  # of Python's own parser, which NumPy hands a bad header to
        raise ValueError(f"the array of {location.key!r} has no header that can be read") from error
    expected_bytes = file.tell() + n_frames * dims * dtype.itemsize
    # A header that lies about the shape must neither allocate nor return a part.
    if fortran_order or n_frames != location.n_frames or os.fstat(file.fileno()).st_size != expected_bytes:
        raise ValueError(f"the array of {location.key!r} is not the one that was written")
    return n_frames, dims, dtype


def _files(path: Path) -> Iterator[Path]:
    """Every file of a shard, sorted by name."""
    return iter(sorted(file for file in path.rglob("*") if file.is_file()))


def _write_array(target: Path, clip: ShardClip, feature: FeatureSpec, moments: RunningMoments) -> None:
    header = io.BytesIO()
    shape = (clip.n_frames, feature.dims)
    descriptor = {"descr": np.dtype(feature.dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, descriptor)

    def parts() -> Iterator[bytes | memoryview]:
        yield header.getvalue()
        for block in clip.features[feature.name].blocks():
            moments.add(block)
            yield bytes_of(block)

    _write_bytes(target, parts())


def _write_bytes(target: Path, parts: Sequence[bytes] | Iterator[bytes | memoryview]) -> None:
    with open(target, "xb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
