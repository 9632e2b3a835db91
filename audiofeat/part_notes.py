"""What the parts of a run say of themselves under ``.state/parts``, until somebody publishes what they made.

The first part that begins says what all of them make; another that would make something else is refused, since its
shards would not go with theirs. A part that has done all it had to says which shards those are. Notes are only ever
replaced whole, and none of them is needed for a shard to count as finished: that is said by its commit record.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from audiofeat.config import Config, changed_keys
from audiofeat.errors import ConfigError, DamageError, StorageError
from audiofeat.job import Job, Tools
from audiofeat.part import Part
from audiofeat.plan import Plan
from audiofeat.records import Failure
from audiofeat.remembered import noted_job, source_note
from audiofeat.run_options import RunOptions
from audiofeat.settings import Settings
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.commits import read_commit
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.store.staging import commit_first, make_folder, staged, write_file

CHANGED_SOURCE = "the source has changed since the first part began: parts that are finished have to run once more"

_SIGHT_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_AGREEMENT = "run.json"
_FILES = "files"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What all parts make together."""

    terms: Mapping[str, Any]
    """The number of parts, versions, decoders, and the job's note (:func:`audiofeat.remembered.source_note`)."""
    layout: str
    """The digest of the places that the source was cut into when the first part began."""

    @property
    def count(self) -> int:
        """How many parts there are."""
        return int(self.terms["parts"])

    @property
    def source(self) -> str:
        return str(self.terms["source"])

    def job(self, paths: StorePaths, options: RunOptions, *, source: str | None) -> tuple[Config, RunOptions]:
        """The job of all parts together. Raises as :func:`audiofeat.remembered.noted_job`.

        Args:
            source: where the source is now; None: where it was.
        """
        return noted_job(str(paths.root), self.terms, options, source=source, files=paths.parts / _FILES)

    def tools(self, config: Config) -> Tools:
        """What the parts compute with; this machine need not have it."""
        settings = Settings(config, device=self.terms["device"], versions=self.terms["versions"])
        return Tools(settings, None, self.terms["decoders"])


def agree(job: Job, tools: Tools, part: Part, places: Sequence[str]) -> Agreement:
    """Say what all parts make, or compare with what has been said.

    Args:
        places: the slots of all shards, in order.
    Returns:
        what the first part has said.
    Raises:
        ConfigError: this part would make something else.
        StorageError: the note cannot be written, or is not there.
    """
    paths = job.paths
    note, files = source_note(job, tools.settings)
    terms = {
        **note,
        "parts": part.count,
        "format_version": FORMAT_VERSION,
        "versions": dict(tools.settings.versions),
        "decoders": dict(tools.decoders),
    }
    if not (paths.parts / _AGREEMENT).exists():
        make_folder(paths.state)
        # A folder with the note in it, so that of parts that begin at once one is the first, for all of them.
        with staged(paths.state, name=paths.parts.name) as partial:
            make_folder(partial)
            if files is not None:
                write_file(partial / _FILES, files)
            write_checked_json(partial / _AGREEMENT, {"terms": terms, "layout": layout_of(places)})
            commit_first(partial, paths.parts)
    first = agreement_in_sight(paths)
    if changes := _changes(first.terms, terms):
        raise ConfigError(
            f"--part {part} is to make something else than the first part of {paths.root} (what that one said -> what "
            f"this one says): {'; '.join(changes)}",
            hint=f"the same for all parts; to begin anew, once none runs: rm -r {paths.parts} (finished shards stay)",
        )
    return first


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line a difference; the source in full, however long its path is."""
    if before["source"] == now["source"]:
        return changed_keys(before, now)
    rest = changed_keys({**before, "source": None}, {**now, "source": None})
    return [f"source: {before['source']} -> {now['source']}", *rest]


def agreement_in_sight(paths: StorePaths) -> Agreement:
    """What all parts make. Over a network, what another machine was the first to say may be seen late.

    Raises:
        StorageError: there is no note of it, though there is a folder for notes.
        DamageError: the note is not what was written.
    """
    deadline = time.monotonic() + _SIGHT_SECONDS
    while (found := _read_agreement(paths)) is None:
        if time.monotonic() > deadline:
            raise StorageError(
                f"{paths.parts} has no note of what parts make, though it is there",
                hint=f"once no part runs: rm -r {paths.parts} (finished shards stay)",
            )
        time.sleep(_LOOK_SECONDS)
    return found


def _read_agreement(paths: StorePaths) -> Agreement | None:
    """What the first part has said; None where it has said nothing. Raises DamageError."""
    path = paths.parts / _AGREEMENT
    if not path.exists():
        return None
    values = read_checked_json(path)
    if values is None:
        raise DamageError(
            f"the note of what parts make is damaged: {path}",
            hint=f"rm -r {paths.parts}, and run the parts again: finished shards stay",
        )
    return Agreement(values["terms"], values["layout"])


def layout_of(places: Iterable[str]) -> str:
    """The digest of the slots of all shards in order: under an equal one, equal parts have equal shards."""
    return str(blake3("\n".join(places).encode()).hexdigest())


def failures_of(paths: StorePaths, plan: Plan) -> list[Failure]:
    """The failures in a part's shards.

    Raises:
        StorageError: they are not all finished, as when another run has swept the store where locks do not work.
    """
    found = [failure for shard in plan.kept for failure in shard.failures]
    for task in plan.tasks:
        record = read_commit(paths.commit(task.slot))
        if record is None:
            raise StorageError(
                f"the commit record of shard {task.slot} is gone from {paths.commits}",
                hint="see that no other run writes the store, then run the same command again",
            )
        found += record.failures
    return found


def note_end(paths: StorePaths, part: Part, slots: Sequence[str]) -> None:
    """Say that a part has finished these shards. Raises StorageError."""
    write_checked_json(paths.parts / f"{part.number}.json", {"slots": list(slots)})


def finished_slots(paths: StorePaths, count: int) -> set[str]:
    """The shards of which some part of ``count`` has said that it finished them."""
    found: set[str] = set()
    for entry in os.listdir(paths.parts):
        number, suffix = os.path.splitext(entry)
        if suffix == ".json" and number.isdecimal() and 1 <= int(number) <= count:
            found.update((read_checked_json(paths.parts / entry) or {}).get("slots", ()))
    return found
