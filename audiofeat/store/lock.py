"""One writer at a time, or parts of one run: a lock on ``.state/lock`` that the system drops when its holder dies.

Nothing depends on it for correctness (shards never change once named, and records replace each other whole); it
saves two runs from doing the same work.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from audiofeat.errors import LockedError
from audiofeat.store.layout import HOLDER, StorePaths
from audiofeat.store.staging import make_folder, storage_errors

_PART = ", part "
# What a file system without locks answers: the run goes on without one.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def store_lock(paths: StorePaths, *, part: str = "") -> Iterator[None]:
    """Hold the store's lock, against all others; or as a part of a run, against all but other parts.

    Args:
        part: what this process makes of the run, in words; empty: all.
    Raises:
        LockedError: another process holds it.
        StorageError: the store's folder cannot be made or written.
    """
    make_folder(paths.state)
    with storage_errors(paths.lock):
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(paths, descriptor, is_shared=bool(part))
        # For those who come meanwhile and find the store locked, and a mark of ours that outlives a power cut. A disk
        # that refuses it has no worse to say.
        with suppress(OSError):
            holder = f"{HOLDER}{os.getpid()} on {socket.gethostname()}{_PART if part else ''}{part}"
            os.ftruncate(descriptor, os.pwrite(descriptor, holder.encode(), 0))
            os.fsync(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(paths: StorePaths, descriptor: int, *, is_shared: bool) -> None:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 4096, 0).decode("utf-8", "replace").strip() or "unknown"
        # Each part writes its name over the last one's, so that of several only that of the last is known.
        who = f"parts of a run (the last to begin: {holder})" if _PART in holder else f"another run ({holder})"
        raise LockedError(
            f"{paths.root} is being written by {who}",
            hint="wait until it has ended, or name another store",
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            with storage_errors(paths.lock):
                raise
