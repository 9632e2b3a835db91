"""What must be the same on all nodes of a cluster, and what is said where it is not."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("tensorflow", "numpy", "soxr", "h5py", "soundfile", "pyarrow")
"""Of those that change numbers or files."""


def facts_here(*, source: str, job: str) -> dict[str, Any]:
    """What this node has, JSON-able; ``job`` is a file that the run has just written to its store."""
    from audiofeat.decode import decoder_versions, find_ffmpeg

    return {
        "host": socket.gethostname(),
        "versions": {
            "audiofeat": f"code {_code_digest()}",
            "Python": platform.python_version(),
            "processor": platform.machine(),
            **{package: _version_of(package) for package in _PACKAGES},
            **decoder_versions(find_ffmpeg()),
        },
        "has_store": os.path.exists(job),
        "cannot_write": _write_problem(Path(job).parent),
        "has_source": os.path.exists(source),
    }


def differences(here: Mapping[str, Any], there: Mapping[str, Any], *, store: str, source: str) -> Iterator[str]:
    """In words, what another node lacks, or has otherwise than this one."""
    if "broken" in there:
        yield f"audiofeat does not run there ({there['broken']})"
        return
    if not there["has_store"]:
        yield f"the store {store} is another folder there: it must be on a file system that all nodes share"
    elif there["cannot_write"]:
        yield f"the store {store} cannot be written there ({there['cannot_write']})"
    if not there["has_source"]:
        yield f"the source {source} is not there"
    names = sorted(here["versions"].keys() | there["versions"].keys())
    for name in names:
        wanted, found = here["versions"].get(name), there["versions"].get(name)
        if wanted != found:
            yield f"{name} {found or 'is missing'}, here {wanted or 'it is missing'}"


def _code_digest() -> str:
    """Of the package's own files: a version's name says too little of a checkout."""
    from blake3 import blake3

    folder = Path(__file__).parent.parent
    hasher = blake3()
    for path in sorted(folder.rglob("*.py")):
        hasher.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\n".encode())
        hasher.update(path.read_bytes())
    return str(hasher.hexdigest(length=6))


def _version_of(package: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def _write_problem(folder: Path) -> str:
    path = folder / f".{socket.gethostname()}-{os.getpid()}.look"
    try:
        path.touch()
        path.unlink()
    except OSError as error:
        return str(error.strerror or error)
    return ""
