"""Folders of a source that cannot be listed this time: what earlier runs have made of them stays as it is.

A mount that is away or a permission that is missing says nothing of the files behind it, so their clips are not taken
for deleted ones. They are put back on the listing, and need no file while their results stand; where other settings
want them computed again they end in the quarantine, for a reason that the next run tries again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from audiofeat.known import Known, read_quarantine
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint
from audiofeat.source import Listing, key_of, source_text
from audiofeat.store.layout import StorePaths

_NEVER_SEEN = Fingerprint(0, 0, 0)


def clips_not_listed(listing: Listing, known: Known, paths: StorePaths, *, keep_suffix: bool) -> list[Clip]:
    """The clips that are known of the folders that could not be listed, as they were listed when they were made.

    Of links that lead nowhere too: a link farm may lead to a disk that is away.

    Those that a manifest once gave a key of its own are not among them: a folder would name them otherwise.
    """
    if not listing.away:
        return []
    folders = listing.away
    clips: dict[str, Clip] = {}
    for key, source in _sources(known, paths):
        if key in clips or not source.startswith(folders):
            continue
        path = os.fsdecode(unquote_to_bytes(source))
        if key_of(path, keep_suffix=keep_suffix) == key:
            seen = known.fingerprints.get(key, _NEVER_SEEN)
            folder = source_text(os.path.dirname(path))
            clips[key] = Clip(key, path, seen.size_bytes, seen.ctime_ns, seen.inode, meta=(folder,))
    return list(clips.values())


def _sources(known: Known, paths: StorePaths) -> Iterator[tuple[str, str]]:
    """Each known clip of the source and its file, whether its result may be used again or not; some of them twice."""
    from audiofeat.store.manifest import found_texts

    for key, result in known.clips.items():
        results: tuple[ClipRow | Failure, ...] = (*result.rows, *result.failures)
        yield from ((key, each.source) for each in results)
    with suppress(ValueError):  # then what is known of the clips is all there is
        for parent, own, file in found_texts(paths.manifest, ["parent", "key", "source"]):
            if own is not None and file is not None:
                yield parent or own, file
    yield from ((failure.clip_key, failure.source) for failure in read_quarantine(paths))
