"""What is wrong with a source that somebody wrote by hand or by script: all of it at once, line by line::

clips.csv: 2 problems
  line 7   end       '1.2': must be greater than start, which is 3.5
  line 9   channel   'left': not a whole number; channels count from 0

The same look as :mod:`audiofeat.config.complaints` gives the mistakes in a configuration.
"""

from __future__ import annotations

import os
from typing import NoReturn

from audiofeat.config.wording import cut, shown
from audiofeat.errors import SourceError
from audiofeat.source.keys import source_text

_SHOWN_PROBLEMS = 20
NO_COLUMN = "-"


class Problems:
    """The problems of one source, collected while it is read: place, column and what is wrong."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.hint = ""
        """What to do, where the problems themselves do not say it."""
        self.count = 0
        self._first: list[tuple[str, str, str]] = []

    def add(self, place: str, column: str, text: str) -> None:
        """Note one problem; a million of them take no memory."""
        self.count += 1
        if self.count <= _SHOWN_PROBLEMS:
            self._first.append((place, quoted_name(column), text))

    def stop(self, place: str, column: str, text: str) -> NoReturn:
        """Note a problem behind which nothing can be read, and refuse the source.

        Raises:
            SourceError: always.
        """
        self.add(place, column, text)
        raise self._error()

    def refuse_if_any(self) -> None:
        """Refuse the source where problems were noted.

        Raises:
            SourceError: names the first 20 of them, and how many there are.
        """
        if self.count:
            raise self._error()

    def _error(self) -> SourceError:
        place_width, column_width = (max(len(row[column]) for row in self._first) for column in (0, 1))
        lines = [f"  {place:{place_width}}   {column:{column_width}}   {text}" for place, column, text in self._first]
        if self.count > len(self._first):
            lines.append(f"  ... and {self.count - len(self._first):,} more")
        count = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        return SourceError("\n".join([f"{source_text(self.title)}: {count}", *lines]), hint=self.hint)


def quoted(value: object) -> str:
    """A value as the source has it, cut where it gets long."""
    return cut(repr(value)) if isinstance(value, str) else shown(value)


def quoted_name(name: str) -> str:
    """A column's or a member's name; one that would clear the screen or fill it is quoted and cut."""
    return cut(name if name.isprintable() and name == name.strip() else repr(name))


def unreadable(path: str, error: OSError) -> SourceError:
    """The error for a source file that the system does not let us read."""
    reason = error.strerror or os.strerror(error.errno or 0)
    return SourceError(f"{source_text(path)} cannot be read: {reason}", hint="check its permissions and its mount")
