"""What a source holds, whichever kind of source it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Literal

from audiofeat.records import Clip, MetaValue


@dataclass(frozen=True, slots=True)
class Listing:
    """The clips of a source, and what was left out.

    Names are as :func:`audiofeat.source.keys.source_text` spells them, relative to ``root``.
    """

    root: str
    """The folder that paths are relative to; of a manifest, the one it lies in."""
    clips: list[Clip]
    """Sorted by key; ``Clip.path`` is relative to ``root`` or absolute. May be empty."""
    kind: Literal["folder", "manifest", "tar", "list of files"] = "folder"
    """What was listed, in a word for messages; a Parquet file is a manifest, whether it holds audio or names it."""
    meta_names: tuple[str, ...] = ()
    """What the values of each ``Clip.meta`` are, in their order."""
    folders: int = 0
    """Folders listed, the root included."""
    hidden: int = 0
    """Files and folders left out by name: dot files, unfinished downloads, what desktops leave behind."""
    not_audio: int = 0
    """Files left out by suffix."""
    links_refused: int = 0
    """Links left out by ``follow_links=False``; in a tar, links that lead to none of its files, and sparse files."""
    loops: list[str] = field(default_factory=list)
    """Links that lead to a folder above themselves, left out."""
    unreadable: list[str] = field(default_factory=list)
    """Folders that could not be listed; whatever they hold is missing from ``clips``, which only those of the store may
    mend (:mod:`audiofeat.unlisted`)."""
    dangling: list[str] = field(default_factory=list)
    """Links not named like audio that lead nowhere: perhaps to folders that are away just now."""
    warnings: list[str] = field(default_factory=list)
    """What somebody should know who reads the run's report."""

    @property
    def away(self) -> tuple[str, ...]:
        """What the names begin with of which the listing says nothing: of folders not listed, of links that lead
        nowhere."""
        return tuple(f"{folder}/" for folder in (*self.unreadable, *self.dangling))


def sort_clips(clips: list[Clip]) -> list[Clip]:
    """``clips`` itself, sorted by key; clips that share one stand in one order until they are refused."""
    clips.sort(key=attrgetter("path"))  # two stable sorts: one by pairs would need 60 MB for a million of them
    clips.sort(key=attrgetter("key"))
    return clips


class MetaNames:
    """The names of the meta values, found one after another where not every clip has all of them."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def arrange(self, values: Mapping[str, MetaValue]) -> tuple[MetaValue, ...]:
        """The values in the order of the names known so far; new names go to the end."""
        places = self._places
        for name in values:
            places.setdefault(name, len(places))
        return tuple(map(values.get, places))

    def fill_up(self, clips: list[Clip]) -> None:
        """Give the clips that were arranged early a None for every name found after them."""
        width = len(self._places)
        for number, clip in enumerate(clips):
            if len(clip.meta) < width:
                clips[number] = replace(clip, meta=clip.meta + (None,) * (width - len(clip.meta)))
