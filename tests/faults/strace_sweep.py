"""The same sweep by strace, from outside: no call of the process, of C or of Python, goes unseen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from faults import small_run
from faults.checking import broken_promises, not_converged
from faults.figures import Figures
from faults.scenes import Scene, scenes
from running import environment

CALLS = (
    ("write", ("write",)),
    ("pwrite64", ("pwrite64",)),
    ("fsync", ("fsync",)),
    ("rename", ("rename", "renameat", "renameat2")),
    ("mkdir", ("mkdir", "mkdirat")),
    ("unlink", ("unlink", "unlinkat", "rmdir")),
    ("link", ("link", "linkat")),
    ("ftruncate", ("ftruncate",)),
)
"""What it is called here, and in the system."""
INJECTIONS = ("signal=SIGKILL", "error=ENOSPC", "error=EIO", "lasting error=ENOSPC")
_STORAGE, _KILLED = 14, (-9, 137)


def may_trace() -> bool:
    """Whether strace is here and may trace."""
    try:
        done = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def traced(scene: Scene, store: Path, *options: str) -> tuple[int, str, str]:
    """A run of the scene under strace: exit code, what it said, what strace saw."""
    seen = store.with_name("trace")
    script = [sys.executable, "-B", small_run.__file__, str(scene.source), str(store), scene.store_format]
    tests = str(Path(small_run.__file__).resolve().parent.parent)
    done = subprocess.run(
        ["strace", "-f", "-qq", "-y", "-s", "4096", "-o", str(seen), *options, *script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=tests),
        check=False,
    )
    return done.returncode, done.stderr, seen.read_text(errors="replace")


def numbers_of(scene: Scene, folder: Path) -> dict[str, list[int]]:
    """System call -> the numbers, counted from 1, of its calls that concern the store."""
    store = scene.begin(folder / "traced")
    names = [name for _, group in CALLS for name in group]
    code, said, trace = traced(scene, store, "-e", f"trace={','.join(names)}")
    if code != 0:
        raise AssertionError(said)
    found: dict[str, list[int]] = {}
    counts: dict[tuple[str, str], int] = {}
    main = next(line.split()[0] for line in trace.splitlines() if str(store) in line)
    for line in trace.splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if match is None:
            continue
        key = match[1], match[2]
        counts[key] = counts.get(key, 0) + 1
        # Counted for each thread apart, by strace too; what others than the first do is not the store's.
        if match[1] == main and (str(store) in line or match[2] in ("unlinkat",)):
            found.setdefault(match[2], []).append(counts[key])
    return found


def inject(scene: Scene, folder: Path, figures: Figures, *, call: str, number: int, injection: str) -> None:
    """One fault at one call, the next run, and what is wrong after either."""
    store = scene.begin(folder / "store")
    lasting, _, what = injection.rpartition(" ")
    code, said, trace = traced(
        scene, store, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}{'+' if lasting else ''}"
    )
    figures.tried += 1
    where = f"{scene.name}: {injection} at {call} {number}"
    found = []
    if what == "signal=SIGKILL":
        if code not in _KILLED:
            found.append(f"ended with {code}: {said[-500:]}")
    else:
        if "(INJECTED)" not in trace:
            found.append("the call was not reached")
        if code not in (0, _STORAGE) or "Traceback" in said:
            found.append(f"ended with {code}: {said[-1500:]}")
        is_heard = not (lasting and call == "write")  # or else what it says is not written either
        if code == _STORAGE and is_heard and str(store) not in said:
            found.append(f"no path in: {said}")
    found += broken_promises(store, promised=(), must_be_whole=scene.was_finished)
    found += not_converged(store, scene.source, scene.expected, scene.store_format)
    figures.violations += [f"{where}: {what}" for what in found]


def torture(folder: Path, *, scale: float = 1.0) -> Figures:
    """Every injection at every call of both scenes of a new store; at a smaller scale, at fewer."""
    figures = Figures("a fault at every system call, injected by strace")
    begun = time.monotonic()
    if not may_trace():
        figures.name += " (not done: no strace here, or tracing is forbidden)"
        return figures
    for scene in scenes(folder / "scenes"):
        for call, numbers in numbers_of(scene, folder).items():
            for injection in INJECTIONS:
                for number in numbers[:: max(1, round(1 / scale))]:
                    inject(scene, folder, figures, call=call, number=number, injection=injection)
    figures.seconds = time.monotonic() - begun
    return figures
