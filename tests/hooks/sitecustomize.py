"""Mishaps on order, for tests: Python imports a module of this name first thing, where PYTHONPATH leads to it.

Each has an environment variable that asks for it, and all but the last three befall worker processes only:

- ``AUDIOFEAT_TEST_CRASH_ON``: opening a path that contains this text ends the process by SIGSEGV, as a decoder would,
  or HDF5 with a shard.
- ``AUDIOFEAT_TEST_FAIL_ON``: opening a path that contains this text raises an exception that nobody foresaw.
- ``AUDIOFEAT_TEST_OPEN_ERRORS``: ``EACCES=a.wav,ESTALE=b.wav``: what opening a path that contains the text fails with.
- ``AUDIOFEAT_TEST_BAD_SECTOR``: reading a path that contains this text fails with EIO.
- ``AUDIOFEAT_TEST_FSYNC_SECONDS``: how long each fsync takes, so that a run lasts long enough to be disturbed.
- ``AUDIOFEAT_TEST_SOUNDFILE``: the version that soundfile goes by, as if it had been upgraded.
- ``AUDIOFEAT_TEST_CLOSED_FOLDER``: a folder whose path ends in this text cannot be listed: no mode stops root.
- ``AUDIOFEAT_TEST_STAND_IN``: while there is a file of this name, workers are stand-ins (``stand_in``).
- ``AUDIOFEAT_TEST_OTHER_DISK``: nothing below this folder is to be seen, as on a machine that has not mounted it.
- ``AUDIOFEAT_TEST_CLOCK_SECONDS``: how far the wall clock jumps ahead, half of the times that it is asked.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
import time
from typing import Any

_CRASH_ON = os.environ.get("AUDIOFEAT_TEST_CRASH_ON")
_FAIL_ON = os.environ.get("AUDIOFEAT_TEST_FAIL_ON")
_FSYNC_SECONDS = float(os.environ.get("AUDIOFEAT_TEST_FSYNC_SECONDS", "0"))

_OPEN_ERRORS = [each.split("=", 1) for each in os.environ.get("AUDIOFEAT_TEST_OPEN_ERRORS", "").split(",") if each]
_BAD_SECTOR = os.environ.get("AUDIOFEAT_TEST_BAD_SECTOR")
_CLOSED_FOLDER = os.environ.get("AUDIOFEAT_TEST_CLOSED_FOLDER")

_open, _dup, _fsync, _scandir = os.open, os.dup, os.fsync, os.scandir


def _open_or_not(path: Any, *arguments: Any, **options: Any) -> int:
    name = str(path)
    if _CRASH_ON and _CRASH_ON in name:
        # Of this thread, as a real one is: what is sent to the process may reach the main thread some clips later.
        signal.raise_signal(signal.SIGSEGV)
    if _FAIL_ON and _FAIL_ON in name:
        raise RuntimeError(f"nobody foresaw {name}")
    for error, text in _OPEN_ERRORS:
        if text in name:
            number = getattr(errno, error)
            raise OSError(number, os.strerror(number), path)
    return _open(path, *arguments, **options)


def _failing(read: Any) -> Any:
    def read_or_not(descriptor: int, *arguments: Any) -> Any:
        if _BAD_SECTOR and _BAD_SECTOR in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(descriptor, *arguments)

    return read_or_not


def _scandir_or_not(path: Any) -> Any:
    if str(path).rstrip("/").endswith(str(_CLOSED_FOLDER)):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return _scandir(path)


def _dup_or_not(descriptor: int) -> int:
    """The package duplicates the descriptors of shards that HDF5 has opened, and HDF5 opens without Python."""
    if _CRASH_ON and _CRASH_ON in os.readlink(f"/proc/self/fd/{descriptor}"):
        signal.raise_signal(signal.SIGSEGV)
    return _dup(descriptor)


def _slow_fsync(descriptor: Any) -> None:
    time.sleep(_FSYNC_SECONDS)
    _fsync(descriptor)


if "AUDIOFEAT_TEST_OTHER_DISK" in os.environ:
    _exists, _other_disk = os.path.exists, os.environ["AUDIOFEAT_TEST_OTHER_DISK"]
    os.path.exists = lambda path: not str(path).startswith(_other_disk) and _exists(path)

if _CLOSED_FOLDER:
    os.scandir = _scandir_or_not

if "AUDIOFEAT_TEST_CLOCK_SECONDS" in os.environ:
    _time, _time_ns = time.time, time.time_ns
    _jumps = itertools.cycle((0, int(os.environ["AUDIOFEAT_TEST_CLOCK_SECONDS"])))
    time.time = lambda: _time() + next(_jumps)
    time.time_ns = lambda: _time_ns() + next(_jumps) * 10**9

if "AUDIOFEAT_TEST_SOUNDFILE" in os.environ:
    import soundfile

    soundfile.__version__ = os.environ["AUDIOFEAT_TEST_SOUNDFILE"]

if any("audiofeat.engine.worker" in argument for argument in sys.orig_argv):
    if os.path.exists(os.environ.get("AUDIOFEAT_TEST_STAND_IN", "")):
        import stand_in

        stand_in.main()
    if _CRASH_ON or _FAIL_ON or _OPEN_ERRORS:
        os.open, os.dup = _open_or_not, _dup_or_not
    if _BAD_SECTOR:
        os.pread, os.preadv = _failing(os.pread), _failing(os.preadv)
    if _FSYNC_SECONDS:
        os.fsync = _slow_fsync
