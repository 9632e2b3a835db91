"""Runs of the command line, each in a process of its own, and the means to compare, await and disturb them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import soundfile

HOOKS = Path(__file__).resolve().parent / "hooks"
PATIENCE_SECONDS = 60.0
LONG_AGO_SECONDS = 1_600_000_000


class Finished(NamedTuple):
    """What a command left: its exit code (minus the signal's number where one ended it) and what it wrote."""

    code: int
    out: str
    err: str


def audiofeat(*arguments: str | Path, **variables: str) -> Finished:
    """Run the command line to its end; nothing that it meets may show a traceback."""
    with start(*arguments, **variables) as process:
        return finish(process)


def start(*arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
    """Start the command line, with ``variables`` added to its environment."""
    return subprocess.Popen(
        [sys.executable, "-m", "audiofeat", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    )


def finish(process: subprocess.Popen[str], *, timeout_seconds: float = PATIENCE_SECONDS) -> Finished:
    """Wait for a started command; one that takes too long is killed, and the test fails."""
    try:
        out, err = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        kill_tree(process)
        raise
    assert "Traceback" not in err, err
    return Finished(process.returncode, out, err)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment, in which Python finds the package under test, with ``variables`` added.

    ``PYTHONPATH`` goes before the package's own folder; the mishaps of ``hooks`` are within reach.
    """
    package = importlib.util.find_spec("audiofeat")
    assert package is not None
    assert package.origin is not None
    first = [variables.pop("PYTHONPATH")] if "PYTHONPATH" in variables else []
    places = os.pathsep.join([*first, str(HOOKS), str(Path(package.origin).parent.parent)])
    return {**os.environ, "PYTHONPATH": places, **variables}


def kill_tree(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a command and all its children at once, as when the machine loses power."""
    tree = [psutil.Process(process.pid), *children_of(process)]
    for member in tree:
        member.kill()
    process.communicate()
    psutil.wait_procs(tree, timeout=10)


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that a command has started, and theirs."""
    return psutil.Process(process.pid).children(recursive=True)


def left_over(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a moment in which to go. Dead orphans do not: it is the system that reaps them."""
    _, alive = psutil.wait_procs(processes, timeout=2)
    return [process for process in alive if not is_zombie(process)]


def is_zombie(process: psutil.Process) -> bool:
    """Whether it is dead, reaped or not."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Whether the condition came true before the command ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    raise TimeoutError(f"in vain for {PATIENCE_SECONDS:g} s")


def commits(store: Path) -> set[str]:
    """Names of the shards that are finished but not yet published."""
    return {path.name for path in (store / ".state/commits").glob("[!.]*.json")}


def contents(store: Path) -> dict[str, bytes]:
    """All of a store that must be the same each time: every file but those under ``.state``."""
    files = (path for path in store.rglob("*") if path.is_file())
    named = ((path.relative_to(store), path) for path in files)
    return {str(name): path.read_bytes() for name, path in named if name.parts[0] != ".state"}


def differences(store: Path, other: Path) -> list[str]:
    """Names of the files in which two stores differ, or that one of them lacks."""
    these, those = contents(store), contents(other)
    assert "store.json" in these
    return sorted(name for name in these.keys() | those.keys() if these.get(name) != those.get(name))


def write_clip(
    path: Path, *, seed: int, seconds: float = 0.5, sample_rate: int = 16_000, subtype: str = "PCM_16"
) -> Path:
    """A file of noise, as old as the hills: its size and time may be trusted to tell its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole numbers: libsndfile rounds fractions in its own way for each format.
    noise = np.random.default_rng(seed).integers(-16_384, 16_384, round(seconds * sample_rate), np.int16)
    soundfile.write(path, noise, sample_rate, subtype=subtype)
    return age(path)


def write_clips(folder: Path, *, count: int, subtype: str = "PCM_16") -> Path:
    """``count`` short clips of noise of 0.2 to 1 s, in folders of ten."""
    lengths = np.random.default_rng(0).uniform(0.2, 1.0, count)
    for number, seconds in enumerate(lengths):
        path = folder / f"speaker{number // 10}" / f"take{number % 10}.wav"
        write_clip(path, seed=number, seconds=seconds, subtype=subtype)
    return folder


def age(path: Path) -> Path:
    """Set a file's times far into the past."""
    os.utime(path, (LONG_AGO_SECONDS, LONG_AGO_SECONDS))
    return path
