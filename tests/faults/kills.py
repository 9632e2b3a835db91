"""SIGKILL from outside at random instants: to the run, to a worker, to ffmpeg, and SIGSTOP to a worker.

After each the store must become the very one that an undisturbed run makes, and nothing may be left behind.
"""

from __future__ import annotations

import fcntl
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil
from faults.figures import Figures
from make_sample_data import make_sample_data
from running import PATIENCE_SECONDS, age, audiofeat, differences, is_zombie, start, write_clip

OPTIONS = ("--config", "kaldi-fbank80", "--set", "store.shard_clips=8", "--quiet")
VICTIMS = ("run", "worker", "ffmpeg", "frozen")
SLOW = {"AUDIOFEAT_TEST_FSYNC_SECONDS": "0.02"}
_GONE_SECONDS = 2.0
_PROLOGUE_SECONDS = 1.0
"""Before the run has a worker there is nothing else to disturb."""


def make_clips(folder: Path, *, copies: int = 2) -> Path:
    """Clips in many formats, some of which only ffmpeg reads, among plain ones."""
    make_sample_data(folder / "sample")
    for number in range(copies):
        shutil.copytree(folder / "sample", folder / f"again{number}")
    for number in range(20):
        write_clip(folder / f"noise/{number}.wav", seed=number)
    for path in folder.rglob("*.*"):
        age(path)
    return folder


@cache
def undisturbed(folder: Path) -> tuple[Path, Path, float]:
    """Clips, the store that an undisturbed run makes of them, and the seconds that it took."""
    clips, store = make_clips(folder / "clips"), folder / "expected"
    begun = time.monotonic()
    assert audiofeat("extract", clips, store, *OPTIONS, "--workers", "1").code == 3
    return clips, store, time.monotonic() - begun


def torture(
    folder: Path, *, kills: int = 30, seed: int | None = None, workers: int = 2, victims: Sequence[str] = VICTIMS
) -> Figures:
    """``kills`` disturbances at random instants of runs of the real command line; each must end in the same store."""
    seed = random.randrange(1 << 32) if seed is None else seed
    figures = Figures(f"SIGKILL of the run, a worker, ffmpeg in turn, SIGSTOP of a worker (seed {seed})")
    begun = time.monotonic()
    chance = random.Random(seed)
    clips, expected, length = undisturbed(folder)
    options = (*OPTIONS, "--workers", str(workers))
    for number in range(kills):
        victim = victims[number % len(victims)]
        attempt = _Attempt(clips, folder / f"store{number}", victim, options)
        # Decoding is done early, while TensorFlow is still loading.
        latest = _PROLOGUE_SECONDS if victim == "ffmpeg" else length
        figures.violations += attempt.run(chance.uniform(_PROLOGUE_SECONDS, latest), expected=expected)
        figures.tried += attempt.was_reached
        shutil.rmtree(attempt.store, ignore_errors=True)
    figures.seconds = time.monotonic() - begun
    return figures


@dataclass(slots=True)
class _Attempt:
    """One disturbed run."""

    clips: Path
    store: Path
    victim: str
    options: Sequence[str]
    was_reached: bool = False
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    """Every process that the run was seen to have."""

    def run(self, moment_seconds: float, *, expected: Path) -> list[str]:
        """Disturb a run after so long, let it or another one come to the end, and say what is wrong."""
        with start("extract", self.clips, self.store, *self.options, **SLOW) as process:
            code = self._disturb(process, moment_seconds)
        wrong = [f"a process is left: {one}" for one in self._left()]
        if _is_locked(self.store):
            wrong.append("the store is still locked")
        if code == 3 and differences(self.store, expected):
            wrong.append("this run's store is another than that of an undisturbed one")
        if code not in (3, -signal.SIGKILL):
            wrong.append(f"exit code {code}")
        again = audiofeat("extract", self.clips, self.store, *self.options)
        if again.code != 3:
            wrong.append(f"the next run ends with {again.code}: {again.err}")
        elif names := differences(self.store, expected):
            wrong.append(f"the next run's store differs in {', '.join(names)}")
        wrong += [f"{path} is left" for path in self.store.rglob("*.partial")]
        return [f"{self.victim} after {moment_seconds:.3f} s: {what}" for what in wrong]

    def _disturb(self, process: subprocess.Popen[str], moment_seconds: float) -> int:
        """Watch a run, disturb it once, see it end; its exit code."""
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < PATIENCE_SECONDS:
            members = self._watch(process)
            if not self.was_reached and time.monotonic() - began >= moment_seconds:
                self.was_reached = self._strike(process, members)
            time.sleep(0.005)
        process.kill()
        process.communicate()
        return process.returncode

    def _left(self) -> list[psutil.Process]:
        """What has outlived the run. A dead orphan is for the system to reap, not for a run that was killed."""
        _, left = psutil.wait_procs(list(self.seen.values()), timeout=_GONE_SECONDS)
        return [one for one in left if self.victim != "run" or not is_zombie(one)]

    def _watch(self, process: subprocess.Popen[str]) -> list[psutil.Process]:
        with suppress(psutil.Error):
            members = psutil.Process(process.pid).children(recursive=True)
            self.seen.update((member.pid, member) for member in members)
            return members
        return []

    def _strike(self, process: subprocess.Popen[str], members: list[psutil.Process]) -> bool:
        """Whether there was somebody to disturb."""
        with suppress(psutil.Error):
            if self.victim == "run":
                process.kill()
                return True
            name = "ffmpeg" if self.victim == "ffmpeg" else "python"
            found = (member for member in members if name in member.name().lower())
            # Not one that only says its version: which decoder a run records is another question.
            one = next((member for member in found if "-version" not in member.cmdline()), None)
            if one is not None and self.victim == "frozen":
                one.suspend()
                time.sleep(0.5)
                one.resume()
            elif one is not None:
                one.kill()
            return one is not None
        return False


def _is_locked(store: Path) -> bool:
    lock = store / ".state/lock"
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
