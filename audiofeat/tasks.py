"""What is to be done for a shard, and the record that it is done: how a run, its workers and the next run speak.

Like the records that they are made of, tasks go through JSON and back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from audiofeat.records import ClipRow, Columns, Excerpt, Failure, Fingerprint, JsonRecord, Member


@dataclass(frozen=True, slots=True)
class Stamp(JsonRecord):
    """What a result depends on besides its source, as digests: equal ones, equal results."""

    numbers_digest: str
    """Of all that can change a value."""
    feature_digests: Mapping[str, str]
    """Feature name -> of what can change a value of that feature."""
    choice_digest: str
    """Of the settings that decide what is left out."""

    def features_like(self, wanted: Stamp) -> tuple[str, ...]:
        """Which of the features of ``wanted`` have the very values here."""
        return tuple(
            name for name, digest in wanted.feature_digests.items() if self.feature_digests.get(name) == digest
        )


@dataclass(frozen=True, slots=True)
class Reuse:
    """What is known of a clip whose source is unchanged: rows to copy out of a shard, and failures that stand."""

    shard: str | None
    """The name of the shard that holds the rows; None where there are none."""
    rows: tuple[ClipRow, ...]
    failures: tuple[Failure, ...]
    fingerprint: Fingerprint | None
    """Of the source's file, where it may be trusted."""
    holds: tuple[str, ...] = ()
    """The names of the features that the shard holds; some of them may not be wanted any more."""
    missing: tuple[str, ...] = ()
    """Features that are wanted and not held: the clip is decoded for these alone, and the others are copied."""

    def to_json(self) -> dict[str, Any]:
        return {
            "shard": self.shard,
            "rows": [row.to_json() for row in self.rows],
            "failures": [failure.to_json() for failure in self.failures],
            "fingerprint": self.fingerprint.to_json() if self.fingerprint else None,
            "holds": self.holds,
            "missing": self.missing,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Reuse:
        return cls(
            shard=values["shard"],
            rows=tuple(ClipRow.from_json(row) for row in values["rows"]),
            failures=tuple(Failure.from_json(failure) for failure in values["failures"]),
            fingerprint=Fingerprint.from_json(values["fingerprint"]) if values["fingerprint"] else None,
            holds=tuple(values["holds"]),
            missing=tuple(values["missing"]),
        )


@dataclass(frozen=True, slots=True)
class ClipTask:
    """What is to be done for one clip of the source; it may become several rows of the manifest."""

    key: str
    path: str
    excerpt: Excerpt | None = None
    member: Member | None = None
    reuse: Reuse | None = None
    """None where nothing is known of the clip."""

    @property
    def is_decoded(self) -> bool:
        """Whether the clip is to be decoded, for all features or for some."""
        return self.reuse is None or bool(self.reuse.missing)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "path": self.path,
            "excerpt": self.excerpt.to_json() if self.excerpt else None,
            "member": self.member.to_json() if self.member else None,
            "reuse": self.reuse.to_json() if self.reuse else None,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClipTask:
        return cls(
            key=values["key"],
            path=values["path"],
            excerpt=Excerpt.from_json(values["excerpt"]) if values["excerpt"] else None,
            member=Member.from_json(values["member"]) if values["member"] else None,
            reuse=Reuse.from_json(values["reuse"]) if values["reuse"] else None,
        )


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
    packing: str = ""
    """How it holds its rows (:class:`audiofeat.store.packing.Packing` as a word); empty before format version 3."""


@dataclass(frozen=True, slots=True)
class Commit(JsonRecord):
    """A finished shard, remembered until ``store.json`` takes it over."""

    slot: str
    stamp: Stamp
    store_format: str
    shard: ShardEntry | None
    """None where no clip of it could be done: then there is no file."""
    rows: Columns
    """Of :class:`audiofeat.records.ClipRow`."""
    failures: tuple[Failure, ...]
    fingerprints: Columns
    """By key (:func:`audiofeat.records.fingerprint_columns`); only those that may be trusted: see
    :mod:`audiofeat.plan`."""

    @property
    def clip_keys(self) -> list[str]:
        """Of each row the key of the source's clip."""
        return [parent or key for key, parent in zip(self.rows["key"], self.rows["parent"], strict=True)]

    def to_json(self) -> dict[str, Any]:
        return {
            "slot": self.slot,
            "stamp": self.stamp.to_json(),
            "store_format": self.store_format,
            "shard": self.shard.to_json() if self.shard else None,
            "rows": self.rows,
            "failures": [failure.to_json() for failure in self.failures],
            "fingerprints": self.fingerprints,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Commit:
        return cls(
            slot=values["slot"],
            stamp=Stamp.from_json(values["stamp"]),
            store_format=values["store_format"],
            shard=ShardEntry.from_json(values["shard"]) if values["shard"] else None,
            rows=_columns(values["rows"], ClipRow.__dataclass_fields__),
            failures=tuple(Failure.from_json(failure) for failure in values["failures"]),
            fingerprints=_columns(values["fingerprints"], ("key", *Fingerprint.__dataclass_fields__)),
        )


def _columns(found: Mapping[str, list[Any]], names: Iterable[str]) -> Columns:
    """Raises KeyError or TypeError where they are those of another version."""
    return {name: found[name] for name in names}
