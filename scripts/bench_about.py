"""What figures were taken on, when, and by which command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("audiofeat", "tensorflow", "numpy", "soundfile", "h5py", "blake3")


def about_this_run(peers: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Date, command, machine, and the peers' versions."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["scripts/bench", *sys.argv[1:]]),
        "machine": machine(),
        "peers": peers,
    }


def about_text(about: Mapping[str, Any]) -> str:
    """The same in a few lines of Markdown."""
    found = about["machine"]
    lines = [f"{about['date'][:10]}, {found['cpu']}, {found['cores']} cores, Python {found['python']}"]
    lines += [", ".join(f"{name} {version}" for name, version in found["versions"].items())]
    for peer in about["peers"].values():
        lines.append(", ".join(f"{name} {version}" for name, version in peer.items()))
    return ";\n".join(lines) + f":\n`{about['command']}`"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "load": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(checkout)"  # audiofeat itself, found on PYTHONPATH
