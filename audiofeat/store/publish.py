"""The last step: manifest, quarantine and ``store.json`` replace those of the last run, as if in one instant.

All three are first complete and durable under ``.state/pending``, ``store.json`` last; then they move to their
places, ``store.json`` last again. A run that was interrupted in between is finished by the next one
(:func:`roll_forward`). A reader in that moment sees digests that do not fit together, and says so.
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from audiofeat.records import Failure
from audiofeat.store.description import encode_description
from audiofeat.store.layout import StorePaths, is_shard_name
from audiofeat.store.npy import npy_path
from audiofeat.store.staging import (
    PARTIAL_SUFFIX,
    commit,
    fsync_folder,
    make_folder,
    remove,
    storage_errors,
    write_file,
)

# What a file system without hard links answers: the store is complete without them.
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


def encode_quarantine(failures: Iterable[Failure]) -> bytes:
    """One JSON object a line, sorted by key; ASCII, so that no name can break a line or a terminal."""
    lines = (json.dumps(failure.to_json()) for failure in sorted(failures, key=lambda failure: failure.key))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def publish(paths: StorePaths, *, manifest: bytes, quarantine: bytes, store_json: Mapping[str, Any]) -> None:
    """Make this the store's state. Raises StorageError; then the last state stands."""
    make_folder(paths.pending)
    write_file(paths.pending / paths.manifest.name, manifest)
    write_file(paths.pending / paths.quarantine.name, quarantine)
    write_file(paths.pending / paths.store_json.name, encode_description(store_json))
    roll_forward(paths)


def roll_forward(paths: StorePaths) -> None:
    """Finish a publication that got as far as having everything pending; else forget it, and what was half written.

    Raises:
        StorageError: the disk refuses.
    """
    if publication_was_cut_off(paths):
        for final in (paths.manifest, paths.quarantine, paths.store_json):
            pending = paths.pending / final.name
            if pending.exists():
                commit(pending, final)
    remove(paths.pending)
    _sweep_partials(paths)


def publication_was_cut_off(paths: StorePaths) -> bool:
    """Whether there is a publication that :func:`roll_forward` would finish."""
    return (paths.pending / paths.store_json.name).exists()


def _sweep_partials(paths: StorePaths) -> None:
    """Remove what was to become a file of the store or of its state, and never did."""
    with storage_errors(paths.root):
        for folder in (paths.root, paths.state):
            for entry in folder.iterdir():
                if entry.name.startswith(".") and entry.name.endswith(PARTIAL_SUFFIX):
                    remove(entry)


def sweep(paths: StorePaths, *, keep: Iterable[str]) -> bool:
    """Remove what no record names: stale shards, records that ``store.json`` took over, partial files, spools.

    Returns:
        whether all stale shards are gone; what cannot be removed now, as over NFS what readers have open, may be later.
    """
    named = set(keep)
    is_swept = True
    _sweep_partials(paths)
    with storage_errors(paths.root):
        for entry in sorted(paths.shards.iterdir()):
            if entry.name not in named and is_shard_name(entry.name):
                remove(entry)
                is_swept = is_swept and not os.path.lexists(entry)
        for folder in (paths.commits, paths.tasks, paths.spool, paths.pending, paths.parts):
            remove(folder)
        fsync_folder(paths.shards)
        fsync_folder(paths.state)
    return is_swept


def link_arrays(
    paths: StorePaths, arrays: Iterable[tuple[str, str]], *, features: Sequence[str], possible: Sequence[str]
) -> None:
    """Show an NPY store's arrays as ``<feature>/<key>.npy`` too, by hard links, for shell scripts.

    Readers go by the manifest and never look at these; where the file system has no hard links there are none.
    A link goes only while the shard that it was made from is still there (:func:`sweep` comes later): whatever else
    lies in these folders is somebody's own.

    Args:
        arrays: (key, shard name) of every clip.
        features: the features that the store has now.
        possible: all that an earlier state may have had, whose links go where they are not among them.
    """
    wanted: dict[Path, Path] = {
        paths.root / npy_path(feature, key): paths.shards / shard / npy_path(feature, key)
        for key, shard in arrays
        for feature in features
    }
    arrays_before = _Arrays(paths)
    with storage_errors(paths.root):
        for feature in {*features, *possible}:
            for present in sorted((paths.root / feature).rglob("*"), reverse=True):
                if present.is_dir() and not present.is_symlink():
                    with suppress(OSError):
                        present.rmdir()  # only where nothing is left in it
                elif present in wanted:
                    if not _same_file(present, wanted[present]):
                        present.unlink()
                elif present in arrays_before:
                    present.unlink()
            with suppress(OSError):
                (paths.root / feature).rmdir()
        changed = set()
        for link, target in wanted.items():
            if not link.exists():
                missing = _missing_folders(link.parent, above=paths.root)
                try:
                    link.parent.mkdir(parents=True, exist_ok=True)
                except (FileExistsError, NotADirectoryError):  # somebody's own file has the folder's name: it stays
                    continue
                changed |= missing
                try:
                    os.link(target, link)
                except OSError as error:
                    if error.errno in _NO_HARD_LINKS:
                        return
                    # Over NFS, a request that was sent twice fails though done.
                    if not (link.exists() and _same_file(link, target)):
                        raise
                changed.add(link.parent)
        # The next run may find nothing to do, and then looks at no link.
        for folder in changed:
            fsync_folder(folder)


def _missing_folders(folder: Path, *, above: Path) -> set[Path]:
    """The folders in which a new one will appear when this one is made."""
    missing = set()
    while folder != above and not folder.exists():
        folder = folder.parent
        missing.add(folder)
    return missing


class _Arrays:
    """All arrays of all shards that are there, whether of the present state or not."""

    def __init__(self, paths: StorePaths) -> None:
        self._paths = paths

    def __contains__(self, link: object) -> bool:
        """Whether a file was made from an array: a link to it, or in a copied store a file of the same bytes."""
        if not isinstance(link, Path) or not link.is_file() or link.is_symlink():
            return False
        targets = self._by_link.get(link, ())
        return any(_same_file(link, target) or filecmp.cmp(link, target, shallow=False) for target in targets)

    @cached_property
    def _by_link(self) -> Mapping[Path, Sequence[Path]]:
        found: defaultdict[Path, list[Path]] = defaultdict(list)
        for shard in self._paths.shards.iterdir():
            for array in shard.rglob("*.npy") if shard.is_dir() else ():
                found[self._paths.root / array.relative_to(shard)].append(array)
        return found


def _same_file(link: Path, target: Path) -> bool:
    try:
        return os.path.samefile(link, target)
    except FileNotFoundError:  # either may be gone, or a link that leads nowhere
        return False
