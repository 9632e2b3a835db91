"""Rows 2 to 20: what stands where a file should be, files that cannot be read, and files that are no sound.

Errors of the system are had from ``hooks/sitecustomize.py``, by the names that :data:`MISHAPS` gives it.
"""

from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from faults.inputs.case import BadInput
from running import write_clip

MISHAPS = {
    "AUDIOFEAT_TEST_OPEN_ERRORS": "EACCES=row2/locked.wav,ENOENT=row12/vanished.wav,ESTALE=row14/stale.wav",
    "AUDIOFEAT_TEST_BAD_SECTOR": "row13/bad_sector.wav",
}
"""What befalls the worker processes that read the data set."""

DEBRIS = ("._x.wav", ".DS_Store", "Thumbs.db", "x.wav~", "x.wav.part", "x.wav.crdownload", "~$x.wav")
"""Names, in the folder ``row18``, of files that are no clips."""


def _sound(path: Path) -> None:
    write_clip(path, seed=0)


def _of(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def _long_sound(path: Path) -> None:
    write_clip(path, seed=13, seconds=4.0)  # more than what is read at once


def _socket(path: Path) -> None:
    # The path of a socket must be short, and this one's need not be.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def _link_outside(path: Path) -> None:
    target = path.parents[2] / "elsewhere.wav"
    _sound(target)
    path.symlink_to(target)


def _beside_a_loop(path: Path) -> None:
    _sound(path)
    (path.parent / "again").symlink_to(".")


def _linked(path: Path) -> None:
    os.link(path.with_name("one.wav"), path)


def _terabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWAVE")
        file.truncate(10**12)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.wav", b"RIFF")
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x.wav"))
    return file.getvalue()


_PAGE = b"<!DOCTYPE html><title>404 Not Found</title>"
_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 84977953\n"

INPUTS: tuple[BadInput, ...] = (
    BadInput(2, "row2/locked.wav", _sound, "io.permission", ("no permission",)),
    BadInput(3, "row3/empty.wav", _of(b""), "input.empty", ("0 bytes",)),
    # A folder is one whatever it is called; where a manifest names it as a file, it is refused.
    BadInput(4, "row4/folder.wav/inside.wav", _sound, None, frames=8_000),
    BadInput(5, "row5/pipe.wav", os.mkfifo, "io.not-regular", ("a FIFO",)),
    BadInput(6, "row6/door.wav", _socket, "io.not-regular", ("a socket",)),
    BadInput(6, "row6/zero.wav", lambda path: path.symlink_to("/dev/zero"), "io.not-regular", ("a character device",)),
    BadInput(7, "row7/link.wav", lambda path: path.symlink_to("gone/away.wav"), "io.not-found", ("'gone/away.wav'",)),
    # Link farms and caches are common: a link is followed wherever it leads, unless --no-follow is given.
    BadInput(8, "row8/outside.wav", _link_outside, None, frames=8_000),
    BadInput(9, "row9/beside.wav", _beside_a_loop, None, frames=8_000),
    BadInput(9, "row9/round.wav", lambda path: path.symlink_to(path.name), "io.read", ("symbolic links",)),
    BadInput(10, "row10/one.wav", _sound, None, frames=8_000),
    BadInput(10, "row10/two.wav", _linked, None, frames=8_000),
    BadInput(12, "row12/vanished.wav", _sound, "io.not-found", ("does not exist",)),
    BadInput(13, "row13/bad_sector.wav", _long_sound, "io.read", ("Input/output error",)),
    BadInput(14, "row14/stale.wav", _sound, "io.read", ("Stale file handle",)),
    BadInput(15, "row15/terabyte.wav", _terabyte, "limit.bytes", ("1,000,000,000,000 bytes", "was not read")),
    BadInput(16, "row16/pointer.wav", _of(_LFS), "input.lfs-pointer", ("git-lfs",)),
    BadInput(
        17, "row17/page.mp3", _of(b"<!DOCTYPE html><title>404</title>"), "input.not-audio", ("HTML", "'<!DOCTYPE")
    ),
    BadInput(
        17, "row17/answer.mp3", _of(b'{"error": "gone"}'), "input.not-audio", ("JSON text", """'{"error": "gone"}'""")
    ),
    BadInput(19, "row19/zip.wav", _of(_zip()), "input.not-audio", ("ZIP archive",)),
    BadInput(19, "row19/tar.wav", _of(_tar()), "input.not-audio", ("tar archive",)),
    BadInput(19, "row19/gzip.wav", _of(gzip.compress(b"RIFF")), "input.not-audio", ("gzip",)),
    BadInput(19, "row19/7z.wav", _of(b"7z\xbc\xaf\x27\x1c" + bytes(40)), "input.not-audio", ("7z archive",)),
    BadInput(20, "row20/closed/one.wav", _sound, None, frames=8_000),
    BadInput(20, "row20/closed/deep/two.wav", _of(b"gone"), "input.not-audio", ("text",)),
    BadInput(20, "row20/open.wav", _sound, None, frames=8_000),
)
