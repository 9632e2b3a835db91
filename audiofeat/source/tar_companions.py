"""What webdataset packs beside a clip in a tar: ``clip.json``, ``clip.txt`` and ``clip.cls``, as meta values of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from audiofeat.records import MetaValue
from audiofeat.source.manifests.columns import check_names
from audiofeat.source.manifests.json_values import NoObjectError, json_object, meta_value
from audiofeat.source.problems import Problems, quoted_name
from audiofeat.source.tar_members import Entry

_SUFFIXES = (".json", ".txt", ".cls")
_MAX_BYTES = 65_536


class Companions:
    """Reads the members beside the clips of one tar file."""

    def __init__(self, file: BinaryIO, entries: Mapping[str, Entry], *, problems: Problems) -> None:
        self.used: set[str] = set()
        """The names of those that gave a meta value."""
        self._file, self._entries, self._problems = file, entries, problems
        self._too_long: set[str] = set()
        self._no_objects: set[str] = set()

    def of(self, stem: str) -> dict[str, MetaValue]:
        """By name, the meta values of the clip whose name without suffix is ``stem``."""
        values: dict[str, MetaValue] = {}
        for suffix in _SUFFIXES:
            name = stem + suffix
            entry = self._entries.get(name)
            if entry is None or entry.kind != "file":
                continue
            if entry.size_bytes > _MAX_BYTES:
                self._too_long.add(name)
                continue
            place = f"byte {entry.header_offset}"
            try:
                found = self._read(entry, name)
            except NoObjectError:
                self._no_objects.add(name)
                continue
            except ValueError as error:
                self._problems.add(place, quoted_name(name), str(error))
                continue
            for twice in found.keys() & values.keys():
                self._problems.add(place, twice, f"both {stem}.json and {name} say it")
            check_names(list(found), place=place, problems=self._problems)
            values |= found
            self.used.add(name)
        return values

    def warnings(self) -> list[str]:
        """What was left out."""
        warnings = []
        if self._too_long:
            warnings.append(
                f"files beside clips that are longer than {_MAX_BYTES:,} bytes are not read: {len(self._too_long):,}"
            )
        if self._no_objects:
            warnings.append(f".json files beside clips that hold no object are not read: {len(self._no_objects):,}")
        return warnings

    def _read(self, entry: Entry, name: str) -> dict[str, MetaValue]:
        self._file.seek(entry.offset)
        data = self._file.read(entry.size_bytes)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"byte 0x{data[error.start]:02X} at {error.start + 1:,} is not UTF-8") from None
        if name.endswith(".json"):
            return {key: meta_value(value) for key, value in json_object(text).items()}
        return {name.rpartition(".")[2]: text.strip() or None}
