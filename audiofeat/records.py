"""The frozen carriers that travel along the path: clips in, rows and failures out.

They hold plain values only, so that each one goes through JSON and back unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, ClassVar, TypeAlias

from typing_extensions import Self

Columns: TypeAlias = dict[str, list[Any]]
"""Many records of one kind, as a list for each field: no dict and no object for each on the way through JSON and into a
table."""


class JsonRecord:
    """A dataclass of plain values that turns into a dict and back."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)

    @classmethod
    def columns_of(cls, records: Sequence[Self]) -> Columns:
        return {name: list(map(attrgetter(name), records)) for name in cls.__dataclass_fields__}


MetaValue: TypeAlias = str | int | float | bool | None
"""What a manifest says of a clip in a column of its own."""

_SPAN_BYTES_PER_SECOND = 32_000


@dataclass(frozen=True, slots=True)
class Excerpt(JsonRecord):
    """What of a file is a clip: a span, a channel, or both. None is from the start, to the end, all channels."""

    start_seconds: float | None = None
    end_seconds: float | None = None
    channel: int | None = None
    """Counted from 0."""

    def __str__(self) -> str:
        """One spelling for one excerpt, such as ``1.5-2.25#0``: equal texts, equal excerpts."""
        start, end = ("" if value is None else repr(value) for value in (self.start_seconds, self.end_seconds))
        span = f"{start}-{end}" if start or end else ""
        return span if self.channel is None else f"{span}#{self.channel}"


def excerpt_text(excerpt: Excerpt | None) -> str | None:
    """What rows and failures say of an excerpt; None where it is the whole file."""
    return None if excerpt is None else str(excerpt)


@dataclass(frozen=True, slots=True)
class Member(JsonRecord):
    """Where inside a container file (a tar, a Parquet file) a clip's bytes lie."""

    name: str
    """As text, below the container's own name: what messages and the manifest show."""
    offset: int
    """In a tar the byte at which its data begins, in Parquet the number of its row."""
    size_bytes: int
    """In Parquet a mean."""
    column: str | None = None
    """In Parquet the dotted name of the column that holds the bytes; None in a tar."""

    @property
    def place(self) -> str:
        """Equal places in an unchanged container hold equal bytes."""
        return f"{self.offset}+{self.size_bytes}" if self.column is None else f"{self.column}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Fingerprint(JsonRecord):
    """What the file system said of a source file when its bytes were read."""

    size_bytes: int
    ctime_ns: int
    inode: int
    place: str = ""
    """Of a :class:`Member` in it."""

    def at(self, member: Member | None) -> Fingerprint:
        """The same file, and in it the place of ``member``."""
        return self if member is None else replace(self, place=member.place)


def fingerprint_columns(fingerprints: Mapping[str, Fingerprint]) -> Columns:
    """Fingerprints by key as columns, the first of which is ``key``."""
    return {"key": list(fingerprints), **Fingerprint.columns_of(list(fingerprints.values()))}


@dataclass(frozen=True, slots=True)
class Clip(JsonRecord):
    """One piece of audio to make features of, as the scan saw it."""

    key: str
    """The clip's name in the store: valid UTF-8, unique, POSIX separators."""
    path: str
    """Path of its file relative to the source's root, as the file system spells it (``os.fsdecode``)."""
    size_bytes: int
    """Of the file, as are the two below."""
    ctime_ns: int
    inode: int
    excerpt: Excerpt | None = None
    """None where the clip is the whole file."""
    member: Member | None = None
    """None where the file is the audio."""
    meta: tuple[MetaValue, ...] = ()
    """What the source says of it besides, in the order of the listing's ``meta_names``."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What the listing knows of its bytes."""
        return Fingerprint(self.size_bytes, self.ctime_ns, self.inode).at(self.member)

    @property
    def weight_bytes(self) -> int:
        """About how much source a worker has to read for it."""
        size_bytes = self.member.size_bytes if self.member else self.size_bytes
        if self.excerpt is not None and self.excerpt.end_seconds is not None:
            seconds = self.excerpt.end_seconds - (self.excerpt.start_seconds or 0.0)
            return min(size_bytes, int(seconds * _SPAN_BYTES_PER_SECOND))
        return size_bytes


@dataclass(frozen=True, slots=True)
class FeatureSpec(JsonRecord):
    """What a store holds of one feature. Arrays are (frames, dims), always."""

    name: str
    dims: int
    dtype: str
    unit: str
    frame_rate_hz: float | None
    """None where each clip keeps its own sample rate."""


@dataclass(frozen=True, slots=True)
class ClipRow(JsonRecord):
    """A finished clip, as the manifest says it."""

    key: str
    source: str
    """Path relative to the source, as text: bytes outside UTF-8 percent-encoded."""
    start_seconds: float | None
    """Where in the file the clip begins; None where it is the whole file."""
    end_seconds: float | None
    channel: int | None
    """None where the channels are mixed."""
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
    parent: str | None = None
    """The key of the source's clip that this one was cut out of; None where it is all of it."""
    excerpt: str | None = None
    """What the source asked of the file (:class:`Excerpt` as text); None where it asked for all of it."""
    source_seconds: float | None = None
    """The length of what this clip was cut out of; None where it is all of it."""

    @property
    def clip_key(self) -> str:
        """The key of the source's clip."""
        return self.parent or self.key


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
    parent: str | None = None
    """As for :class:`ClipRow`, and so is ``excerpt``."""
    excerpt: str | None = None
    duration_seconds: float | None = None
    """Where the length is the reason: at least so long."""

    @property
    def clip_key(self) -> str:
        """The key of the source's clip."""
        return self.parent or self.key

    @property
    def is_by_choice(self) -> bool:
        """Whether the clip was left out because the configuration says so."""
        return self.reason.startswith("select.")
