"""All that a run does to the disk, recorded, and what of it a power cut may leave.

What a file system promises, and no more: bytes that were fsynced stay; so does a name once its folder was fsynced; a
rename is one step. Bytes that were not are there, or are not, or in part, or as zeros; names come and go in any
order, or in the order in which they were given, up to any of them.
"""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.disk import Call
from faults.mutations import Mutation, unchanged

_Entry = tuple[int, str]
"""A folder's number and a name in it."""


@dataclass(slots=True)
class _Step:
    """One thing done: bytes written, names changed, something made durable, or a word said to the user."""

    kind: str
    item: int = 0
    position: int = 0
    content: bytes = b""
    names: tuple[tuple[_Entry, int | None], ...] = ()
    """Names given (to the item of that number) and taken away (None)."""
    word: str = ""


@dataclass(slots=True)
class Tape:
    """A recorded run. Files and folders go by numbers of their own, since the system uses its own again."""

    root: int = 0
    files: dict[int, bytes] = field(default_factory=dict)
    """Those that were there before, as they were; they are durable, and so are their names."""
    folders: set[int] = field(default_factory=set)
    entries: dict[_Entry, int] = field(default_factory=dict)
    steps: list[_Step] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Path) -> Tape:
        """A tape that begins with the store as it is."""
        tape = cls()
        store.mkdir(parents=True, exist_ok=True)
        tape.root = tape._new(str(store), is_folder=True)
        for path in sorted(store.rglob("*")):
            inode = path.stat().st_ino
            if inode not in tape._numbers:
                number = tape._new(str(path), is_folder=path.is_dir())
                if path.is_file():
                    tape.files[number] = path.read_bytes()
            tape.entries[tape._entry(str(path))] = tape._numbers[inode]
        return tape

    def hook(self, mutation: Mutation = unchanged) -> Callable[[Call, Callable[[], Any]], Any]:
        """What records each call that goes through."""

        def record(call: Call, make: Callable[[], Any]) -> Any:
            return mutation(call, lambda: self._made(call, make))

        return record

    def say(self, word: str) -> None:
        """The run has reported something."""
        self.steps.append(_Step("said", word=word))

    def _new(self, path: str, *, is_folder: bool) -> int:
        number = len(self._numbers) + len(self.steps) + 1_000 * len(self.folders)
        while number in self.folders or number in self.files or number in self._numbers.values():
            number += 1
        self._numbers[os.stat(path).st_ino] = number
        if is_folder:
            self.folders.add(number)
        return number

    def _entry(self, path: str) -> _Entry:
        return self._numbers[os.stat(os.path.dirname(path)).st_ino], os.path.basename(path)

    def _number(self, call: Call) -> int:
        inode = os.fstat(call.descriptor).st_ino if call.descriptor >= 0 else os.lstat(call.path).st_ino
        return self._numbers[inode]

    def _made(self, call: Call, make: Callable[[], Any]) -> Any:
        if call.name in ("write", "pwrite", "ftruncate", "fsync"):
            return self._bytes(call, make)
        entry = self._entry(call.path)
        if call.name in ("open", "mkdir"):
            result = make()
            number = self._new(call.path, is_folder=call.name == "mkdir")
            names: tuple[tuple[_Entry, int | None], ...] = ((entry, number),)
        elif call.name in ("unlink", "rmdir"):
            result = make()
            names = ((entry, None),)
        else:
            number = self._number(call)
            target = self._entry(call.target)
            result = make()
            names = ((target, number),) if call.name == "link" else ((target, number), (entry, None))
        self.steps.append(_Step("names", names=names))
        return result

    def _bytes(self, call: Call, make: Callable[[], Any]) -> Any:
        number = self._number(call)
        position = os.lseek(call.descriptor, 0, os.SEEK_CUR) if call.name == "write" else call.position
        result = make()
        content = call.content[:result] if call.name.endswith("write") else b""
        kind = {"fsync": "durable", "ftruncate": "cut"}.get(call.name, "bytes")
        self.steps.append(_Step(kind, number, position, content))
        return result

    def said_before(self, stop: int) -> list[str]:
        return [step.word for step in self.steps[:stop] if step.kind == "said"]

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self))

    def after_power_cut(self, place: Path, *, stop: int, chance: random.Random) -> None:
        """Make at ``place`` a store that a power cut before step ``stop`` may have left."""
        steps = self.steps[:stop]
        entries = self._names_left(steps, chance)
        contents: dict[int, bytes] = {}
        made: dict[int, Path] = {}

        def fill(folder: int, path: Path) -> None:
            path.mkdir(parents=True)
            for (parent, name), number in sorted(entries.items()):
                if parent != folder:
                    continue
                if number in self.folders:
                    fill(number, path / name)
                elif number in made:
                    (path / name).hardlink_to(made[number])
                else:
                    if number not in contents:
                        contents[number] = self._bytes_left(number, steps, chance)
                    (path / name).write_bytes(contents[number])
                    made[number] = path / name

        fill(self.root, place)

    def _names_left(self, steps: Sequence[_Step], chance: random.Random) -> dict[_Entry, int]:
        durable_until = {step.item: at for at, step in enumerate(steps) if step.kind == "durable"}
        named = [(at, step) for at, step in enumerate(steps) if step.kind == "names"]
        # A step is durable when the folder of the name that it gives or takes away is fsynced after it.
        loose = [at for at, step in named if durable_until.get(step.names[0][0][0], -1) < at]
        kind = chance.choice(["none", "in order", "any", "all"])
        kept = {
            "none": set[int](),
            "in order": set(loose[: chance.randint(0, len(loose))]),
            "any": {at for at in loose if chance.random() < 0.5},
            "all": set(loose),
        }[kind]
        entries = dict(self.entries)
        for at, step in named:
            if at in kept or at not in loose:
                for entry, number in step.names:
                    if number is None:
                        entries.pop(entry, None)
                    else:
                        entries[entry] = number
        return entries

    def _bytes_left(self, number: int, steps: Sequence[_Step], chance: random.Random) -> bytes:
        durable_until = max(
            (at for at, step in enumerate(steps) if step.kind == "durable" and step.item == number), default=-1
        )
        kept = bytearray(self.files.get(number, b""))
        loose = []
        for at, step in enumerate(steps):
            if step.item == number and step.kind in ("bytes", "cut"):
                if at < durable_until:
                    _apply(step, kept)
                else:
                    loose.append(step)
        whole = bytearray(kept)
        for step in loose:
            _apply(step, whole)
        kind = chance.choice(["lost", "all", "cut", "zeros"])
        if kind == "lost" or whole == kept:
            return bytes(kept)
        if kind == "zeros":
            return bytes(kept) + bytes(max(0, len(whole) - len(kept)))
        return bytes(whole if kind == "all" else whole[: chance.randrange(len(whole) + 1)])


def _apply(step: _Step, content: bytearray) -> None:
    if step.kind == "cut":
        del content[step.position :]
        content.extend(bytes(step.position - len(content)))
        return
    content.extend(bytes(max(0, step.position - len(content))))
    content[step.position : step.position + len(step.content)] = step.content
