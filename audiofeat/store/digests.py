"""BLAKE3 digests of what a store holds, independent of the container that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from blake3 import blake3

from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.shard_format import Array

_BLOCK_BYTES = 1 << 20


class DigestedRows(Protocol):
    """Rows of one feature of one clip, known by the digest of their values; they need not be at hand any more."""

    @property
    def dims(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def value_digest(self) -> str: ...


def file_digest(path: Path) -> str:
    """The digest of a file's bytes."""
    with open(path, "rb", buffering=0) as file:
        return open_file_digest(file)


def is_whole(path: Path, recorded: Mapping[str, Any]) -> bool:
    """Whether a file has the size and the digest that ``store.json`` records of it."""
    return path.exists() and path.stat().st_size == recorded["size_bytes"] and file_digest(path) == recorded["digest"]


def open_file_digest(file: RawIOBase) -> str:
    """The digest of what is left to read of an open file."""
    hasher = blake3()
    # Not through a memory map, whose pages would count as this process's own: memory is to stay flat.
    block = bytearray(_BLOCK_BYTES)
    while count := file.readinto(block):
        hasher.update(memoryview(block)[:count])
    return str(hasher.hexdigest())


def clip_digest(features: Mapping[str, DigestedRows]) -> str:
    """The digest of one clip's features: names, shapes, types and values."""
    hasher = blake3()
    for name in sorted(features):
        rows = features[name]
        hasher.update(f"{name}\0{rows.dtype.str}\0{rows.n_rows}\0{rows.dims}\0{rows.value_digest}\n".encode())
    return str(hasher.hexdigest())


def digest_of_arrays(features: Mapping[str, Array]) -> str:
    """The clip digest of features read back, to compare with what the manifest says."""
    unlimited = RowBudget(Path(), process_bytes=1 << 62, clip_bytes=1 << 62)
    rows = {}
    for name, array in features.items():
        rows[name] = Rows(array.shape[1], unlimited, dtype=array.dtype)
        rows[name].append(array)
    return clip_digest(rows)


def content_digest(clips: Iterable[tuple[str, str]]) -> str:
    """The digest of a whole store from its (key, clip digest) pairs in key order: equal for HDF5 and NPY."""
    hasher = blake3()
    for key, digest in clips:
        hasher.update(f"{key}\0{digest}\n".encode())
    return str(hasher.hexdigest())
