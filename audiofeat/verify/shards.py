"""One shard: is it there, are its bytes those that were written, does every clip in it read as it should?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from audiofeat.records import ClipRow, FeatureSpec
from audiofeat.store.formats import shard_format
from audiofeat.store.layout import StorePaths
from audiofeat.tasks import ShardEntry
from audiofeat.verify.clips import ClipRecord, read_here
from audiofeat.verify.contained import ContainedReading
from audiofeat.verify.parts import what_it_is
from audiofeat.verify.problems import Problem


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """What is known of a shard."""

    name: str
    entry: ShardEntry | None
    """What ``store.json`` says of it; None where that is damaged."""
    rows: tuple[ClipRow, ...] | None
    """In key order; None where the manifest cannot be trusted: then nobody knows what must be in the shard."""

    @property
    def is_npy(self) -> bool:
        return not self.name.endswith(".h5")

    @property
    def digest(self) -> str:
        """All 64 digits of the shard's digest, or the first 16, which are in its name."""
        return self.entry.digest if self.entry is not None else self.name[13:29]


@dataclass(slots=True)
class ShardFindings:
    """What was found of one shard."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


def check_shard(
    paths: StorePaths,
    record: ShardRecord,
    features: Sequence[FeatureSpec],
    *,
    contained: ContainedReading,
    named: Mapping[str, str],
    complaint: Callable[[ClipRow], str],
) -> ShardFindings:
    """Check a shard and the clips in it.

    Args:
        features: those that the store holds; none where ``store.json`` is damaged.
        contained: reads what HDF5 cannot be trusted with here.
        named: digest -> name of every shard of the store, to tell which one stands in this one's place.
        complaint: what is wrong with a clip's number of frames, in words.
    """
    checker = _Checker(paths, record, features, contained)
    if checker.is_there():
        checker.compare_bytes(named)
    checker.compare_rows(complaint)
    return checker.findings


class _Checker:
    def __init__(
        self, paths: StorePaths, record: ShardRecord, features: Sequence[FeatureSpec], contained: ContainedReading
    ) -> None:
        self.findings = ShardFindings()
        self._record, self._features, self._contained = record, features, contained
        self._path = paths.shards / record.name
        self._place = f"{paths.shards.name}/{record.name}"
        self._format = shard_format("npy" if record.is_npy else "hdf5")
        self._rows = record.rows or ()

    def is_there(self) -> bool:
        """Whether something of the right kind stands in the shard's place."""
        wanted = "a folder" if self._record.is_npy else "a file"
        try:
            found = what_it_is(os.stat(self._path).st_mode)
        except OSError as error:
            found = f"cannot be found: {error.strerror}"
        else:
            if self._path.is_symlink():
                self.findings.notes.append(self._problem("symlink", "is a symbolic link"))
            if found == wanted:
                return True
            found = f"is {found}, where {wanted} was written"
        self._add("shard.missing", found, keys=self._all_keys)
        return False

    def compare_bytes(self, named: Mapping[str, str]) -> None:
        """Compare the shard's digest with the recorded one, and those of its clips with the manifest's."""
        damage = self._damage(named)
        if damage is not None:
            self.findings.problems.append(damage)
        if not self._rows:
            return
        if self._features:
            is_whole = self._compare_clips(is_safe=damage is None or self._record.is_npy)
            if damage is not None and is_whole:
                self.findings.problems[0] = replace(damage, message=f"{damage.message}; all of its clips read well")
        elif damage is not None:
            self._add(
                "clip.unreadable", "which of its clips are whole cannot be told without store.json", keys=self._all_keys
            )

    def compare_rows(self, complaint: Callable[[ClipRow], str]) -> None:
        """Compare what the manifest says of the clips with itself, with ``store.json`` and with the configuration."""
        if self._record.rows is None:
            return
        n_rows = 0
        for row in self._rows:
            if row.row_offset != n_rows:
                self._add("index", f"begins at row {row.row_offset}, and the clip before it ends at {n_rows}", row)
            n_rows = row.row_offset + row.frames
            frames = complaint(row)
            if frames:
                self._add("clip.frames", frames, row)
        entry = self._record.entry
        if entry is not None and (len(self._rows), n_rows) != (entry.clips, entry.rows):
            found = f"{len(self._rows):,} clips and {n_rows:,} rows in the manifest"
            self._add("totals", f"{found}, {entry.clips:,} and {entry.rows:,} in store.json")

    def _damage(self, named: Mapping[str, str]) -> Problem | None:
        """What is wrong with the shard's bytes, if anything is."""
        record = self._record
        try:
            digest, size_bytes = self._format.digest(self._path), self._format.size_bytes(self._path)
        except OSError as error:
            return self._problem("shard.unreadable", f"cannot be read: {error.strerror or error}")
        if digest.startswith(record.digest):
            return None
        if digest in named:
            message = f"its bytes are those of {named[digest]}"
        elif record.entry is not None and size_bytes != record.entry.size_bytes:
            message = f"{size_bytes:,} bytes, where {record.entry.size_bytes:,} were written"
        else:
            message = f"digest {digest[:16]}, where {record.digest[:16]} was written"
        return self._problem("shard.digest", message)

    def _compare_clips(self, *, is_safe: bool) -> bool:
        """Read every clip and the shard's own index; whether all clips read as they should."""
        clips = [ClipRecord(row.key, row.row_offset, row.frames, row.feature_digest) for row in self._rows]
        if is_safe:
            found = read_here(self._format, self._path, clips, self._features)
        else:
            found = self._contained.read(self._path, clips, self._features)
        faulty = set()
        for row, fault in zip(self._rows, found.faults, strict=True):
            if fault is not None:
                faulty.add(row.key)
                self._add(fault.kind, fault.message, row)
        by_key = {row.key: row for row in self._rows}
        for key, what in found.index:
            if key not in faulty:  # of which enough has been said
                self._add("index", what, by_key.get(key))
        return not faulty

    @property
    def _all_keys(self) -> tuple[str, ...]:
        return tuple(sorted({row.clip_key for row in self._rows}))

    def _add(self, kind: str, message: str, row: ClipRow | None = None, *, keys: tuple[str, ...] = ()) -> None:
        self.findings.problems.append(self._problem(kind, message, row, keys=keys))

    def _problem(self, kind: str, message: str, row: ClipRow | None = None, *, keys: tuple[str, ...] = ()) -> Problem:
        if row is None:
            return Problem(kind, self._place, message, keys, self._record.name)
        return Problem(kind, f"{self._place}: {row.key}", message, (row.clip_key,), self._record.name)
