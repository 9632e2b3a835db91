"""Something done in a forked child, whatever may become of the child."""

from __future__ import annotations

import os
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import NamedTuple

from audiofeat.errors import AudioFeatError

KILLED = 137
"""The status of a child that a hook ended on the spot."""

_PATIENCE_SECONDS = 30


class Ended(NamedTuple):
    """How a child ended."""

    status: int
    """0, the exit code of an AudioFeatError, 1 after any other exception; minus the signal's number."""
    said: str
    """The error or the traceback."""


def in_child(work: Callable[[], object]) -> Ended:
    """Do the work in a child of this process, with none of its memory kept.

    The parent must not have begun any thread: let children do what begins some, as pyarrow's reading and writing does.
    """
    with tempfile.TemporaryFile() as said:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, which only wait here
            child = os.fork()
        if child == 0:
            status = 1
            signal.alarm(_PATIENCE_SECONDS)
            os.fsync = lambda descriptor: None  # a process that ends loses no page of the cache, and the disk is slow
            try:
                work()
                status = 0
            except AudioFeatError as error:
                status = error.exit_code
                os.pwrite(said.fileno(), f"{type(error).__name__}: {error}".encode(), 0)
            except BaseException:  # noqa: BLE001  # the parent hears of it
                os.pwrite(said.fileno(), traceback.format_exc().encode(), 0)
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Ended(status, os.pread(said.fileno(), 1 << 16, 0).decode())
