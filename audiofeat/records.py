"""The frozen carriers that travel along the path: clips in, shards through, rows and failures out.

They hold plain values only, so that each one goes through JSON and back unchanged: that is how a shard is
handed to a worker and how a finished one is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from typing_extensions import Self


class JsonRecord:
    """A dataclass of plain values that turns into a dict and back."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Clip(JsonRecord):
    """One piece of audio to make features of, as the scan saw it."""

    key: str
    """The clip's name in the store: valid UTF-8, unique, POSIX separators."""
    path: str
    """Path relative to the source, as the file system spells it (``os.fsdecode``)."""
    size_bytes: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class FeatureSpec(JsonRecord):
    """What a store holds of one feature. Arrays are (frames, dims), always."""

    name: str
    dims: int
    dtype: str
    unit: str
    frame_rate_hz: float


@dataclass(frozen=True, slots=True)
class ClipRow(JsonRecord):
    """A finished clip, as the manifest says it."""

    key: str
    source: str
    """Path relative to the source, as text: bytes outside UTF-8 percent-encoded."""
    start_seconds: float | None
    end_seconds: float | None
    channel: int | None
    sample_rate: int
    """Of the source, in Hz."""
    channels: int
    duration_seconds: float
    frames: int
    row_offset: int
    source_digest: str
    decoder: str
    peak: float
    rms: float
    clipped_share: float
    silent_share: float
    feature_digest: str


@dataclass(frozen=True, slots=True)
class Failure(JsonRecord):
    """A clip that could not be done, as the quarantine says it: nothing in it differs from run to run."""

    key: str
    source: str
    reason: str
    message: str
    hint: str
    source_digest: str | None
    """None where the bytes could not be read."""
    decoder: str | None


@dataclass(frozen=True, slots=True)
class Fingerprint(JsonRecord):
    """What the file system said of a source file when its bytes were read."""

    size_bytes: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Reuse(JsonRecord):
    """Where the finished rows of an unchanged clip lie: they are copied, not computed again."""

    shard: str
    row: Mapping[str, Any]
    """The clip's :class:`ClipRow` there, as JSON."""


@dataclass(frozen=True, slots=True)
class ClipTask(JsonRecord):
    """What is to be done for one clip of a shard."""

    key: str
    path: str
    reuse: Mapping[str, Any] | None = None
    """A :class:`Reuse` as JSON; None where the clip is to be decoded."""
    failure: Mapping[str, Any] | None = None
    """A :class:`Failure` as JSON that still stands: an unchanged file that could not be done."""
    fingerprint: Mapping[str, Any] | None = None
    """The :class:`Fingerprint` that goes with either."""


@dataclass(frozen=True, slots=True)
class ShardTask(JsonRecord):
    """The clips of one shard, in key order. ``slot`` names the shard's place, whatever it holds."""

    slot: str
    clips: tuple[ClipTask, ...]

    def to_json(self) -> dict[str, Any]:
        return {"slot": self.slot, "clips": [clip.to_json() for clip in self.clips]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ShardTask:
        return cls(values["slot"], tuple(ClipTask.from_json(clip) for clip in values["clips"]))


@dataclass(frozen=True, slots=True)
class ShardEntry(JsonRecord):
    """A shard as ``store.json`` names it."""

    name: str
    slot: str
    size_bytes: int
    digest: str
    clips: int
    rows: int


@dataclass(frozen=True, slots=True)
class Commit(JsonRecord):
    """A finished shard, remembered until ``store.json`` takes it over."""

    slot: str
    numbers_digest: str
    store_format: str
    shard: ShardEntry | None
    """None where no clip of it could be done: then there is no file."""
    rows: tuple[ClipRow, ...]
    failures: tuple[Failure, ...]
    fingerprints: Mapping[str, Fingerprint]
    """By key; only those that may be trusted: see :mod:`audiofeat.plan`."""

    def to_json(self) -> dict[str, Any]:
        return {
            "slot": self.slot,
            "numbers_digest": self.numbers_digest,
            "store_format": self.store_format,
            "shard": self.shard.to_json() if self.shard else None,
            "rows": [row.to_json() for row in self.rows],
            "failures": [failure.to_json() for failure in self.failures],
            "fingerprints": {key: value.to_json() for key, value in self.fingerprints.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Commit:
        return cls(
            slot=values["slot"],
            numbers_digest=values["numbers_digest"],
            store_format=values["store_format"],
            shard=ShardEntry.from_json(values["shard"]) if values["shard"] else None,
            rows=tuple(ClipRow.from_json(row) for row in values["rows"]),
            failures=tuple(Failure.from_json(failure) for failure in values["failures"]),
            fingerprints={key: Fingerprint.from_json(value) for key, value in values["fingerprints"].items()},
        )
