"""JSON files that say the digest of what they hold: one that is damaged is none, rather than another.

One digit that a disk has changed must not become a wrong manifest, another source or another configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from audiofeat.store.staging import write_file

_HEAD = '{{"digest": "{digest}", "values": '
_HEAD_BYTES = len(_HEAD.format(digest="0" * 64))


def write_checked_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replace the file at ``path``. Raises StorageError."""
    content = json.dumps(values, allow_nan=False).encode("ascii")
    write_file(path, _head(content) + content + b"}\n")


def read_checked_json(path: Path) -> dict[str, Any] | None:
    """The values at ``path``; None where there is no such file, or not what was written."""
    try:
        written = path.read_bytes()
    except OSError:
        return None
    # The digest is of the text: to write the values anew for it takes as long as to read them.
    head, content, end = written[:_HEAD_BYTES], written[_HEAD_BYTES:-2], written[-2:]
    if (head, end) != (_head(content), b"}\n"):
        return None
    values: dict[str, Any] = json.loads(content)
    return values


def _head(content: bytes) -> bytes:
    return _HEAD.format(digest=blake3(content).hexdigest()).encode("ascii")
