"""What verification finds, and the report that it makes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_OF_VALUES = frozenset({"shard.missing", "clip.values", "clip.unreadable", "sample"})
_OF_SHARDS = frozenset({"shard.missing", "shard.digest", "shard.unreadable"})
_AS_WRITTEN = frozenset({"totals", "content_digest", "clip.non-finite", "clip.frames", "index"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be.

    Kinds of damage: ``store_json``, ``manifest``, ``quarantine`` (a file's bytes), ``totals``, ``content_digest``
    (what ``store.json`` says of the whole), ``shard.missing``, ``shard.digest``, ``shard.unreadable`` (a shard's
    bytes), ``clip.values``, ``clip.unreadable`` (a clip's values), ``clip.non-finite``, ``clip.frames`` (they are as
    written, and wrong), ``index`` (the shard and the manifest name its clips differently), ``link`` (NPY's arrays
    beside the shards), ``sample`` (computed again, a clip has other bits).
    Of the source: ``source.missing``, ``source.changed``, ``source.unreadable``.
    Notes: ``stray``, ``link.missing``, ``link.copy``, ``symlink``, ``frames.unchecked``, ``sample.unsure``,
    ``replaced``.
    """

    kind: str
    place: str
    """Path inside the store, with the clip's key behind it where it is of one clip; of the source, its name there."""
    message: str
    """What was found, and what was wanted."""
    keys: tuple[str, ...] = ()
    """Of the source's clips that it concerns; for a shard whose clips were read one by one, none."""
    shard: str | None = None
    """The name of the shard that it is in."""


def source_changed(name: str, key: str, digest: str, *, wanted: str) -> Problem:
    """For a clip whose file is not the one that the store was made of."""
    message = f"digest {digest[:16]}, and the store was made of {wanted[:16]}"
    return Problem("source.changed", name, message, (key,))


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a store turned out to be."""

    store: str
    clips: int
    """That the store should hold; 0 where its manifest cannot be trusted."""
    shards: int
    size_bytes: int
    """Of the shards."""
    problems: tuple[Problem, ...]
    """Damage."""
    source_problems: tuple[Problem, ...] = ()
    """Files of the source that are not those that the store was made of: no damage of the store."""
    notes: tuple[Problem, ...] = ()
    """What somebody should know, and nothing is wrong with."""
    sources_checked: int | None = None
    """Clips of the source that were looked at; None where nobody asked."""
    sampled: int | None = None
    """Clips of the source that were computed again; None where nobody asked."""
    sample_size: int | None = None
    """Clips of the source that were to be: those that it lacks, or that have changed there, could not."""

    @property
    def damaged_clips(self) -> frozenset[str]:
        """Keys of the source's clips whose values are not those that were written, or cannot be read.

        Where the manifest is damaged as well, nobody can say which clips a damaged shard held: they are not here.
        """
        return frozenset(key for problem in self.problems if problem.kind in _OF_VALUES for key in problem.keys)

    @property
    def damaged_shards(self) -> frozenset[str]:
        """Names of the shards whose bytes are not as recorded, though perhaps all clips in them read well."""
        return frozenset(
            problem.shard for problem in self.problems if problem.kind in _OF_SHARDS and problem.shard is not None
        )

    @property
    def is_as_written(self) -> bool:
        """Whether every byte is as it was written, so that whatever is wrong was wrong from the beginning."""
        return all(problem.kind in _AS_WRITTEN for problem in self.problems)

    @property
    def exit_code(self) -> int:
        """0, or 12 where there is damage."""
        return 12 if self.problems else 0

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON-ready values."""
        return {
            **asdict(self),
            "damaged_clips": sorted(self.damaged_clips),
            "damaged_shards": sorted(self.damaged_shards),
        }
