"""Tar files: each audio file in one is a clip, and stays where it is; only headers are read.

What webdataset packs beside a clip becomes meta values of it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from typing import BinaryIO

from audiofeat.records import Clip, Member, MetaValue
from audiofeat.source.audio_names import is_audio, is_hidden
from audiofeat.source.keys import key_of, source_text
from audiofeat.source.listing import Listing, MetaNames, sort_clips
from audiofeat.source.manifests.cells import RefusedCell, check_key_length
from audiofeat.source.problems import Problems, quoted, unreadable
from audiofeat.source.tar_companions import Companions
from audiofeat.source.tar_members import Entry, read_entries, resolve


def list_tar(path: str, *, keep_suffix: bool) -> Listing:
    """List the audio files in an uncompressed tar file.

    Links to files of the tar are clips too; other links, sparse files and devices are left out and counted. Hidden
    files and other files are left out as in a folder.

    Raises:
        SourceError: it is compressed, no tar, cut off or damaged; or an audio file in it has a name that leads out of
            it, or a broken ``.json`` beside it.
    """
    problems = Problems(path)
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            entries, warnings = read_entries(file, size_bytes=status.st_size, problems=problems)
            return _listing(
                path, file, entries, status=status, warnings=warnings, keep_suffix=keep_suffix, problems=problems
            )
    except OSError as error:
        raise unreadable(path, error) from error


def _listing(
    path: str,
    file: BinaryIO,
    entries: Mapping[str, Entry],
    *,
    status: os.stat_result,
    warnings: list[str],
    keep_suffix: bool,
    problems: Problems,
) -> Listing:
    companions = Companions(file, entries, problems=problems)
    names = MetaNames()
    clips: list[Clip] = []
    hidden = links_refused = others = 0
    for name, entry in entries.items():
        if any(map(is_hidden, filter(_is_name, name.split("/")))):
            hidden += 1
        elif not is_audio(posixpath.basename(name)):
            others += 1
        elif (data := resolve(name, entries)) is None:
            links_refused += 1
        else:
            key = _key(name, entry, keep_suffix=keep_suffix, problems=problems)
            meta: Mapping[str, MetaValue] = companions.of(posixpath.splitext(name)[0])
            member = Member(name=source_text(name), offset=data.offset, size_bytes=data.size_bytes)
            clips.append(
                Clip(
                    key=key,
                    path=os.path.basename(path),
                    size_bytes=status.st_size,
                    ctime_ns=status.st_ctime_ns,
                    inode=status.st_ino,
                    member=member,
                    meta=names.arrange(meta),
                )
            )
    problems.refuse_if_any()
    names.fill_up(clips)
    return Listing(
        root=os.path.dirname(path) or ".",
        clips=sort_clips(clips),
        kind="tar",
        meta_names=names.names,
        hidden=hidden,
        not_audio=others - len(companions.used),
        links_refused=links_refused,
        warnings=warnings + companions.warnings(),
    )


def _key(name: str, entry: Entry, *, keep_suffix: bool, problems: Problems) -> str:
    """The key of a member; one whose name leads out of the archive is a problem, as unpacking it would be."""
    key = key_of(name, keep_suffix=keep_suffix)
    try:
        if name.startswith("/"):
            raise RefusedCell(f"{quoted(name)}: a name in an archive must not begin with a slash")
        if ".." in name.split("/"):
            raise RefusedCell(f"{quoted(name)}: a name in an archive must not have '..' between its slashes")
        check_key_length(key)
    except RefusedCell as error:
        problems.add(f"byte {entry.header_offset}", "name", str(error))
    return key


def _is_name(part: str) -> bool:
    """``..`` begins with a dot, but hides nothing."""
    return part not in ("", "..")
