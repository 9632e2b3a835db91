"""The files that tell what a store is, ``store.json``, the manifest and the quarantine: are they what was written?

Where ``store.json`` itself is damaged, nothing that it says is believed, but for one thing: where a file's digest
stands in it, as it can by no chance, that file is as it was written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from audiofeat.errors import DamageError, NoStoreError
from audiofeat.reading.info import StoreInfo
from audiofeat.store.description import find_description
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.verify.problems import Problem

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Parts:
    """What could be made out."""

    description: bytes
    """The bytes of ``store.json``, whatever they are."""
    info: StoreInfo | None
    """None where it is damaged."""
    manifest: pa.Table | None
    """None where it is not known to be what was written."""
    quarantine: bytes | None
    """As is this."""
    problems: tuple[Problem, ...]


def read_parts(paths: StorePaths) -> Parts:
    """Read and judge the three files.

    Raises:
        NoStoreError: there is no ``store.json``, or nothing else of a store.
        DamageError: a newer audiofeat wrote it.
    """
    problems: list[Problem] = []
    description = b""
    try:
        description = regular_bytes(paths.store_json)
    except (FileNotFoundError, NotADirectoryError):
        pass  # which is told below
    except OSError as error:
        problems.append(Problem("store_json", paths.store_json.name, f"cannot be read: {error.strerror}"))
    info = None if problems else _info(paths, problems)
    if info is None and not any(map(os.path.lexists, (paths.manifest, paths.quarantine, paths.shards, paths.state))):
        raise NoStoreError(
            f"{paths.root} is not a store: it has a store.json of another kind, and nothing else of one",
            hint="check the path",
        )
    manifest = _vouched(paths.manifest, "manifest", info, description, problems)
    quarantine = _vouched(paths.quarantine, "quarantine", info, description, problems)
    return Parts(description, info, _table(paths, manifest, problems), quarantine, tuple(problems))


def regular_bytes(path: Path) -> bytes:
    """What is in a file; whatever else stands in its place is not waited for. Raises OSError."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise OSError(None, f"it is {what_it_is(mode)}, not a regular file", str(path))
    return path.read_bytes()


def what_it_is(mode: int) -> str:
    """In a word, what a path leads to."""
    if stat.S_ISREG(mode):
        return "a file"
    return "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"


def _info(paths: StorePaths, problems: list[Problem]) -> StoreInfo | None:
    try:
        return StoreInfo(paths.root)
    except DamageError as error:
        values = find_description(paths.store_json)
        if values is not None and values["format_version"] > FORMAT_VERSION:
            raise
        message = error.problem.removeprefix(f"{paths.store_json} ")
        problems.append(Problem("store_json", paths.store_json.name, message))
        return None


def _vouched(
    path: Path, part: str, info: StoreInfo | None, description: bytes, problems: list[Problem]
) -> bytes | None:
    """The bytes of a file that ``store.json`` vouches for; None, and why, where it does not."""
    try:
        content = regular_bytes(path)
    except OSError as error:
        problems.append(Problem(part, path.name, f"cannot be read: {error.strerror}"))
        return None
    digest = str(blake3(content).hexdigest())
    if info is None:
        return content if digest.encode() in description else None
    wanted: Mapping[str, Any] = info.description.get(part, {})
    if digest == wanted.get("digest"):
        return content
    found = f"{len(content):,} bytes with digest {digest[:16]}"
    problems.append(
        Problem(
            part,
            path.name,
            f"{found}, where {wanted.get('size_bytes', 0):,} bytes with digest {str(wanted.get('digest'))[:16]} "
            "were written",
        )
    )
    return None


def _table(paths: StorePaths, content: bytes | None, problems: list[Problem]) -> pa.Table | None:
    if content is None:
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(pa.BufferReader(content))
    except (OSError, ValueError) as error:
        problems.append(Problem("manifest", paths.manifest.name, f"is as written, and no Parquet file: {error}"))
        return None
