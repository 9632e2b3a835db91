"""A source file, opened once.

The decoders, the digest and the header checks all work on this one descriptor, so they see the same file, whatever
happens to its name meanwhile. Opening it ourselves gives an errno where a decoder says "System error", and cannot
hang on a FIFO; handing on the descriptor makes every name harmless: ``-i.wav``, ``a:b.wav``, bytes outside UTF-8.

Where the audio lies inside another file (see ``members``), a copy of its bytes stands in for the file; what the file
system says is said of that other one.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time

from blake3 import blake3

from audiofeat.decode import members
from audiofeat.decode.limits import check_size
from audiofeat.decode.shared import Shared
from audiofeat.errors import ClipError
from audiofeat.records import Fingerprint, Member

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_HEAD_BYTES = 1 << 16
_WHOLE_BYTES = 1 << 20
"""Files up to this size are read whole: once for their header, their digest and, of WAV, their samples."""
_BLOCK_BYTES = 1 << 20
_of_this_thread = threading.local()


def _buffer() -> memoryview:
    """One block of this thread's own, used again for each file: fresh memory costs more than the reading itself."""
    if not hasattr(_of_this_thread, "buffer"):
        _of_this_thread.buffer = memoryview(bytearray(_BLOCK_BYTES))
    buffer: memoryview = _of_this_thread.buffer
    return buffer


class SourceFile:
    """The bytes of a regular file, or of a member of one, with their head, or all of a small one, at hand."""

    __slots__ = ("_disk_fd", "_mtime_ns", "fd", "fingerprint", "head", "identity", "opened_at_ns", "size_bytes")

    def __init__(
        self,
        path: str,
        *,
        member: Member | None = None,
        shared: Shared | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """Open ``path`` and read the head of it, or of its ``member``.

        Args:
            max_bytes: the largest file, or member, that is taken; nothing of a larger one is read.

        Raises:
            ClipError: ``io.not-found``, ``io.permission``, ``io.not-regular``, ``io.read``, ``limit.bytes``; for a
                member also ``io.changed``, ``io.space``, ``input.truncated`` or ``input.corrupt``.
        """
        self.opened_at_ns = time.time_ns()
        self.fd = self._disk_fd = _open(path)
        try:
            status = os.fstat(self._disk_fd)
            if not stat.S_ISREG(status.st_mode):
                raise _not_regular(status.st_mode)
            self._mtime_ns = status.st_mtime_ns
            self.fingerprint = Fingerprint(status.st_size, status.st_ctime_ns, status.st_ino)
            """Of the file on disk."""
            self.identity = path, self.fingerprint, member
            """Equal identities, equal bytes, while one process lives."""
            self.size_bytes = status.st_size
            """Of the audio."""
            if member is not None:
                if max_bytes is not None and member.column is None:  # in Parquet only the copy tells the size
                    check_size(member.size_bytes, max_bytes=max_bytes)
                self.fd = self._copy_of(member, path, shared)
                self.size_bytes = os.fstat(self.fd).st_size
            if max_bytes is not None:
                check_size(self.size_bytes, max_bytes=max_bytes)
            self.head = self._pread(self.size_bytes if self.size_bytes <= _WHOLE_BYTES else _HEAD_BYTES, 0)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._disk_fd)
        if self.fd != self._disk_fd:
            os.close(self.fd)

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only at the end of the file."""
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        if offset >= self.size_bytes:  # a header may point 2**63 bytes ahead, which pread does not take
            return b""
        return self._pread(length, offset)

    def digest(self) -> str:
        """The BLAKE3 digest of the whole file, in hex."""
        if len(self.head) == self.size_bytes:
            return blake3(self.head).hexdigest()
        hasher = blake3(self.head)
        offset = len(self.head)
        buffer = _buffer()
        try:
            while count := os.preadv(self.fd, [buffer], offset):
                hasher.update(buffer[:count])
                offset += count
        except OSError as error:
            raise _read_error(error) from error
        return hasher.hexdigest()

    def check_unchanged(self) -> None:
        """Refuse the file if it was written to since it was opened: its samples and digest may not belong together.

        Raises:
            ClipError: ``io.changed``.
        """
        now, size_bytes = os.fstat(self._disk_fd), self.fingerprint.size_bytes
        if now.st_size != size_bytes or now.st_mtime_ns != self._mtime_ns:
            raise ClipError(
                "io.changed",
                f"the file changed while it was read: {size_bytes} bytes when opened, {now.st_size} afterwards",
                hint="run again when nothing writes to it any more",
            )

    def _copy_of(self, member: Member, path: str, shared: Shared | None) -> int:
        try:
            return members.copied(self._disk_fd, path=path, fingerprint=self.fingerprint, member=member, shared=shared)
        except OSError as error:
            raise _read_error(error) from error

    def _pread(self, length: int, offset: int) -> bytes:
        try:
            return os.pread(self.fd, length, offset)
        except OSError as error:
            raise _read_error(error) from error


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS)
    except ValueError as error:  # a NUL byte in the name
        raise ClipError("io.not-found", f"no file can have this name: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise _not_found(path) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ClipError(
                "io.permission", "no permission to read the file", hint="check its mode and owner"
            ) from error
        if error.errno == errno.ENXIO:
            raise _not_regular(0, "a socket or a device") from error
        raise _read_error(error) from error


def _not_found(path: str) -> ClipError:
    try:
        target = os.fsencode(os.readlink(path)).decode("utf-8", "backslashreplace")
    except OSError:
        return ClipError("io.not-found", "the file does not exist", hint="scan the source again")
    return ClipError("io.not-found", f"a symlink to {target!r}, which does not exist", hint="fetch the link's target")


def _not_regular(mode: int, otherwise: str = "a special file") -> ClipError:
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    kind = kinds.get(stat.S_IFMT(mode), otherwise)
    return ClipError("io.not-regular", f"{kind}, not a regular file", hint="leave it out of the source")


def _read_error(error: OSError) -> ClipError:
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return ClipError(
        "io.read", f"the file cannot be read: {reason}", hint="check the disk or the network mount, then run again"
    )
