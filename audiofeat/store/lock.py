"""One writer at a time: a lock on ``.state/lock`` that the system lets go of when its holder dies.

Nothing depends on it for correctness (shards never change once named, and records replace each other whole); it
saves two runs from doing the same work.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from audiofeat.errors import LockedError
from audiofeat.store.layout import HOLDER, StorePaths
from audiofeat.store.staging import make_folder, storage_errors


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
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 4096, 0).decode("utf-8", "replace").strip() or "unknown"
            raise LockedError(
                f"{paths.root} is being written by another run ({holder})",
                hint="wait until it has ended, or name another store",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{HOLDER}{os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
