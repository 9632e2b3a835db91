"""What two stores differ in, as plain values. A is the first store, B the second one; a pair has A's value first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Some(Generic[T]):
    """How many there are, and the first few of them."""

    count: int = 0
    first: tuple[T, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherShape:
    """A clip whose arrays have another shape in B: (frames, dims)."""

    key: str
    feature: str
    a: tuple[int, int]
    b: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Apart:
    """How far apart the values of two arrays are at the most, and where that is."""

    max_difference: float = 0.0
    """Of a complex value its magnitude; infinite where one of two is NaN or infinite, and the other is not."""
    frame: int | None = None
    """None where no value differs; so is ``column``."""
    column: int | None = None
    is_other: bool = False
    """Whether any bit differs: 0 and -0, or two kinds of NaN, are no distance apart. Of two types: any value."""


@dataclass(frozen=True, slots=True)
class ClipDifference:
    """A clip whose values differ, and the feature in which they do so the most."""

    key: str
    feature: str
    apart: Apart


@dataclass(frozen=True, slots=True)
class FeatureDifference:
    """A feature that both stores have, over all clips of the same shape."""

    name: str
    dtypes: tuple[str, str]
    dims: tuple[int, int]
    n_different: int = 0
    """Clips in which it differs at all."""
    n_beyond: int = 0
    """Clips in which it differs by more than ``atol``."""
    key: str | None = None
    """Of the clip in which it differs the most."""
    apart: Apart = Apart()


@dataclass(frozen=True, slots=True)
class InQuarantine:
    """A clip that is in one quarantine only, or in both for other reasons; the reason is None where it is not."""

    key: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that was found. Settings, versions, sources and quarantine explain; they do not decide what is the same."""

    a: str
    """The path."""
    b: str
    atol: float
    chosen_features: tuple[str, ...] | None
    """Those that were compared; None: all."""
    digests: tuple[str, str]
    clips: tuple[int, int]
    only_a: Some[str]
    """Keys."""
    only_b: Some[str]
    features_only_a: tuple[str, ...]
    features_only_b: tuple[str, ...]
    shapes: Some[OtherShape]
    features: tuple[FeatureDifference, ...]
    n_different: int
    """Clips of the same shape in which some value differs."""
    n_beyond: int
    """Clips of the same shape in which some value differs by more than ``atol``."""
    worst: tuple[ClipDifference, ...]
    """The clips that differ the most, the worst one first."""
    n_other_source: int
    """Of all clips whose features differ, those that were made of other source bytes."""
    settings: tuple[str, ...]
    """Lines such as ``mel.bands: 128 -> 64``."""
    made_with: tuple[str, ...]
    """Device, versions and decoders, likewise."""
    quarantine: Some[InQuarantine]

    @property
    def is_same(self) -> bool:
        """Whether keys, features, shapes and values are the same: bit for bit, or, with ``atol``, within that.

        With ``atol`` another type (float16 for float32) is no difference.
        """
        if self.digests[0] == self.digests[1]:
            return True
        if not self.atol and self.chosen_features is None:
            return False  # whatever it is
        return not any(
            (
                self.only_a.count,
                self.only_b.count,
                self.features_only_a,
                self.features_only_b,
                self.shapes.count,
                self.n_beyond if self.atol else self.n_different or self.other_types,
            )
        )

    @property
    def n_common(self) -> int:
        """Clips that both stores have."""
        return self.clips[0] - self.only_a.count

    @property
    def other_types(self) -> tuple[str, ...]:
        """The features whose values are of another type in B."""
        return tuple(feature.name for feature in self.features if feature.dtypes[0] != feature.dtypes[1])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: null for an infinite difference, which ``is_infinite`` then tells."""
        values: dict[str, Any] = _plain({"is_same": self.is_same, **asdict(self)})
        return values


def _plain(value: Any) -> Any:
    """With how far apart things are beside their names, and lists in place of tuples."""
    if isinstance(value, Mapping):
        value = {**value, **value.get("apart", {})}
        if "max_difference" in value:
            value["is_infinite"] = math.isinf(value["max_difference"])
        return {name: _plain(part) for name, part in value.items() if name != "apart"}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and math.isinf(value) else value
