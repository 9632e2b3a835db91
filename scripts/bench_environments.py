"""The peers' virtual environments, each made on demand: their versions of NumPy and torch need not agree with ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "librosa": ("librosa", "joblib", "soundfile", "h5py"),
    "lhotse": ("lhotse", "torch", "kaldi-native-fbank", "soundfile", "h5py"),
    "dali": ("nvidia-dali-cuda120", "h5py"),
}
"""What pip is told; the first one is the peer itself."""
FORMATS = {
    "librosa": ("wav", "flac", "mp3", "ogg", "opus"),
    "lhotse": ("wav", "flac", "mp3", "ogg", "opus"),
    "dali": ("wav", "flac", "ogg"),
}
"""What each one reads without a program besides."""

_VERSIONS = (
    "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
)


def python_of(peer: str, *, environments: Path) -> Path:
    """The interpreter of a peer's environment, made unless it is there. Raises SystemExit where it cannot be."""
    folder = environments / peer
    python = folder / "bin" / "python"
    if _has_all(peer, python):
        return python
    print(f"an environment for {peer} in {folder} ...", file=sys.stderr, flush=True)
    for command in (
        [sys.executable, "-I", "-m", "venv", "--clear", str(folder)],
        [str(python), "-I", "-m", "pip", "install", "--quiet", *PACKAGES[peer]],
    ):
        done = subprocess.run(command, check=False)
        if done.returncode:
            raise SystemExit(f"{peer} cannot be installed: {' '.join(command)} ended with {done.returncode}")
    return python


def versions_of(peer: str, python: Path) -> dict[str, str]:
    """The versions of what :data:`PACKAGES` names."""
    asked = subprocess.run([python, "-c", _VERSIONS, *PACKAGES[peer]], stdout=subprocess.PIPE, check=True)
    versions: dict[str, str] = json.loads(asked.stdout)
    return versions


def _has_all(peer: str, python: Path) -> bool:
    if not python.exists():
        return False
    asked = subprocess.run([python, "-c", _VERSIONS, *PACKAGES[peer]], capture_output=True, check=False)
    return asked.returncode == 0
