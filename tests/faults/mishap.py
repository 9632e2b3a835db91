"""The end of a process, or another one's turn, at its K-th operation on files, by stand-ins for those of ``os``.

The dead do nothing: from then on every operation raises, clean-up included. A power cut takes in addition what was
never fsynced: half of each such file.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_OPERATIONS = ("open", "fsync", "replace", "rename", "mkdir", "rmdir", "unlink", "link", "ftruncate")


class Killed(BaseException):
    """The process is at its end."""


class Mishap:
    """What happens at operation ``number``, counted from 0, and what has happened."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self.seen = 0
        self.is_dead = False
        self.unsynced: set[tuple[int, int]] = set()
        self._number, self._act, self._is_acting = number, act, False

    def count(self) -> None:
        """One operation is about to be done."""
        if self.is_dead:
            raise Killed
        if self._is_acting:
            return
        self.seen += 1
        if self.seen == self._number + 1:
            self._is_acting = True
            try:
                self._act()
            except Killed:
                self.is_dead = True
                raise
            finally:
                self._is_acting = False


def die() -> None:
    raise Killed


@contextmanager
def mishap(number: int, act: Callable[[], None] = die) -> Iterator[Mishap]:
    """The block meets it; Killed does not leave the block."""
    happening = Mishap(number, act)
    with pytest.MonkeyPatch.context() as patch:
        for name in _OPERATIONS:
            patch.setattr(os, name, _counted(name, getattr(os, name), happening))
        patch.setattr(builtins, "open", _counted_open(builtins.open, happening))
        try:
            yield happening
        except Killed:
            if not happening.is_dead:
                raise


def cut_power(folder: Path, unsynced: set[tuple[int, int]]) -> None:
    """Take from the files below ``folder`` what was never made durable."""
    for path in folder.rglob("*"):
        status = path.lstat()
        if path.is_file() and (status.st_dev, status.st_ino) in unsynced:
            os.truncate(path, status.st_size // 2)


def _counted(name: str, real: Callable[..., Any], happening: Mishap) -> Callable[..., Any]:
    def operation(*arguments: Any, **named: Any) -> Any:
        if name != "open" or (len(arguments) > 1 and arguments[1] & (os.O_WRONLY | os.O_RDWR)):
            happening.count()
        result = real(*arguments, **named)
        if name == "open" and len(arguments) > 1 and arguments[1] & os.O_EXCL:
            happening.unsynced.add(_identity(result))
        if name == "fsync":
            happening.unsynced.discard(_identity(arguments[0]))
        return result

    return operation


def _counted_open(real: Callable[..., Any], happening: Mishap) -> Callable[..., Any]:
    def operation(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if not set(mode) & set("wxa+"):
            return real(file, mode, *arguments, **named)
        happening.count()
        opened = real(file, mode, *arguments, **named)
        happening.unsynced.add(_identity(opened.fileno()))
        return opened

    return operation


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
