"""What a source file is, whatever its name: the digest of its bytes, and what the file system said of it then."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from blake3 import blake3

from audiofeat.decode import SourceFile
from audiofeat.errors import ClipError
from audiofeat.records import Fingerprint

# The time is that of the inode's last change (ctime), which nobody can set: a modification time may be restored by
# tar, or fixed for every file by a build. A file written twice within one tick of the file system's clock can keep
# it: so it is trusted only once it lies this far in the past of the moment at which the bytes were read.
TRUSTED_AGE_NS = 2_000_000_000


def is_trusted(fingerprint: Fingerprint, *, read_at_ns: int) -> bool:
    """Whether the same size, time and inode will mean the same bytes, given when the bytes were read."""
    return fingerprint.ctime_ns < read_at_ns - TRUSTED_AGE_NS


def fingerprint_of(path: str) -> Fingerprint | None:
    """What the file system says of a file now; None where it says nothing."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Fingerprint(status.st_size, status.st_ctime_ns, status.st_ino)


def identify(path: str) -> tuple[str, Fingerprint] | None:
    """The digest and the fingerprint of the file at ``path``; None where its bytes cannot be read."""
    with suppress(OSError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size == 0:
            return str(blake3(b"").hexdigest()), Fingerprint(0, status.st_ctime_ns, status.st_ino)
    try:
        file = SourceFile(path)
    except ClipError:
        return None
    try:
        return file.digest(), Fingerprint(file.size_bytes, file.ctime_ns, file.inode)
    except ClipError:
        return None
    finally:
        file.close()
