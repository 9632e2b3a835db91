"""The mutation loop: a target's seeds with things wrong, for as long as there is time, in processes of their own.

An input that ends the process, or that takes it longer than a minute, is a defect like an exception: the next process
goes on behind it. Seed and number say which input it was, and :func:`input_of` makes it again.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from faults.figures import Figures
from faults.fuzz_target import Target
from faults.fuzz_targets import TARGETS
from faults.mutate import mutated

_MOST_SECONDS_AN_INPUT = 60
_MOST_ADDRESS_BYTES = 6 << 30
_SHOWN_FAILURES = 20


@dataclass(slots=True)
class Tally:
    """What became of one target."""

    name: str
    executions: int = 0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    """Where it went wrong -> seed, number and what was said, of the first of that kind."""


def input_of(target: Target, seed: int, number: int) -> bytes:
    """Input ``number`` of the sequence that ``seed`` begins."""
    chance = random.Random(f"{target.name} {seed} {number}")
    return mutated(chance.choice(target.seeds), others=target.seeds, chance=chance)


def complaint(target: Target, data: bytes) -> tuple[str, str] | None:
    """What is wrong with how the product takes ``data``: the place in the code, and the words; None if nothing is."""
    try:
        target.check(data)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        last = [frame for frame in traceback.extract_tb(error.__traceback__) if "audiofeat" in frame.filename]
        place = f"{Path(last[-1].filename).name}:{last[-1].lineno}" if last else "?"
        return f"{type(error).__name__} at {place}", str(error)[:300]
    return None


def fuzz(
    names: Iterable[str],
    folder: Path,
    *,
    seconds: float,
    seed: int = 0,
    on_tally: Callable[[Tally], None] = lambda tally: None,
) -> list[Tally]:
    """Try each target for ``seconds``. Inputs that fail are saved in ``folder``, as TARGET-SEED-NUMBER."""
    folder.mkdir(parents=True, exist_ok=True)
    tallies = []
    for name in names:
        tally = Tally(name)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and len(tally.failures) < _SHOWN_FAILURES:
            _one_process(tally, folder, seed=seed, seconds=left)
        tallies.append(tally)
        on_tally(tally)
    return tallies


def torture(folder: Path, *, seconds: float = 600.0, seed: int = 0) -> Figures:
    """All targets in turn, together for ``seconds``."""
    tallies = fuzz(TARGETS, folder, seconds=seconds / len(TARGETS), seed=seed)
    figures = Figures("inputs made by mutation", seconds=sum(tally.seconds for tally in tallies))
    figures.tried = sum(tally.executions for tally in tallies)
    figures.violations = [f"{tally.name}: {words}" for tally in tallies for words in tally.failures.values()]
    return figures


def _one_process(tally: Tally, folder: Path, *, seed: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work-") as scratch:
        work = {
            "name": tally.name, "scratch": scratch, "formats": str(folder / ".formats"), "saved": str(folder),
            "seed": seed, "first": tally.executions, "seconds": seconds,
        }  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "faults.fuzz", json.dumps(work)],
            stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False,
        )  # fmt: skip
        tally.seconds += time.monotonic() - begun
        progress = Path(scratch) / "number"
        if not progress.exists():
            raise RuntimeError(f"{tally.name} did not start:\n{done.stderr.decode(errors='replace')}")
        number = int(progress.read_bytes() or b"0")
    for line in done.stdout.splitlines():
        said = json.loads(line)
        tally.failures.setdefault(said["place"], said["words"])
    tally.executions = number + 1
    if done.returncode:
        end = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
        said_last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        tally.failures.setdefault(end, f"seed {seed}, number {number}: {end} {' '.join(said_last)}")


def _work(name: str, scratch: str, formats: str, saved: str, seed: int, first: int, seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESS_BYTES, _MOST_ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    (Path(scratch) / "target").mkdir()
    target = TARGETS[name](Path(scratch) / "target", Path(formats))
    told: set[str] = set()
    descriptor = os.open(Path(scratch) / "number", os.O_CREAT | os.O_WRONLY, 0o666)
    end = time.monotonic() + seconds
    number = first
    while True:
        os.pwrite(descriptor, b"%d" % number, 0)
        data = input_of(target, seed, number)
        signal.alarm(_MOST_SECONDS_AN_INPUT)  # which ends the process
        found = complaint(target, data)
        signal.alarm(0)
        if found is not None and found[0] not in told:
            told.add(found[0])
            (Path(saved) / f"{name}-{seed}-{number}").write_bytes(data)
            words = f"seed {seed}, number {number}: {': '.join(found)}"
            sys.stdout.write(json.dumps({"place": found[0], "words": words}) + "\n")
            sys.stdout.flush()
        if time.monotonic() >= end or len(told) >= _SHOWN_FAILURES:
            return
        number += 1


if __name__ == "__main__":
    _work(**json.loads(sys.argv[1]))
