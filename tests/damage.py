"""Means to damage a store, and to tell, without the code that verifies, which clips still read as they should."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from running import environment

# Says of each key that it goes to it, and then whether it could be read, and was what had been written.
_READER = """
import sys
import numpy as np
from audiofeat import open_store
truth = np.load(sys.argv[2])
with open_store(sys.argv[1], verify=True) as store:
    for key in store:
        if key not in sys.argv[3:]:
            print("at", key, flush=True)
            try:
                clip = store[key]
            except Exception:
                continue
            is_right = all(np.array_equal(truth[f"{key}|{name}"], rows) for name, rows in clip.items())
            print("ok" if is_right else "wrong", key, flush=True)
"""


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file, counted from its first byte's lowest, where it lies: other names of the file see it."""
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """A file with one bit turned, for as long as the block takes."""
    flip(path, bit)
    try:
        yield
    finally:
        flip(path, bit)


def readable_keys(store: Path, truth: Path) -> tuple[set[str], set[str]]:
    """The keys of a store's clips that a reader which checks digests gets; where it dies, it is sent on behind.

    Args:
        truth: an .npz with ``KEY|FEATURE`` of all that was written.
    Returns:
        those of the clips that are what was written, and those of the clips that are not.
    """
    found: dict[str, set[str]] = {"ok": set(), "wrong": set(), "at": set()}
    deadly: list[str] = []
    while True:
        command = [sys.executable, "-c", _READER, str(store), str(truth), *deadly]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        said = [line.partition(" ") for line in done.stdout.splitlines()]
        for word, _, key in said:
            found[word].add(key)
        if done.returncode >= 0:
            assert done.returncode == 0, done.stderr
            return found["ok"], found["wrong"]
        deadly.append(said[-1][2])
