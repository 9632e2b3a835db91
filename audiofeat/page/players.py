"""Where a browser finds what a clip was made of, and why not where it does not.

A page holds no audio: recordings are large, often somebody's own, and lie beside the store already. It has links to
them, relative to the page, so that page and source may move together. The store's note of its source is believed; of
each file it is checked that its bytes are still those the clip was made of, unless it is large.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from audiofeat.identity import identify
from audiofeat.store.checked_json import read_checked_json
from audiofeat.store.layout import StorePaths

PLAYED = frozenset({"wav", "wave", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aac", "mp4", "m4v", "webm"})
"""Suffixes of what the browsers of today play, most of them at least."""

_CHECKED_BYTES = 16 << 20
"""A gallery has some thirty files, and a slow disk gives a hundred megabytes a second."""


@dataclass(frozen=True, slots=True)
class Player:
    """What stands below a clip's picture: an audio element, or why there is none."""

    url: str
    """Empty where there is nothing to play."""
    note: str


class Players:
    """Finds the source's files for a page in a folder."""

    def __init__(self, paths: StorePaths, *, page_folder: Path) -> None:
        self._page_folder = os.path.abspath(page_folder)
        source = (read_checked_json(paths.source) or {}).get("source")
        self._source: str | None = source if isinstance(source, str) else None

    @property
    def note(self) -> str:
        """What is to be said of the whole source; empty where it is there."""
        if self._source is None:
            return "The store does not remember its source (a copy without .state): nothing can be played."
        if not os.path.exists(self._source):
            return "The store's source is not where it was when the store was made: nothing can be played."
        return ""

    def player(self, row: Mapping[str, Any]) -> Player:
        """For the clip of a row of the manifest."""
        if self.note:
            return Player("", "")
        path = os.path.join(self._root, os.fsdecode(unquote_to_bytes(row["source"])))
        suffix = os.path.splitext(path)[1][1:].lower()
        if not os.path.isfile(path):
            is_inside = any(map(Path.is_file, Path(path).parents))
            return Player(
                "", "inside a container: nothing to play" if is_inside else "the source is not there any more"
            )
        if suffix not in PLAYED:
            return Player("", f"browsers play no .{suffix}" if suffix else "a file without a suffix is not played")
        found = identify(path, max_bytes=_CHECKED_BYTES)
        if found is None:
            return Player("", "the source cannot be read")
        if found[0] not in (None, row["source_digest"]):
            return Player("", "the source has changed since")
        relative = quote(os.fsencode(os.path.relpath(path, self._page_folder)))
        return Player(f"{relative}{_fragment(row)}", _channel_note(row))

    @property
    def _root(self) -> str:
        """What the manifest's paths are relative to: the source's folder, or the one that a list lies in."""
        source = self._source or ""
        return source if os.path.isdir(source) else os.path.dirname(source)


def _fragment(row: Mapping[str, Any]) -> str:
    """The span that a clip is of its file, as a media fragment."""
    start, end = row["start_seconds"], row["end_seconds"]
    if start is None and end is None:
        return ""
    return f"#t={_seconds(start or 0.0)}" if end is None else f"#t={_seconds(start or 0.0)},{_seconds(end)}"


def _seconds(value: float) -> str:
    """To the millisecond."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _channel_note(row: Mapping[str, Any]) -> str:
    return "" if row["channel"] is None else f"the clip is channel {row['channel']}; all channels are played"
