"""JSON files that say the digest of what they hold: one that is damaged is none, rather than another.

One digit that a disk has changed must not become a wrong manifest, another source or another configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from audiofeat.store.staging import read_json, write_json

_DIGEST = "digest"


def write_checked_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replace the file at ``path``. Raises StorageError."""
    write_json(path, {**values, _DIGEST: _digest(values)})


def read_checked_json(path: Path) -> dict[str, Any] | None:
    """The values at ``path``; None where there is no such file, or not what was written."""
    values = read_json(path)
    return values if values is not None and values.pop(_DIGEST, None) == _digest(values) else None


def _digest(values: Mapping[str, Any]) -> str:
    return str(blake3(json.dumps(values, sort_keys=True).encode("ascii")).hexdigest())
