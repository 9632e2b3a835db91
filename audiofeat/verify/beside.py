"""What lies beside the shards: NPY's arrays under their keys, for scripts, and what nobody has named.

Readers never look at either. But a script does read the arrays, so each must be the shard's own (a hard link to it) or,
where a store was copied, hold the same values.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audiofeat.records import ClipRow, FeatureSpec
from audiofeat.store.layout import StorePaths
from audiofeat.store.npy import NpyReader, npy_path
from audiofeat.verify.clips import ClipRecord, clip_fault, irregular_fault
from audiofeat.verify.problems import Problem

_MOST_NAMED = 3


@dataclass(slots=True)
class LinkFindings:
    """The arrays under their keys of one shard, or of all."""

    present: int = 0
    missing: int = 0
    copies: int = 0
    """That are present, and no links."""
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: LinkFindings) -> None:
        self.present += other.present
        self.missing += other.missing
        self.copies += other.copies
        self.problems += other.problems


def link_findings(
    paths: StorePaths, shard: str, rows: Iterable[ClipRow], features: Sequence[FeatureSpec]
) -> LinkFindings:
    """Compare the arrays under their keys with those in an NPY shard, and where they are others, with the manifest."""
    found = LinkFindings()
    reader = NpyReader(paths.root)
    for row in rows:
        names = [npy_path(feature.name, row.key) for feature in features]
        there = [name for name in names if os.path.lexists(paths.root / name)]
        copies = [name for name in there if not _is_same(paths.root / name, paths.shards / shard / name)]
        found.present += len(there)
        found.missing += len(names) - len(there)
        found.copies += len(copies)
        if copies and there == names:
            clip = ClipRecord(row.key, row.row_offset, row.frames, row.feature_digest)
            fault = irregular_fault(paths.root, clip, features) or clip_fault(reader, clip, features)
            if fault is not None:
                other = [name for name in copies if not _is_equal(paths.root / name, paths.shards / shard / name)]
                place = ", ".join(other or copies)
                message = f"no link to the array in the shard, and of the clip there {fault.message}"
                found.problems.append(Problem("link", place, message, (row.clip_key,), shard))
    return found


def link_notes(found: LinkFindings) -> Iterator[Problem]:
    """What is to be said of the arrays under their keys besides damage."""
    if found.missing:
        of = f"{found.missing:,} of {found.missing + found.present:,}"
        yield Problem(
            "link.missing", "", f"{of} arrays have no link under their key: removed, or the disk has no hard links"
        )
    if found.copies:
        yield Problem("link.copy", "", f"{found.copies:,} arrays under their keys are copies, not links")


def strays(
    paths: StorePaths, named: Iterable[str], features: Sequence[FeatureSpec], links: LinkFindings
) -> Iterator[Problem]:
    """Files in ``shards/`` and below NPY's features that are no part of the store."""
    known = set(named)
    try:
        unknown = sorted(entry.name for entry in os.scandir(paths.shards) if entry.name not in known)
    except OSError:
        unknown = []  # there is no such folder: what is missing has been told, shard by shard
    if unknown:
        few = ", ".join(unknown[:_MOST_NAMED]) + (", …" if len(unknown) > _MOST_NAMED else "")
        yield Problem("stray", paths.shards.name, f"{len(unknown):,} that store.json does not name: {few}")
    files = sum(len(names) for feature in features for _, _, names in os.walk(paths.root / feature.name))
    if files > links.present:
        yield Problem("stray", "", f"{files - links.present:,} files among the arrays that no clip has")


def _is_equal(path: Path, target: Path) -> bool:
    try:
        return filecmp.cmp(path, target, shallow=False)
    except OSError:
        return False


def _is_same(path: Path, target: Path) -> bool:
    try:
        return os.path.samefile(path, target)
    except OSError:
        return False
