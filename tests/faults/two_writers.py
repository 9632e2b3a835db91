"""Two runs that write one store at once, where locks do not work: the same work twice, but no damage.

They go through the package's own writers, without audio or TensorFlow, and without the lock.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from faults.figures import Figures
from running import differences, environment

from audiofeat import open_store
from audiofeat.errors import AudioFeatError

_TESTS = Path(__file__).resolve().parent.parent
_WRITER = """
import sys, time
from pathlib import Path
from audiofeat.errors import AudioFeatError
from small_store import make_store, settings_for, small_arrays
root, store_format, clips, *turns = sys.argv[1:]
settings, arrays = settings_for(store_format=store_format), small_arrays(int(clips))
for turn in turns:
    name, moment = turn.split("@")
    while time.time() < float(moment):
        time.sleep(0.0005)
    try:
        make_store(Path(root, name), settings, arrays)
    except AudioFeatError as error:
        print(name, type(error).__name__, error.problem, flush=True)
"""
_CLIPS = 12


def torture(folder: Path) -> list[Figures]:
    """Both kinds of store."""
    return [race(folder / store_format, store_format=store_format) for store_format in ("hdf5", "npy")]


def race(
    folder: Path,
    *,
    rounds: int = 60,
    seed: int | None = None,
    store_format: str = "hdf5",
    kinds: Sequence[bool] = (True, False),
) -> Figures:
    """Stores that are each written by two processes at nearly the same time, then once more by one alone.

    Args:
        rounds: stores of each kind.
        kinds: whether both processes write the same.
    """
    seed = random.randrange(1 << 32) if seed is None else seed
    figures = Figures(f"two writers without a lock, {store_format} (seed {seed})")
    begun = time.monotonic()
    for is_alike in kinds:
        _race(folder / f"alike-{is_alike}", figures, rounds=rounds, store_format=store_format, is_alike=is_alike,
              chance=random.Random(seed))  # fmt: skip
    figures.seconds = time.monotonic() - begun
    return figures


def _race(
    folder: Path, figures: Figures, *, rounds: int, store_format: str, is_alike: bool, chance: random.Random
) -> None:
    names = [f"store{number}" for number in range(rounds)]
    first = time.time() + 2.0  # when both have started
    turns = {name: first + 0.2 * number for number, name in enumerate(names)}
    late = {name: moment + chance.uniform(0, 0.05) for name, moment in turns.items()}
    writers = [
        _start(folder, store_format, turns),
        _start(folder, store_format, late, clips=_CLIPS if is_alike else _CLIPS - 4),
    ]
    outputs = [writer.communicate()[0] for writer in writers]
    if any(writer.returncode for writer in writers):
        figures.violations.append(f"{store_format}: a writer failed with {outputs}")
    for name in names:
        figures.tried += 1
        if is_alike:
            figures.violations += _damage(folder / name)
    # A run alone mends whatever there is.
    _start(folder, store_format, dict.fromkeys([*names, "expected"], 0.0)).communicate()
    for name in names:
        if wrong := differences(folder / name, folder / "expected"):
            figures.violations.append(f"{store_format}: {name} differs in {wrong} after a run alone")


def _damage(store: Path) -> list[str]:
    """What is wrong with a store, if it was published."""
    if not (store / "store.json").exists():
        return []
    try:
        open_store(store, verify=True)
    except AudioFeatError as error:
        return [f"{store.name}: {error.problem}"]
    return []


def _start(
    folder: Path, store_format: str, turns: Mapping[str, float], *, clips: int = _CLIPS
) -> subprocess.Popen[str]:
    """Start a process that makes each of the stores at its time."""
    arguments = [str(folder), store_format, str(clips), *(f"{name}@{moment}" for name, moment in turns.items())]
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(PYTHONPATH=str(_TESTS)),
    )
