"""The calls by which this process changes the disk, each shown to a hook before it is made.

``os`` and ``open`` are replaced: a file that Python opens for writing writes by ``os.write`` here, so that the hook
sees what C would have done unseen. A hook lets a call go on, raises in its place, ends the process or leaves it out.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_PATHS = ("mkdir", "unlink", "rmdir")
_TWO_PATHS = ("rename", "replace", "link")
_SITE_NAMES = 6
"""So many functions tell a commit record from a task, both of which are JSON files."""
_DESCRIPTORS = ("fsync", "write", "pwrite", "ftruncate")


@dataclass(frozen=True, slots=True)
class Call:
    """A call about something in the folder that is watched."""

    name: str
    path: str
    target: str = ""
    """The new name, of ``rename`` and ``link``."""
    descriptor: int = -1
    content: bytes = b""
    position: int = 0
    """Of ``pwrite``; the new size, of ``ftruncate``."""

    @property
    def site(self) -> str:
        """Which part of the package wants it, told by the functions that lead there; to be asked within a hook."""
        names = []
        frame = sys._getframe(1)
        while frame is not None and len(names) < _SITE_NAMES:
            if frame.f_globals.get("__name__", "").startswith("audiofeat."):
                names.append(frame.f_code.co_name)
            frame = frame.f_back
        return f"{self.name} in {' < '.join(names)}"


Hook = Callable[[Call, Callable[[], Any]], Any]
"""Given a call and what makes it; what it returns is the call's result."""


@contextmanager
def watched(root: Path, hook: Hook) -> Iterator[None]:
    """Show the hook every call that changes something below ``root``."""
    top = os.path.realpath(root)
    real_open = os.open

    def place(path: Any, dir_fd: int | None = None) -> str:
        name = os.fsdecode(path)
        return (
            os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), name) if dir_fd is not None else os.path.abspath(name)
        )

    def show(call: Call, make: Callable[[], Any]) -> Any:
        return hook(call, make) if f"{call.path}/".startswith(f"{top}/") else make()

    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        def make() -> int:
            return real_open(path, flags, mode, dir_fd=dir_fd)

        at = place(path, dir_fd)
        return int(show(Call("open", at), make) if flags & os.O_CREAT and not os.path.lexists(at) else make())

    def of_path(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def called(path: Any, *rest: Any, dir_fd: int | None = None, **options: Any) -> Any:
            return show(Call(name, place(path, dir_fd)), lambda: real(path, *rest, dir_fd=dir_fd, **options))

        return called

    def of_two(name: str) -> Callable[..., Any]:
        real = getattr(os, name)
        shown = "rename" if name == "replace" else name
        return lambda source, target: show(Call(shown, place(source), place(target)), lambda: real(source, target))

    def of_descriptor(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def called(descriptor: int, content: Any = b"", *rest: Any) -> Any:
            position = rest[0] if rest else content if name == "ftruncate" else 0
            arguments = () if name == "fsync" else (content, *rest)
            data = bytes(content) if name.endswith("write") else b""
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            call = Call(name, path, descriptor=descriptor, content=data, position=position)
            return show(call, lambda: real(descriptor, *arguments))

        return called

    real_builtin = builtins.open

    def file_opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if isinstance(file, int) or "b" not in mode or not set(mode) & set("wxa"):
            return real_builtin(file, mode, *rest, **options)
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_EXCL if "x" in mode else os.O_TRUNC)
        return io.BufferedWriter(_Raw(os.open(file, flags, 0o666)))

    replaced = {"open": opened}
    replaced |= {name: of_path(name) for name in _PATHS}
    replaced |= {name: of_two(name) for name in _TWO_PATHS}
    replaced |= {name: of_descriptor(name) for name in _DESCRIPTORS}
    with patch.multiple(os, **replaced), patch.object(builtins, "open", file_opened):
        yield


class _Raw(io.RawIOBase):
    """An open file whose bytes go through ``os.write``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, content: Any) -> int:
        return os.write(self._descriptor, content)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)
