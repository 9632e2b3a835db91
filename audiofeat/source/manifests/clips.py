"""From the raw rows of a manifest to clips: the rules that all manifests share."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from audiofeat.config import Manifest
from audiofeat.records import Clip, Excerpt, Member, MetaValue
from audiofeat.source.file_status import FileStatuses
from audiofeat.source.keys import excerpt_suffix, key_of, source_text
from audiofeat.source.manifests.cells import (
    RefusedCell,
    channel_number,
    check_key_length,
    clip_key,
    file_path,
    seconds,
)
from audiofeat.source.problems import Problems, quoted

_Value = TypeVar("_Value")


class ClipBuilder:
    """Collects clips, row by row; a row that breaks rules adds to ``problems`` instead, each rule by itself."""

    def __init__(self, *, root: str, manifest: Manifest, keep_suffix: bool, problems: Problems) -> None:
        self.clips: list[Clip] = []
        self._root = root
        self._columns = manifest
        self._keep_suffix = keep_suffix
        self._problems = problems
        self._statuses = FileStatuses(root)
        self._first_places: dict[str, str] = {}

    def add_file(
        self,
        place: str,
        *,
        path: object,
        key: object = None,
        start: object = None,
        end: object = None,
        channel: object = None,
        meta: tuple[MetaValue, ...] = (),
    ) -> None:
        """Add the clip of a row that names a file.

        Args:
            place: where the row stands, such as ``line 7``.
            path, key, start, end, channel: the row's cells as they were read; None or '' where there are none.
            meta: what else it says.
        """
        problems_before = self._problems.count
        name = self._checked(place, self._columns.path, file_path, path)
        own_key, excerpt = self._key_and_excerpt(place, key=key, start=start, end=end, channel=channel)
        if name is not None and (key is None or key == ""):
            stem = self._checked(place, self._columns.path, self._key_of_file, name)
            own_key = None if stem is None else stem + excerpt_suffix(excerpt)
        if name is not None and own_key is not None and self._problems.count == problems_before:
            self._finish(
                place,
                own_key,
                path=name,
                excerpt=excerpt,
                member=None,
                meta=meta,
                is_named_after_file=key is None or key == "",
            )

    def add_member(
        self,
        place: str,
        *,
        container: str,
        member: Member,
        name: object,
        key: object = None,
        start: object = None,
        end: object = None,
        channel: object = None,
        meta: tuple[MetaValue, ...] = (),
    ) -> None:
        """Add the clip of a row that holds the audio itself.

        Args:
            place: where the row stands, such as ``row 7``.
            container: path of the file that holds the rows, relative to the root.
            member: where in it the audio lies, named by the row's number.
            name: a better name, a path, where the row has one.
            key, start, end, channel: the row's cells as they were read; None or '' where there are none.
            meta: what else it says.
        """
        problems_before = self._problems.count
        own_key, excerpt = self._key_and_excerpt(place, key=key, start=start, end=end, channel=channel)
        stem: str | None = member.name
        if name is not None and name != "":
            path = self._checked(place, self._columns.path, file_path, name)
            if path is not None:
                member = replace(member, name=source_text(path))
                if own_key is None:
                    stem = self._checked(place, self._columns.path, self._key_of_file, path)
        if stem is not None and self._problems.count == problems_before:
            self._finish(
                place,
                own_key or stem + excerpt_suffix(excerpt),
                path=container,
                excerpt=excerpt,
                member=member,
                meta=meta,
                is_named_after_file=own_key is None,
            )

    def warnings(self) -> list[str]:
        """What is allowed, but hardly meant."""
        if self._statuses.none_was_found():
            return [f"none of the files it names was found; relative paths are looked for from {quoted(self._root)}"]
        return []

    def _finish(
        self,
        place: str,
        key: str,
        *,
        path: str,
        excerpt: Excerpt | None,
        member: Member | None,
        meta: tuple[MetaValue, ...],
        is_named_after_file: bool,
    ) -> None:
        try:
            check_key_length(key)
            first_place = self._first_places.setdefault(key, place)
            if first_place is not place:
                self._advise_other_keys(is_named_after_file=is_named_after_file)
                raise RefusedCell(f"{quoted(key)}: {first_place} has the same key")
        except RefusedCell as error:
            self._problems.add(place, self._columns.key, str(error))
            return
        size_bytes, ctime_ns, inode = self._statuses.of(path)
        self.clips.append(Clip(key, path, size_bytes, ctime_ns, inode, excerpt, member, meta))

    def _advise_other_keys(self, *, is_named_after_file: bool) -> None:
        advice = f"give each row a key of its own, in the column {self._columns.key!r} (manifest.key)"
        if is_named_after_file and not self._keep_suffix:
            advice += "; for files that differ by suffix alone, --set select.keys=name is enough"
        self._problems.hint = self._problems.hint or advice

    def _key_and_excerpt(
        self, place: str, *, key: object, start: object, end: object, channel: object
    ) -> tuple[str | None, Excerpt | None]:
        columns = self._columns
        own_key = self._checked(place, columns.key, clip_key, key) if key is not None else None
        if start is None and end is None and channel is None:
            return own_key, None
        start_seconds = self._checked(place, columns.start, seconds, start)
        end_seconds = self._checked(place, columns.end, seconds, end)
        if end_seconds is not None and end_seconds <= (start_seconds or 0.0):
            self._problems.add(place, columns.end, _not_behind(end, start_seconds))
        number = self._checked(place, columns.channel, channel_number, channel)
        if start_seconds is None and end_seconds is None and number is None:
            return own_key, None
        return own_key, Excerpt(start_seconds, end_seconds, number)

    def _key_of_file(self, path: str) -> str:
        normal = posixpath.normpath(path) if ".." in path else path
        if normal[0] == "/":
            raise RefusedCell(f"{quoted(path)}: an absolute path needs a key (column {self._columns.key!r})")
        if normal in (".", "..") or normal.startswith("../"):
            raise RefusedCell(
                f"{quoted(path)}: a path that leads out of the manifest's folder needs a key "
                f"(column {self._columns.key!r})"
            )
        return key_of(normal, keep_suffix=self._keep_suffix)

    def _checked(self, place: str, column: str, rule: Callable[..., _Value], value: object) -> _Value | None:
        try:
            return rule(value)
        except RefusedCell as error:
            self._problems.add(place, column, str(error))
            return None


def _not_behind(end: object, start_seconds: float | None) -> str:
    if start_seconds:
        return f"{quoted(end)}: must be greater than start, which is {start_seconds:.12g}"
    return f"{quoted(end)}: must be greater than 0"
