"""The names of a store's parts, and the version of their format.

The layout itself is drawn in the README. Everything under ``.state`` helps the next run and is not part of the
store's content: it may be deleted at any time, at the price of work.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 3
"""Of the files' structure. A reader refuses a newer one.

2: the manifest's columns parent, excerpt and meta.*
3: store.json's digest of itself; moments in place of sums; storage options.
"""

HOLDER = "process "
"""What the text in a store's lock begins with: many a program keeps a ``.state/lock``, and perhaps a ``store.json``."""

NUMBERS_VERSION = 3
"""Of the numbers in them: raised when one bit of any feature changes for the same input and libraries.

2: products and sums are added up in an order of our own, the same on every processor.
3: ADPCM in WAV is counted by its blocks: of two channels as libsndfile writes them, half the sound was left out.
   FLAC and MP3 that hold more than their headers say are read to their end.
"""


@dataclass(frozen=True, slots=True)
class StorePaths:
    """Where the parts of the store at ``root`` lie."""

    root: Path
    run: str = ""
    """The name of a run that others write the store beside: what it shares with none of them has a folder of it."""

    @property
    def store_json(self) -> Path:
        return self.root / "store.json"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.parquet"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine.jsonl"

    @property
    def shards(self) -> Path:
        return self.root / "shards"

    @property
    def state(self) -> Path:
        return self.root / ".state"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def commits(self) -> Path:
        """One JSON file for each shard that is finished but not yet named by ``store.json``."""
        return self.state / "commits"

    @property
    def tasks(self) -> Path:
        """What each shard of this run is to hold; written by the planner, read by workers."""
        return self._own / "tasks"

    @property
    def pending(self) -> Path:
        """The next manifest, quarantine and ``store.json``, complete before any of them replaces its forerunner."""
        return self.state / "pending"

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    @property
    def fingerprints(self) -> Path:
        """Size, modification time and inode of each source file when its bytes were read."""
        return self.state / "fingerprints"

    @property
    def unchanged(self) -> Path:
        """The digest of the last run's listing and settings: an equal one means that nothing is to be done."""
        return self.state / "unchanged.json"

    @property
    def source(self) -> Path:
        """Where the clips came from, for runs that are not told."""
        return self.state / "source.json"

    @property
    def files(self) -> Path:
        """The files that the last run took, NUL-separated, where it was given a list of them."""
        return self.state / "files"

    @property
    def logs(self) -> Path:
        return self._own / "logs"

    @property
    def parts(self) -> Path:
        """What runs that make a part of the store each say of themselves, until it is published."""
        return self.state / "parts"

    @property
    def _own(self) -> Path:
        return self.parts / self.run if self.run else self.state

    @property
    def in_state(self) -> frozenset[str]:
        """The names of all that may lie in ``.state``."""
        parts = (self.lock, self.commits, self.tasks, self.pending, self.spool, self.fingerprints)
        notes = (self.unchanged, self.source, self.files, self.logs, self.parts)
        return frozenset(path.name for path in (*parts, *notes))

    def commit(self, slot: str) -> Path:
        return self.commits / f"{slot}.json"

    def task(self, slot: str) -> Path:
        return self.tasks / f"{slot}.json"


def is_shard_name(name: str) -> bool:
    """Whether a file or folder in ``shards`` is a shard, or was to become one."""
    return re.match(r"\.?[0-9a-f]{12}[-.]", name) is not None


def is_ours(paths: StorePaths) -> bool:
    """Whether the folder at ``paths.root`` is a store, finished or not, whatever of it may be missing or damaged."""
    with suppress(OSError):
        if paths.lock.read_bytes().startswith(HOLDER.encode()):
            return True
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        values = json.loads(paths.store_json.read_bytes())
        if isinstance(values.get("format_version"), int) and isinstance(values.get("content_digest"), str):
            return True
    # An unfinished one whose lock, or all of whose .state, is gone is known by having nothing else in it.
    with suppress(OSError):
        present = _names_in(paths.root)
        is_only_ours = bool(present) and present <= {paths.shards.name, paths.state.name}
        return (
            is_only_ours
            and all(map(is_shard_name, _names_in(paths.shards)))
            and all(name in paths.in_state or name.startswith(".") for name in _names_in(paths.state))
        )
    return False


def _names_in(folder: Path) -> set[str]:
    """Nothing where there is no such folder. Raises OSError."""
    return {entry.name for entry in folder.iterdir()} if folder.exists() else set()
