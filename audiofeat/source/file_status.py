"""What the file system says of the files that a manifest names, asked once a file."""

from __future__ import annotations

import os
import stat
from typing import TypeAlias

FileStatus: TypeAlias = tuple[int, int, int]
"""Size in bytes, time of the inode's last change in ns, inode."""
_UNKNOWN: FileStatus = (0, 0, 0)


class FileStatuses:
    """Remembers the status of each file below ``root``; a manifest of spans names each file many times."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: dict[str, FileStatus] = {}

    def of(self, path: str) -> FileStatus:
        """The status of the file at ``path``; zeros where it cannot be examined or is a folder: decoding says why."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = _examined(os.path.join(self._root, path))
        return known

    def none_was_found(self) -> bool:
        """Whether files were asked for, and none of them could be examined."""
        return bool(self._known) and all(status == _UNKNOWN for status in self._known.values())


def _examined(path: str) -> FileStatus:
    try:
        status = os.stat(path)
    except OSError:
        return _UNKNOWN
    return _UNKNOWN if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_ctime_ns, status.st_ino)
