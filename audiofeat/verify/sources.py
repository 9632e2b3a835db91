"""Whether the source still holds the bytes that a store was made of, clip by clip."""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import Executor
from typing import TYPE_CHECKING, TypeAlias

from audiofeat.decode import Shared
from audiofeat.identity import identify
from audiofeat.records import Clip, Member, excerpt_text
from audiofeat.source import Listing, source_name
from audiofeat.verify.parallel import mapped
from audiofeat.verify.problems import Problem, source_changed

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 65_536
_PLACES_AHEAD = 1_024
_Place: TypeAlias = tuple[str, Member | None]


def source_problems(listing: Listing, manifest: pa.Table, *, executor: Executor) -> tuple[list[Problem], int]:
    """Differences between what the manifest says of each source clip and what the source holds now, and their number.

    Args:
        executor: hashes files, several at a time.
    """
    made_of = _made_of(manifest)
    n_sources = len(made_of)
    problems: list[Problem] = []
    files: defaultdict[_Place, list[Clip]] = defaultdict(list)
    for clip in listing.clips:
        if clip.key in made_of:
            files[clip.path, clip.member].append(clip)
    shared = Shared()

    def digest_of(place: _Place) -> str | None:
        found = identify(os.path.join(listing.root, place[0]), place[1], shared=shared)
        return found[0] if found else None

    # Parquet's rows in their order: going back in one is slow.
    places = sorted(files, key=lambda place: (place[0], place[1].offset if place[1] else 0))
    for place, digest in mapped(executor, digest_of, places, ahead=_PLACES_AHEAD):
        for clip in files[place]:
            wanted, excerpt, _ = made_of.pop(clip.key)
            name = source_name(clip.path, clip.member)
            if digest is None:
                problems.append(Problem("source.unreadable", name, "cannot be read", (clip.key,)))
            elif digest != wanted:
                problems.append(source_changed(name, clip.key, digest, wanted=wanted))
            elif excerpt_text(clip.excerpt) != excerpt:
                message = f"asks for {clip.excerpt or 'all of it'}, and the store was made of {excerpt or 'all of it'}"
                problems.append(Problem("source.changed", name, message, (clip.key,)))
    problems += [_not_listed(name, key, away=listing.away) for key, (_, _, name) in made_of.items()]
    return problems, n_sources


def _not_listed(name: str, key: str, *, away: tuple[str, ...]) -> Problem:
    if name.startswith(away):
        return Problem("source.unreadable", name, "its folder cannot be listed", (key,))
    return Problem("source.missing", name, "is in the store, and the source has it no more", (key,))


def _made_of(manifest: pa.Table) -> dict[str, tuple[str, str | None, str]]:
    """Key of the source's clip -> the digest of its bytes, what of it was taken, and its name."""
    names = ["parent", "key", "source_digest", "excerpt", "source"]
    found: dict[str, tuple[str, str | None, str]] = {}
    for batch in manifest.to_batches(max_chunksize=_BATCH_ROWS):
        present = set(batch.schema.names)  # format version 1 had neither parent nor excerpt
        columns = [batch.column(name).to_pylist() if name in present else [None] * len(batch) for name in names]
        for parent, key, digest, excerpt, source in zip(*columns, strict=True):
            found[parent or key] = digest, excerpt, source
    return found
