"""One writer at a time: a lock on ``.state/lock`` that the system lets go of when its holder dies.

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

# What a file system without locks answers: the run goes on without one.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def store_lock(paths: StorePaths) -> Iterator[None]:
    """Hold the store's lock.

    Raises:
        LockedError: another process holds it.
        StorageError: the store's folder cannot be made or written.
    """
    make_folder(paths.state)
    with storage_errors(paths.lock):
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(paths, descriptor)
        # For those who come meanwhile and find the store locked, and a mark of ours that outlives a power cut. A disk
        # that refuses it has no worse to say.
        with suppress(OSError):
            holder = f"{HOLDER}{os.getpid()} on {socket.gethostname()}"
            os.ftruncate(descriptor, os.pwrite(descriptor, holder.encode(), 0))
            os.fsync(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(paths: StorePaths, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 4096, 0).decode("utf-8", "replace").strip() or "unknown"
        raise LockedError(
            f"{paths.root} is being written by another run ({holder})",
            hint="wait until it has ended, or name another store",
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            with storage_errors(paths.lock):
                raise
