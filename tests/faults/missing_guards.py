"""What guards a store, taken out of the package, to see whether anybody would notice.

Each guard has a check, which finds nothing as long as the guard is there, and something without it.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from faults.checking import broken_promises, not_converged
from faults.children import KILLED, in_child
from faults.figures import Figures
from faults.mutations import copying_for_renaming
from faults.scenes import Scene
from faults.small_run import run_small
from faults.sweep_power import cut_power
from running import differences

from audiofeat import pipeline
from audiofeat.errors import LockedError
from audiofeat.store import commits, lock, publish
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import remove

_RENAMES = (2, 3)
"""Manifest, quarantine and description come to their places: what lies between them is of two states."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A part of the package without which a fault costs what was finished."""

    name: str
    taken_out: Callable[[], AbstractContextManager[object]]
    """Within it, the package does without, also in processes forked then."""
    check: Callable[[Scene, Path], Iterator[str]]
    """What is wrong with the package as it is."""


def torture(folder: Path, scenes: list[Scene]) -> Figures:
    """Each guard of runs that update a store: its check finds nothing with it, and something without."""
    figures = Figures("a rename, the lock, a digest, the order of publication left out, to be noticed")
    begun = time.monotonic()
    for scene in scenes:
        if scene.was_finished:
            for guard in GUARDS:
                figures.tried += 1
                figures.violations += not_guarded(guard, scene, folder)
    figures.violations += copied_unnoticed(scenes, folder)
    figures.tried += 1
    figures.seconds = time.monotonic() - begun
    return figures


def not_guarded(guard: Guard, scene: Scene, folder: Path) -> Iterator[str]:
    """What the guard's check finds in the package as it is; and if it finds nothing without the guard, that."""
    yield from (f"{scene.name}: {guard.name}: {what}" for what in guard.check(scene, folder))
    with guard.taken_out():
        if not any(guard.check(scene, folder)):
            yield f"{scene.name}: nobody misses {guard.name}"


def copied_unnoticed(scenes: list[Scene], folder: Path) -> Iterator[str]:
    """That power cuts show nothing of a file copied to its place, if so. (Kills do not: digests make that good.)"""
    update = next(scene for scene in scenes if scene.was_finished)
    found = Figures("")
    cut_power(update, folder, found, states=8, mutation=copying_for_renaming)
    if not found.violations:
        yield f"{update.name}: nobody misses the renames"


# What is looked at


def _two_write_at_once(scene: Scene, folder: Path) -> Iterator[str]:
    store = scene.begin(folder / "store")
    with open(store / ".state/lock", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = in_child(lambda: run_small(scene.source, store, scene.store_format))
    if ended.status != LockedError.exit_code:
        yield f"a second run ended with {ended.status}"


def _believed_though_damaged(scene: Scene, folder: Path) -> Iterator[str]:
    """A digit of a commit record that has become another one must not become another store."""
    store = scene.begin(folder / "store")
    in_child(lambda: _end_at(1, "publish", scene, store))
    for record in sorted((store / ".state/commits").iterdir()):
        content = bytearray(record.read_bytes())
        column = b'"frames": ['
        at = content.index(column) + len(column)
        content[at] ^= 1
        record.write_bytes(content)
    yield from not_converged(store, scene.source, scene.expected, scene.store_format)


def _lost_between_renames(scene: Scene, folder: Path) -> Iterator[str]:
    for number in _RENAMES:
        store, slots = scene.begin(folder / "store"), folder / "slots"
        in_child(lambda: _end_at(number, "commit", scene, store))  # noqa: B023  # which is done before the next one
        where = f"killed before rename {number}"
        yield from (f"{where}: {what}" for what in broken_promises(store, promised=(), must_be_whole=True))
        slots.write_text("")

        def note(slot: str) -> None:
            with open(slots, "a") as file:  # noqa: B023  # used up within this turn of the loop
                file.write(slot)

        ended = in_child(lambda: run_small(scene.source, store, scene.store_format, reported=note))  # noqa: B023  # as above
        if ended.status != 0:
            yield f"{where}: the next run ended with {ended.status}: {ended.said}"
        if slots.read_text():
            yield f"{where}: the next run wrote shards again"
        if different := differences(store, scene.expected):
            yield f"{where}: the next run left other bytes in {', '.join(different)}"


def _end_at(number: int, function: str, scene: Scene, store: Path) -> None:
    """A run that ends, as if killed, at the ``number``-th call of a function of the module that publishes."""
    real, calls = getattr(publish, function), itertools.count(1)

    def called(*arguments: Any, **named: Any) -> Any:
        if next(calls) == number:
            os._exit(KILLED)
        return real(*arguments, **named)

    with patch.object(publish, function, called):
        run_small(scene.source, store, scene.store_format)


# How it is taken out


def _without_lock() -> AbstractContextManager[object]:
    return patch.object(lock, "_take", lambda paths, descriptor: None)


def _without_digest_of_records() -> AbstractContextManager[object]:
    def read(path: Path) -> dict[str, Any] | None:
        with suppress(OSError, ValueError):
            values: dict[str, Any] = json.loads(path.read_bytes())["values"]
            return values
        return None

    return patch.object(commits, "read_checked_json", read)


def _without_rolling_forward() -> AbstractContextManager[object]:
    return patch.object(pipeline, "roll_forward", lambda paths: None)


@contextmanager
def _with_description_first() -> Iterator[None]:
    def roll_forward(paths: StorePaths) -> None:
        if (paths.pending / paths.store_json.name).exists():
            for final in (paths.store_json, paths.manifest, paths.quarantine):
                publish.commit(paths.pending / final.name, final)
        remove(paths.pending)

    with ExitStack() as stack:
        for module in (publish, pipeline):
            stack.enter_context(patch.object(module, "roll_forward", roll_forward))
        yield


GUARDS = (
    Guard("the lock", _without_lock, _two_write_at_once),
    Guard("the digest of commit records", _without_digest_of_records, _believed_though_damaged),
    Guard("the end of an interrupted publication", _without_rolling_forward, _lost_between_renames),
    Guard("that store.json comes last", _with_description_first, _lost_between_renames),
)
