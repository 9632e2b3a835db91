"""Where a store's clips came from, remembered under ``.state``, so that nobody need say it again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from blake3 import blake3

from audiofeat.config import Config, load_config
from audiofeat.errors import ConfigError, DamageError, SourceError
from audiofeat.job import Job, RunOptions
from audiofeat.reading.info import StoreInfo
from audiofeat.settings import Settings
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import remove, write_file


def remember_source(job: Job, settings: Settings) -> None:
    """Leave a note of the job's source, unless the same is there already. Raises StorageError.

    Args:
        settings: what the store was made with: where its description is damaged, nothing else tells.
    """
    paths, options = job.paths, job.options
    note: dict[str, Any] = {
        "config": settings.stored,
        "source": os.path.abspath(job.source),
        "manifest": job.config.manifest.model_dump(),
        "follow_links": options.follow_links,
        "files_digest": None,
        "device": settings.device,
    }
    if options.files is None:
        remove(paths.files)
    else:
        # The names in the list that was given hold in one working directory only.
        root = os.path.abspath(job.listing.root)
        names = (os.fsencode(os.path.join(root, clip.path)) for clip in job.listing.clips)
        listed = b"".join(name + b"\0" for name in names)
        note["files_digest"] = blake3(listed).hexdigest()
        if not paths.files.exists() or paths.files.read_bytes() != listed:
            write_file(paths.files, listed)
    if read_checked_json(paths.source) != note:
        write_checked_json(paths.source, note)


def remembered_job(store: str, options: RunOptions, *, source: str | None = None) -> tuple[Config, RunOptions]:
    """The configuration that the store at ``store`` was made with, and how its source was listed.

    Args:
        options: what else is wanted of the run.
        source: where the source is now; None: where it was.
    Raises:
        NoStoreError, DamageError: there is no store that tells its configuration.
        ConfigError: nothing tells the source.
        SourceError: what was the source is not there.
    """
    paths = StorePaths(Path(store))
    note = read_checked_json(paths.source) or {}
    try:
        stored: Mapping[str, Any] = StoreInfo(store).config
    except DamageError:
        if not isinstance(note.get("config"), dict):
            raise
        stored = note["config"]
    if source is None and "source" not in note:
        raise ConfigError(
            f"{store} does not remember its source: {paths.source} is not there or not readable",
            hint="--source with the place where it is now",
        )
    if source is None and not os.path.exists(note["source"]):
        raise SourceError(
            f"{store} was made of {note['source']}, which is not there any more",
            hint="--source with the place where it is now",
        )
    values = {**stored, "manifest": note.get("manifest", {})}
    config = load_config(values, source=source or note["source"], store_path=store)
    files = _files(paths, note["files_digest"]) if note.get("files_digest") else None
    return config, replace(options, follow_links=note.get("follow_links", True), files=files)


def _files(paths: StorePaths, digest: str) -> bytes:
    """The list of files that a store was made of. Raises ConfigError where it is not there as it was."""
    hint = "audiofeat extract --files-from ..."
    try:
        files = paths.files.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the list of files that {paths.root} was made of cannot be read: {error}", hint=hint
        ) from error
    if blake3(files).hexdigest() != digest:
        raise ConfigError(f"the list of files that {paths.root} was made of is damaged: {paths.files}", hint=hint)
    return files
