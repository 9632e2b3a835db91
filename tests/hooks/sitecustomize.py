"""Mishaps on order, for tests: Python imports a module of this name first thing, where PYTHONPATH leads to it.

Each has an environment variable that asks for it, and all but the last befall worker processes only:

- ``AUDIOFEAT_TEST_CRASH_ON``: opening a path that contains this text ends the process by SIGSEGV, as a decoder would,
  or HDF5 with a shard.
- ``AUDIOFEAT_TEST_FAIL_ON``: opening a path that contains this text raises an exception that nobody foresaw.
- ``AUDIOFEAT_TEST_FSYNC_SECONDS``: how long each fsync takes, so that a run lasts long enough to be disturbed.
- ``AUDIOFEAT_TEST_SOUNDFILE``: the version that soundfile goes by, as if it had been upgraded.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

_CRASH_ON = os.environ.get("AUDIOFEAT_TEST_CRASH_ON")
_FAIL_ON = os.environ.get("AUDIOFEAT_TEST_FAIL_ON")
_FSYNC_SECONDS = float(os.environ.get("AUDIOFEAT_TEST_FSYNC_SECONDS", "0"))

_open, _dup, _fsync = os.open, os.dup, os.fsync


def _open_or_not(path: Any, *arguments: Any, **options: Any) -> int:
    name = str(path)
    if _CRASH_ON and _CRASH_ON in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if _FAIL_ON and _FAIL_ON in name:
        raise RuntimeError(f"nobody foresaw {name}")
    return _open(path, *arguments, **options)


def _dup_or_not(descriptor: int) -> int:
    """The package duplicates the descriptors of shards that HDF5 has opened, and HDF5 opens without Python."""
    if _CRASH_ON and _CRASH_ON in os.readlink(f"/proc/self/fd/{descriptor}"):
        os.kill(os.getpid(), signal.SIGSEGV)
    return _dup(descriptor)


def _slow_fsync(descriptor: Any) -> None:
    time.sleep(_FSYNC_SECONDS)
    _fsync(descriptor)


if "AUDIOFEAT_TEST_SOUNDFILE" in os.environ:
    import soundfile

    soundfile.__version__ = os.environ["AUDIOFEAT_TEST_SOUNDFILE"]

if any("audiofeat.engine.worker" in argument for argument in sys.orig_argv):
    if _CRASH_ON or _FAIL_ON:
        os.open, os.dup = _open_or_not, _dup_or_not
    if _FSYNC_SECONDS:
        os.fsync = _slow_fsync
