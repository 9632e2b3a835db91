"""A fault at each call in turn by which a run changes the disk, and what is true afterwards.

The process ends at the call, or the call fails, once or from then on, or a write takes a part. This is the form
without strace: faults are raised in the process itself, by :mod:`faults.disk`.
"""

from __future__ import annotations

import errno
import itertools
import os
import pickle
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.checking import broken_promises, not_converged
from faults.children import KILLED, Ended, in_child
from faults.disk import Call, Hook, watched
from faults.figures import Figures
from faults.mutations import Mutation, unchanged
from faults.scenes import Scene, scenes
from faults.small_run import run_small

from audiofeat.errors import StorageError

_TAKES_ROOM = {"open", "write", "pwrite", "ftruncate", "fsync", "mkdir", "link"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a call."""

    name: str
    number: int = 0
    """The errno; 0: the process ends, or less is written."""
    is_lasting: bool = False
    """Whether all calls from there on meet it too."""
    calls: Container[str] = frozenset({*_TAKES_ROOM, "rename", "unlink", "rmdir"})
    """The names of those that may meet it."""
    happens_anyway: bool = False
    """Whether the call is made and an error returned all the same, as NFS may do."""

    def befall(self, call: Call, make: Callable[[], Any]) -> Any:
        if self.name == "short write":
            return os.write(call.descriptor, call.content[: max(1, len(call.content) // 2)])
        if self.happens_anyway:
            make()
        if not self.number:
            os._exit(KILLED)
        raise OSError(self.number, os.strerror(self.number), call.path)


KILL = Fault("SIGKILL")
FULL = Fault("ENOSPC from then on", errno.ENOSPC, is_lasting=True, calls=_TAKES_ROOM)
FAULTS = (
    KILL,
    Fault("ENOSPC once", errno.ENOSPC, calls=_TAKES_ROOM),
    FULL,
    Fault("EIO once", errno.EIO),
    Fault("EIO from then on", errno.EIO, is_lasting=True),
    Fault("EDQUOT once", errno.EDQUOT, calls=_TAKES_ROOM),
    Fault("EFBIG once", errno.EFBIG, calls={"write", "pwrite", "ftruncate"}),
    Fault("EROFS from then on", errno.EROFS, is_lasting=True),
    Fault("EACCES once", errno.EACCES, calls={"open", "mkdir", "link", "rename", "unlink", "rmdir"}),
    Fault("short write", calls={"write"}),
    Fault("EIO though it happened", errno.EIO, calls={"rename", "link", "unlink"}, happens_anyway=True),
)


def calls_of(scene: Scene, store: Path, *, mutation: Mutation = unchanged) -> list[tuple[Call, str]]:
    """The calls of a run that nothing disturbs, and what makes them."""
    noted = store.with_name("calls")

    def run() -> None:
        calls: list[tuple[Call, str]] = []

        def note(call: Call, make: Callable[[], Any]) -> Any:
            calls.append((call, call.site))
            return mutation(call, make)

        with watched(store, note):
            run_small(scene.source, store, scene.store_format)
        noted.write_bytes(pickle.dumps(calls))

    scene.begin(store)
    ended = in_child(run)
    if ended.status != 0:
        raise AssertionError(ended.said)
    calls: list[tuple[Call, str]] = pickle.loads(noted.read_bytes())
    return calls


def sweep(
    scene: Scene,
    folder: Path,
    figures: Figures,
    *,
    faults: Iterable[Fault] = FAULTS,
    stride: int = 1,
    first: int = 0,
    mutation: Mutation = unchanged,
) -> None:
    """Each fault at every ``stride``-th call of the scene's run, from call ``first`` on."""
    calls = calls_of(scene, folder / "counted", mutation=mutation)
    for fault in faults:
        for number in range(first % stride, len(calls), stride):
            call, site = calls[number]
            if call.name in fault.calls:
                figures.tried += 1
                where = f"{scene.name}: {fault.name} at call {number}, {site}"
                found = disturbed(scene, folder, fault, number, mutation=mutation)
                figures.violations += [f"{where}: {what}" for what in found]


def disturbed(
    scene: Scene, folder: Path, fault: Fault, number: int, *, mutation: Mutation = unchanged
) -> Iterator[str]:
    """What is wrong after a run with a fault at call ``number``, and after the next run."""
    store, log = scene.begin(folder / "store"), folder / "log"
    log.unlink(missing_ok=True)

    def note(word: str) -> None:
        with open(log, "a") as file:
            file.write(f"{word}\n")

    def hook() -> Hook:
        numbers = itertools.count()
        failed = ""

        def befalls(call: Call, make: Callable[[], Any]) -> Any:
            nonlocal failed
            index = next(numbers)
            if call.name == "fsync" and call.path == failed:
                note("fsync-again")
            if call.name in fault.calls and (index == number or (fault.is_lasting and index > number)):
                if index == number:
                    note("reached")
                    failed = call.path if call.name == "fsync" and os.path.isfile(call.path) else ""
                return fault.befall(call, make)
            return mutation(call, make)

        return befalls

    def run() -> None:
        with watched(store, hook()):
            run_small(scene.source, store, scene.store_format, reported=lambda slot: note(slot or "finished"))

    ended = in_child(run)
    words = log.read_text().split() if log.exists() else []
    if "reached" not in words:
        yield f"the call was not reached: {ended.said}"
    if "fsync-again" in words:
        yield "what could not be made durable was tried once more: the system may have dropped the bytes"
    yield from _not_told(ended, fault, store)
    shards = scene.shards()
    promised = [shards[word] for word in words if word in shards]
    yield from broken_promises(store, promised=promised, must_be_whole=scene.was_finished or "finished" in words)
    yield from not_converged(store, scene.source, scene.expected, scene.store_format)


def _not_told(ended: Ended, fault: Fault, store: Path) -> Iterator[str]:
    """What a run that met a fault should have said or done and did not."""
    if not fault.number:
        wanted = 0 if fault.name == "short write" else KILLED
        if ended.status != wanted:
            yield f"ended with {ended.status}: {ended.said}"
        return
    if ended.status not in (0, StorageError.exit_code):
        yield f"ended with {ended.status}: {ended.said}"
    if ended.status == StorageError.exit_code and str(store) not in ended.said:
        yield f"no path in: {ended.said}"
    if "unlink" not in fault.calls or fault.happens_anyway:
        for left in store.rglob("*.partial"):
            yield f"{left} was left"


def torture(folder: Path, *, scale: float = 1.0) -> Figures:
    """Every fault at every call of every scene; at a smaller scale, at fewer calls."""
    figures = Figures("a fault at every call of a run, raised in the process")
    begun = time.monotonic()
    for number, scene in enumerate(scenes(folder / "scenes")):
        sweep(scene, folder, figures, stride=max(1, round(1 / scale)), first=number)
    figures.seconds = time.monotonic() - begun
    return figures
