"""Writing so that no fault at any instant leaves half a file: stage beside the name, fsync, rename, fsync the folder.

Storage faults come out as one :class:`StorageError` that says where and how full the disk is.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audiofeat.errors import ConfigError, StorageError

# What a rename answers where a folder stands already, be it that another run was faster.
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR}
_MOST_ATTEMPTS = 100

PARTIAL_SUFFIX = ".partial"

_WRITE_BYTES = 512 << 10
"""Handed to the system at a time: for 2 MB or more Linux looks for pages as large, and may take three times as long."""


@contextmanager
def storage_errors(path: Path, *, rest: str = "what is finished stays", needs_bytes: int = 0) -> Iterator[None]:
    """Turn an OSError of the block into a StorageError about ``path``; ``rest`` says what became of the rest.

    Args:
        needs_bytes: how much the block writes, where that is known; 0: unknown.
    Raises:
        StorageError: with the system's words and the free space at ``path``.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}{_free_space(path, needs_bytes) if is_full else ''}",
            hint=f"{'make room' if is_full else 'mend that'}, then run the same command again: {rest}",
        ) from error


def _free_space(path: Path, needs_bytes: int) -> str:
    needs = f"needs {needs_bytes / 1e6:,.1f} MB, " if needs_bytes else ""
    for folder in (path, *path.parents):
        with suppress(OSError):
            usage = shutil.disk_usage(folder)
            return f" ({needs}has {usage.free / 1e6:,.1f} MB of {usage.total / 1e6:,.1f} MB free at {folder})"
    return ""


@contextmanager
def staged(folder: Path, *, name: str) -> Iterator[Path]:
    """Yield a path inside ``folder`` to fill, as a file or a folder; what is left of it at the end is removed.

    The block renames what it made to its final name with :func:`commit`. Whatever ends the block otherwise,
    Ctrl-C included, leaves nothing behind.
    """
    partial = folder / f".{name}.{uuid.uuid4().hex[:12]}{PARTIAL_SUFFIX}"
    try:
        yield partial
    finally:
        remove(partial)


def commit(partial: Path, final: Path, *, stands: Callable[[], bool] = lambda: False) -> None:
    """Give a staged and fsynced file or folder its final name, durably.

    Other processes may do the same at the same time.

    Args:
        stands: whether a folder that has the name already, perhaps since a moment ago, is to keep it.
    """
    with storage_errors(final):
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            try:
                _rename(partial, final)
                break
            except OSError as error:
                is_taken = error.errno in _TAKEN and final.is_dir() and not final.is_symlink()
                if not is_taken or attempt == _MOST_ATTEMPTS:
                    raise
            if stands() or _replace_folder(partial, final):
                break
        fsync_folder(final.parent)


def commit_first(partial: Path, final: Path) -> None:
    """Give a staged and fsynced folder its final name, unless another has the name already: of several one is first."""
    with storage_errors(final):
        try:
            _rename(partial, final)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        fsync_folder(final.parent)


def _replace_folder(partial: Path, final: Path) -> bool:
    """Whether ``final`` is now what was ``partial``; else another process came in between.

    A folder cannot be replaced in one step. It is named by its content, so that whatever stands there is the same or
    damaged: nobody reads it between the two renames without checking.
    """
    with staged(final.parent, name=final.name) as aside:
        try:
            _rename(final, aside)
        except FileNotFoundError:
            return False
        try:
            _rename(partial, final)
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in _TAKEN:
                return False
            os.rename(aside, final)
            raise
        return True


def _rename(partial: Path, final: Path) -> None:
    """A rename that is believed to have failed only where it has: over NFS, a request sent twice fails though done."""
    before = os.lstat(partial)
    try:
        os.replace(partial, final)
    except OSError:
        with suppress(OSError):
            if not os.path.lexists(partial) and os.path.samestat(before, os.lstat(final)):
                return
        raise


def write_file(path: Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``: whole, durable, or not at all."""
    with storage_errors(path), staged(path.parent, name=path.name) as partial:
        with open(partial, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        commit(partial, path)


def check_place(path: Path, *, option: str = "") -> None:
    """See that something can be made at ``path``, before the work for it is done.

    Args:
        option: that named it, for the error.
    Raises:
        ConfigError: it has no folder.
        StorageError: nothing can be written there.
    """
    folder, name = path.absolute().parent, f"{option} {path}".lstrip()
    if not folder.is_dir():
        raise ConfigError(f"{name}: there is no folder {path.parent}", hint="make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"{name}: nothing can be written in {path.parent}", hint="name another folder")


def make_folder(path: Path) -> None:
    """Create a folder and those above it, durably."""
    with storage_errors(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            with suppress(FileExistsError):
                folder.mkdir()
            fsync_folder(folder.parent)


def fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


class RecordingFile:
    """A file object for h5py that remembers the first storage fault instead of raising it.

    HDF5 loses errors that happen below it and then crashes the process (measured: a full disk ends every h5py
    program in SIGSEGV). So this file pretends to go on, and :meth:`finish` raises what happened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._position = 0
        self._end = 0
        self._fault: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        wanted = self._end - self._position if size < 0 else size
        content = os.pread(self._descriptor, wanted, self._position)
        self._position += len(content)
        return content

    def readinto(self, buffer: memoryview) -> int:
        count = os.preadv(self._descriptor, [buffer], self._position)
        self._position += count
        return count

    def write(self, content: memoryview) -> int:
        view = memoryview(content).cast("B")
        done = 0
        while done < len(view) and self._fault is None:
            try:
                done += os.pwrite(self._descriptor, view[done : done + _WRITE_BYTES], self._position + done)
            except OSError as error:
                self._fault = error
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self._end = self._position if size is None else size
        if self._fault is None:
            try:
                os.ftruncate(self._descriptor, self._end)
            except OSError as error:
                self._fault = error
        return self._end

    def flush(self) -> None:
        """Nothing is buffered here."""

    @property
    def has_fault(self) -> bool:
        return self._fault is not None

    def check(self) -> None:
        """Raise the first fault that any call met so far."""
        if self._fault is not None:
            raise self._fault

    def finish(self) -> None:
        """Make the file durable and close it. Raises the first fault that any call met."""
        try:
            self.check()
            os.fsync(self._descriptor)
        finally:
            self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
