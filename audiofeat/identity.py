"""What a source file is, whatever its name: the digest of its bytes, and what the file system said of it then."""

from __future__ import annotations

import os

from audiofeat.decode import Shared, SourceFile
from audiofeat.errors import ClipError
from audiofeat.records import Fingerprint, Member

# The time is that of the inode's last change (ctime), which nobody can set: a modification time may be restored by
# tar, or fixed for every file by a build. A file written twice within one tick of the file system's clock can keep
# it: so it is trusted only once it lies this far in the past of the moment at which the bytes were read.
TRUSTED_AGE_NS = 2_000_000_000


def is_trusted(fingerprint: Fingerprint, *, read_at_ns: int) -> bool:
    """Whether the same size, time and inode will mean the same bytes, given when the bytes were read."""
    return fingerprint.ctime_ns < read_at_ns - TRUSTED_AGE_NS


def fingerprint_of(path: str, member: Member | None = None) -> Fingerprint | None:
    """What the file system says of a file now; None where it says nothing."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Fingerprint(status.st_size, status.st_ctime_ns, status.st_ino).at(member)


def identify(
    path: str, member: Member | None = None, *, shared: Shared | None = None, max_bytes: int | None = None
) -> tuple[str | None, Fingerprint] | None:
    """The digest of the bytes of the file at ``path``, or of a member of it, and the fingerprint of that file.

    The digest is None where there are more than ``max_bytes``: such a file is refused by its size, whatever it holds.
    All is None where the bytes cannot be read.
    """
    try:
        file = SourceFile(path, member=member, shared=shared, max_bytes=max_bytes)
    except ClipError as error:
        seen = fingerprint_of(path, member) if error.reason == "limit.bytes" else None
        return (None, seen) if seen is not None else None
    try:
        digest = file.digest() if shared is None else shared.digests.get(file.identity, file.digest)
        return digest, file.fingerprint.at(member)
    except ClipError:
        return None
    finally:
        file.close()
