"""Means to damage a store, and to tell, without the code that verifies, which clips still read as they should."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from running import environment

# Says of each key that it goes to it, and then whether it could be read and was what was written.
_READER = """
import sys
from audiofeat import open_store
with open_store(sys.argv[1], verify=True) as store:
    for key in store:
        if key not in sys.argv[2:]:
            print("at", key, flush=True)
            try:
                store[key]
            except Exception:
                continue
            print("ok", key, flush=True)
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


def readable_keys(store: Path) -> set[str]:
    """The keys of a store's clips that a reader gets as they were written; where it dies, it is sent on behind."""
    readable: set[str] = set()
    deadly: list[str] = []
    while True:
        command = [sys.executable, "-c", _READER, str(store), *deadly]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        said = [line.partition(" ") for line in done.stdout.splitlines()]
        readable.update(key for word, _, key in said if word == "ok")
        if done.returncode >= 0:
            assert done.returncode == 0, done.stderr
            return readable
        deadly.append(said[-1][2])
