"""What every format of an export must do: write the chosen clips to a path that does not exist.

A new format is one file with such a class and a line in :mod:`audiofeat.export.formats`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from audiofeat.export.content import Content


class ExportFormat(Protocol):
    """One format."""

    is_folder: bool
    """Whether the export is a folder of files, or one file."""

    def write(self, path: Path, content: Content) -> None:
        """Write ``content`` to ``path``. The bytes depend on the content only, unless the format's file says more.

        Raises:
            ConfigError: the format cannot hold it.
            DamageError: what is read is not what was written to the store.
            OSError: the disk's own words.
        """
