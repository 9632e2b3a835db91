"""Scan a folder: every audio file below it becomes one clip, and whatever is left out is counted.

Folders are walked with an explicit stack over ``os.scandir``, so neither depth nor a million files matter. Links are
followed, as caches and link farms are common; a link that leads back to a folder above itself would be walked for ever,
so it is left out and listed.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from audiofeat.errors import SourceError
from audiofeat.records import Clip
from audiofeat.source.audio_names import is_audio, is_hidden
from audiofeat.source.keys import key_of, source_text
from audiofeat.source.listing import Listing, sort_clips

_FolderId = tuple[int, int]  # device and inode


def scan_folder(root: str, *, follow_links: bool = True, keep_suffix: bool = False) -> Listing:
    """List the audio files below ``root``. The result does not depend on the order in which the system lists them.

    A link that leads nowhere, a FIFO or an unreadable file with an audio suffix is a clip too: the decoder says what is
    wrong with it, and it ends in the quarantine. What cannot be examined has size, time and inode 0.

    Raises:
        SourceError: ``root`` is missing, not a folder, or cannot be listed.
    """
    check_folder(root)
    try:
        os.scandir(root).close()
    except OSError as error:
        raise _cannot_be_listed(root, error) from error
    scan = _Scan(root=root, follow_links=follow_links, keep_suffix=keep_suffix)
    pending = [_Folder(path="", above=frozenset())]
    while pending:
        pending.extend(scan.list_folder(pending.pop()))
    return Listing(
        root=root,
        clips=sort_clips(scan.clips),
        kind="folder",
        meta_names=("folder",),
        folders=scan.folders,
        hidden=scan.hidden,
        not_audio=scan.not_audio,
        links_refused=scan.links_refused,
        loops=sorted(scan.loops),
        unreadable=sorted(scan.unreadable),
        dangling=sorted(scan.dangling),
    )


def check_folder(root: str) -> None:
    """Refuse a source that is no folder.

    Raises:
        SourceError: ``root`` is missing, a file, or cannot be examined.
    """
    try:
        mode = os.stat(root).st_mode
    except FileNotFoundError:
        raise SourceError(
            f"the source {root!r} does not exist (looked for from {os.getcwd()!r})",
            hint="check the path; one in a configuration file is relative to that file",
        ) from None
    except OSError as error:
        raise _cannot_be_listed(root, error) from error
    if not stat.S_ISDIR(mode):
        hint = f"name its folder, {os.path.dirname(root) or '.'!r}" if stat.S_ISREG(mode) else "name a folder"
        raise SourceError(f"the source {root!r} is not a folder", hint=hint)


def _cannot_be_listed(root: str, error: OSError) -> SourceError:
    return SourceError(
        f"the source {root!r} cannot be listed: {error.strerror}", hint="check its permissions and its mount"
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to list: its path, '' or ending in a slash, and the identities of those it was reached through."""

    path: str
    above: frozenset[_FolderId]


@dataclass(slots=True)
class _Scan:
    """A listing that is growing."""

    root: str
    follow_links: bool
    keep_suffix: bool
    clips: list[Clip] = field(default_factory=list)
    folders: int = 0
    hidden: int = 0
    not_audio: int = 0
    links_refused: int = 0
    loops: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)

    def list_folder(self, folder: _Folder) -> list[_Folder]:
        """Add the files of one folder and return the folders that it holds."""
        location = os.path.join(self.root, folder.path)
        below: list[str] = []
        clips: list[Clip] = []
        dangling: list[str] = []
        meta = (source_text(folder.path.rstrip("/")),)  # one object for all clips of the folder
        try:
            status = os.stat(location)
            this = (status.st_dev, status.st_ino)
            if this in folder.above:
                self.loops.append(meta[0])
                return []
            with os.scandir(location) as entries:
                for entry in entries:
                    if is_hidden(entry.name):
                        self.hidden += 1
                    elif not self.follow_links and entry.is_symlink():
                        self.links_refused += 1
                    elif _is_folder(entry):
                        below.append(entry.name)
                    elif is_audio(entry.name):
                        clips.append(self._clip(entry, path=folder.path + entry.name, meta=meta))
                    else:
                        self.not_audio += 1
                        if entry.is_symlink() and not os.path.exists(entry.path):
                            dangling.append(source_text(folder.path + entry.name))
        except OSError:  # no permission, a name too long, a disk error half-way: all or nothing, and said
            self.unreadable.append(meta[0])
            return []
        self.folders += 1
        self.clips.extend(clips)
        self.dangling.extend(dangling)
        above = folder.above | {this}
        return [_Folder(path=f"{folder.path}{name}/", above=above) for name in below]

    def _clip(self, entry: os.DirEntry[str], *, path: str, meta: tuple[str]) -> Clip:
        key = key_of(path, keep_suffix=self.keep_suffix)
        try:
            status = entry.stat()
        except OSError:  # a dangling or circular link, or just removed: the decoder will say which
            return Clip(key=key, path=path, size_bytes=0, ctime_ns=0, inode=0, meta=meta)
        return Clip(
            key=key,
            path=path,
            size_bytes=status.st_size,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
            meta=meta,
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circular link, or one through a closed folder: no folder that could be listed
        return False
