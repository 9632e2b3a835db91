"""What the sweeps of faults run: into a new store, and over a finished one whose source has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.checking import copy_of
from faults.children import in_child
from faults.small_run import run_small, write_source

FORMATS = ("hdf5", "npy")


@dataclass(frozen=True, slots=True)
class Scene:
    """A run that is to be disturbed."""

    name: str
    store_format: str
    source: Path
    before: Path
    """The store as it is before the run; not there where there is none."""
    expected: Path
    """The store as an undisturbed run leaves it."""

    @property
    def was_finished(self) -> bool:
        return self.before.exists()

    def begin(self, store: Path) -> Path:
        """Set up ``store`` as it is before the run."""
        return copy_of(self.before, store)

    def shards(self) -> dict[str, str]:
        """Slot -> name of the shard that the run makes or keeps there."""
        description = json.loads((self.expected / "store.json").read_bytes())
        return {shard["slot"]: shard["name"] for shard in description["shards"]}


def scenes(folder: Path, *, formats: Sequence[str] = FORMATS) -> list[Scene]:
    """All scenes, with their sources and stores made in ``folder``."""
    first = write_source(folder / "first", clips=["a", "b/c", "b/d", "bad", "e", "f"])
    # b/d has changed, e is gone, g is new: shards are kept, written anew and swept away, links come and go.
    second = write_source(folder / "second", clips=["a", "b/c", "b/d+", "bad", "f", "g"])
    (second / "b/d+.wav").rename(second / "b/d.wav")
    (second / "b/d.wav").write_text("b/d, changed")
    found = []
    for store_format in formats:
        new, updated = folder / f"new-{store_format}", folder / f"updated-{store_format}"
        _run(first, new, store_format)
        _run(second, copy_of(new, updated), store_format)
        found += [
            Scene(f"a new {store_format} store", store_format, first, folder / "nothing", new),
            Scene(f"an update of a {store_format} store", store_format, second, new, updated),
        ]
    return found


def _run(source: Path, store: Path, store_format: str) -> None:
    ended = in_child(lambda: run_small(source, store, store_format))
    if ended.status != 0:
        raise AssertionError(ended.said)
