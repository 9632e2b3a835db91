"""What every kind of shard must do: be written whole from finished clips, be digested, be read by rows.

A new kind is one file with these functions and a line in :mod:`audiofeat.store.formats`; ``tests/store_suite.py``
is what it must pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from audiofeat.records import FeatureSpec
from audiofeat.store.moments import Moments
from audiofeat.store.rows import Rows

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ShardClip:
    """A finished clip: its key and the rows of each feature."""

    key: str
    features: Mapping[str, Rows]

    @property
    def n_frames(self) -> int:
        return next(iter(self.features.values())).n_rows


@dataclass(frozen=True, slots=True)
class Location:
    """Where a clip's rows lie in its shard."""

    key: str
    row_offset: int
    n_frames: int


class ShardReader(Protocol):
    """An open shard. What is damaged in it comes out as OSError, ValueError or KeyError."""

    def read(self, feature: str, location: Location, start: int, stop: int) -> Array:
        """Frames ``start`` to ``stop`` (half-open) of a clip: (stop - start, dims)."""

    def index(self) -> list[Location] | None:
        """The clips as the shard itself names them, in order; None for a kind that has no index of its own."""

    def differences(self, locations: Sequence[Location], features: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What the shard says of its clips otherwise than the manifest, without reading a row.

        Args:
            locations: all clips of the shard, as the manifest names them, in key order.
        Yields:
            (key, what is otherwise); the key is empty where it is no single clip of the manifest.
        """

    def moments(self, feature: str, *, n_rows: int) -> Moments | None:
        """Those of all ``n_rows`` rows of a feature, as they were written.

        None in a shard from before format version 3.
        """

    def rest(self) -> None:
        """Let go of what is open; the next reading opens it again, sooner than a new reader would."""

    def close(self) -> None: ...


def index_differences(found: Sequence[Location], wanted: Sequence[Location]) -> Iterator[tuple[str, str]]:
    """The differences of two lists of a shard's clips, as :meth:`ShardReader.differences` yields them."""
    indexed = {location.key: location for location in found}
    for location in wanted:
        own = indexed.pop(location.key, None)
        if own is None:
            yield location.key, "the shard's index lacks it"
        elif own != location:
            text = f"the shard's index has {own.n_frames} frames of it from row {own.row_offset}"
            yield location.key, f"{text}, the manifest {location.n_frames} from row {location.row_offset}"
    for key in indexed:
        yield "", f"the shard's index has {key!r}, which the manifest lacks"
    if len(found) > len({location.key for location in found}):
        yield "", "the shard's index names a clip twice"


class ShardFormat(Protocol):
    """One kind of shard."""

    suffix: str
    """Of the shard's name; empty for a folder."""

    def write(self, path: Path, clips: Sequence[ShardClip], features: Sequence[FeatureSpec]) -> None:
        """Write a durable shard at ``path``, which does not exist. The bytes depend on the arguments only.

        Raises:
            ConfigError: a value is NaN or infinite.
            OSError: the disk's own words.
        """

    def size_bytes(self, path: Path) -> int: ...

    def digest(self, path: Path) -> str:
        """BLAKE3 over every byte and name in the shard."""

    def open(self, path: Path) -> ShardReader: ...
