"""Disks that are really full: the command line on a file system of a few hundred kilobytes, which then grows."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.figures import Figures
from running import audiofeat, differences, write_clips

CONFIG = ("--config", "kaldi-fbank80", "--workers", "1", "--set", "store.shard_clips=5", "--device", "cpu")
_STORAGE = 14


def may_mount() -> bool:
    """Whether this process may mount a file system."""
    if os.geteuid() != 0:
        return False
    folder = Path("/proc/self/fd")
    return (
        folder.exists()
        and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
    )


@contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[Path]:
    """A file system of that size, at ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Change a mounted file system: its size, or whether it may be written."""
    _mount("-o", f"remount,{options}", str(folder))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def fill_up(
    folder: Path, source: Path, expected: Path, *, size_bytes: int, store_format: str, small_temporary: bool = False
) -> Iterator[str]:
    """What is wrong when a store is written to a disk of that size, and after there is room.

    Args:
        small_temporary: whether the disk is the one of temporary files too.
    """
    with small_disk(folder / "disk", size_bytes=size_bytes) as disk:
        command = ("extract", source, disk / "store", *CONFIG, "--format", store_format)
        variables = {"TMPDIR": str(disk)} if small_temporary else {}
        done = audiofeat(*command, **variables)
        if done.code == 0:
            yield f"{size_bytes} bytes were enough"
        elif done.code != _STORAGE:
            yield f"{size_bytes} bytes: ended with {done.code}: {done.err[-1500:]}"
        elif str(disk) not in done.err or " MB of " not in done.err:
            yield f"{size_bytes} bytes: no path or no sizes in {done.err}"
        remount(disk, "size=64m")
        done = audiofeat(*command)
        if done.code != 0:
            yield f"{size_bytes} bytes, with room again: ended with {done.code}: {done.err[-1500:]}"
        elif differences(disk / "store", expected):
            yield f"{size_bytes} bytes, with room again: {differences(disk / 'store', expected)}"


def torture(folder: Path, *, scale: float = 1.0) -> Figures:
    """Disks from 20 kB up to what the finished store takes."""
    figures = Figures("full disks of 20 kB and more, and room again")
    if not may_mount():
        figures.name += " (not done: nobody may mount here)"
        return figures
    begun = time.monotonic()
    source = write_clips(folder / "clips", count=20)
    for store_format in ("hdf5", "npy"):
        expected = folder / f"expected-{store_format}"
        done = audiofeat("extract", source, expected, *CONFIG, "--format", store_format)
        if done.code != 0:
            raise AssertionError(done.err)
        files = [path.stat() for path in expected.rglob("*") if path.is_file()]
        size_bytes = sum({each.st_ino: each.st_size for each in files}.values())  # an NPY store has links
        for kilobytes in range(20, size_bytes // 1024, max(20, round(20 / scale))):
            figures.tried += 1
            found = fill_up(folder, source, expected, size_bytes=kilobytes * 1024, store_format=store_format)
            figures.violations += [f"{store_format}: {what}" for what in found]
    figures.seconds = time.monotonic() - begun
    return figures
