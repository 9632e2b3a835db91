"""A list of files instead of a folder: what ``find -print0`` and other programs pipe into ``--files-from``."""

from __future__ import annotations

import os
from dataclasses import replace

from audiofeat.config import Manifest
from audiofeat.records import Clip
from audiofeat.source.file_status import FileStatuses
from audiofeat.source.keys import key_of, source_text
from audiofeat.source.listing import Listing, MetaNames, sort_clips
from audiofeat.source.manifests.cells import RefusedCell, check_key_length, is_url
from audiofeat.source.manifests.columns import check_no_roles
from audiofeat.source.problems import Problems, quoted
from audiofeat.source.scan import check_folder

_TITLE = "--files-from"
_COLUMN = "file"
_FOLDER = "folder"


def list_files(
    names: bytes, *, root: str, keep_suffix: bool, follow_links: bool = True, manifest: Manifest | None = None
) -> Listing:
    """List the files that ``names`` names; each is a clip, whatever its suffix, but for .tar and .parquet files.

    Those are opened: the keys of their clips begin with the container's own.

    Args:
        names: separated by NUL where there is one, else one a line; relative to the current folder, or absolute.
        root: the folder that keys are relative to, and that all files must lie in, by their names alone; the names
            may begin with its path as given, without links, or as the shell has it in ``$PWD``.
        keep_suffix: whether keys keep the suffix of their file.
        follow_links: False leaves out names that are links, and counts them.
        manifest: what the columns of a Parquet file are called; where no name is one's, no column may be named.

    Raises:
        SourceError: ``root`` is no folder; or names every entry that lies outside of it, is there twice, or is a URL.
    """
    check_folder(root)
    problems = Problems(_TITLE)
    files = _Files(root=root, keep_suffix=keep_suffix, follow_links=follow_links, manifest=manifest or Manifest())
    word, entries = ("entry", names.split(b"\0")) if b"\0" in names else ("line", names.split(b"\n"))
    for number, entry in enumerate(entries, start=1):
        name = os.fsdecode(entry if word == "entry" else entry.removesuffix(b"\r"))
        if name:
            try:
                files.add(name, place=f"{word} {number}")
            except RefusedCell as error:
                problems.add(f"{word} {number}", _COLUMN, str(error))
    if not files.has_tables:
        check_no_roles(manifest or Manifest(), place="all names", why="no Parquet file is named", problems=problems)
    problems.refuse_if_any()
    return files.listing()


class _Files:
    """A listing that is growing."""

    def __init__(self, *, root: str, keep_suffix: bool, follow_links: bool, manifest: Manifest) -> None:
        self.has_tables = False
        """Whether a Parquet file was among them."""
        self._root, self._keep_suffix, self._follow_links, self._manifest = root, keep_suffix, follow_links, manifest
        self._spellings = _spellings(root)
        self._first_places: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._statuses = FileStatuses(root)
        self._meta = MetaNames()
        self._meta.arrange({_FOLDER: ""})
        self._clips: list[Clip] = []
        self._warnings: list[str] = []
        self._hidden = self._not_audio = self._links_refused = 0

    def add(self, name: str, *, place: str) -> None:
        """Add the clip, or the container's clips, of one file."""
        path = self._relative(name)
        first_place = self._first_places.setdefault(path, place)
        if first_place is not place:
            raise RefusedCell(f"{quoted(name)}: this file is there twice, first in {first_place}")
        if not self._follow_links and os.path.islink(self._spellings[0] + path):
            self._links_refused += 1
            return
        folder = source_text(os.path.dirname(path))
        folder = self._folders.setdefault(folder, folder)  # one object for all clips of a folder
        suffix = os.path.splitext(path)[1].lower()
        location = os.path.join(self._root, path)
        if suffix == ".tar":
            from audiofeat.source.tar import list_tar

            self._add_container(path, folder, list_tar(location, keep_suffix=self._keep_suffix))
        elif suffix == ".parquet":
            from audiofeat.source.manifests.parquet import list_parquet

            self.has_tables = True
            inside = list_parquet(location, manifest=self._manifest, keep_suffix=self._keep_suffix)
            self._add_container(path, folder, inside)
        else:
            key = key_of(path, keep_suffix=self._keep_suffix)
            check_key_length(key)
            self._clips.append(Clip(key, path, *self._statuses.of(path), meta=(folder,)))

    def listing(self) -> Listing:
        """All that was added."""
        self._meta.fill_up(self._clips)
        return Listing(
            root=self._root,
            clips=sort_clips(self._clips),
            kind="list of files",
            meta_names=self._meta.names,
            hidden=self._hidden,
            not_audio=self._not_audio,
            links_refused=self._links_refused,
            warnings=self._warnings,
        )

    def _relative(self, name: str) -> str:
        if is_url(name):
            raise RefusedCell(f"{quoted(name)}: a URL; fetch it first")
        path = os.path.abspath(name)
        for above in self._spellings:
            if path in (above, above[:-1]):
                raise RefusedCell(f"{quoted(name)}: this is SOURCE itself; name the files in it")
            if path.startswith(above):
                return path[len(above) :]
        raise RefusedCell(
            f"{quoted(name)}: lies outside of SOURCE, which is {source_text(os.path.abspath(self._root))!r}; "
            "name a folder above all files as SOURCE"
        )

    def _add_container(self, path: str, folder: str, inside: Listing) -> None:
        """Take over the clips of a container, whose paths are relative to the folder that it lies in."""
        own_key = key_of(path, keep_suffix=False)
        for clip in inside.clips:
            key = f"{own_key}/{clip.key}"
            check_key_length(key)
            says = dict(zip(inside.meta_names, clip.meta, strict=True))
            meta = self._meta.arrange({_FOLDER: folder, **says})
            file = os.path.join(os.path.dirname(path), clip.path)
            self._clips.append(replace(clip, key=key, path=file, meta=meta))
        self._hidden += inside.hidden
        self._not_audio += inside.not_audio
        self._links_refused += inside.links_refused
        self._warnings += [f"{source_text(path)}: {warning}" for warning in inside.warnings]


def _spellings(root: str) -> list[str]:
    """The paths, each with a slash behind it, that names of files in ``root`` may begin with; the given one first.

    A shell that went through a link has a path of its own for the current folder, and so has ``find "$PWD"``.
    """
    spellings = [os.path.abspath(root), os.path.realpath(root)]
    shells_own = os.path.abspath(os.path.join(os.environ.get("PWD", ""), os.path.relpath(root)))
    if _is_same(shells_own, root):
        spellings.append(shells_own)
    return [os.path.join(spelling, "") for spelling in dict.fromkeys(spellings)]


def _is_same(folder: str, root: str) -> bool:
    try:
        return os.path.samefile(folder, root)
    except OSError:  # PWD is whatever somebody set it to
        return False
