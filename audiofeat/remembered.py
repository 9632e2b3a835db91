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
from audiofeat.job import Job
from audiofeat.reading.info import StoreInfo
from audiofeat.run_options import RunOptions
from audiofeat.settings import Settings
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import remove, write_file


def remember_source(job: Job, settings: Settings) -> None:
    """Leave a note of the job's source, unless the same is there already. Raises StorageError.

    Args:
        settings: what the store was made with: where its description is damaged, nothing else tells.
    """
    paths = job.paths
    note, files = source_note(job, settings)
    if files is None:
        remove(paths.files)
    elif not paths.files.exists() or paths.files.read_bytes() != files:
        write_file(paths.files, files)
    if read_checked_json(paths.source) != note:
        write_checked_json(paths.source, note)


def source_note(job: Job, settings: Settings) -> tuple[dict[str, Any], bytes | None]:
    """What :func:`noted_job` makes the job of again: a note, and the files that it takes, NUL-separated.

    Returns:
        None for the files where all that the source holds is taken.
    """
    files = None
    if job.options.files is not None:
        # The names in the list that was given hold in one working directory only.
        root = os.path.abspath(job.listing.root)
        names = (os.fsencode(os.path.join(root, clip.path)) for clip in job.listing.clips)
        files = b"".join(name + b"\0" for name in names)
    note = {
        "config": settings.stored,
        "source": os.path.abspath(job.source),
        "manifest": job.config.manifest.model_dump(),
        "follow_links": job.options.follow_links,
        "files_digest": blake3(files).hexdigest() if files is not None else None,
        "device": settings.device,
    }
    return note, files


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
    return noted_job(store, {**note, "config": stored}, options, source=source, files=paths.files)


def noted_job(
    store: str, note: Mapping[str, Any], options: RunOptions, *, source: str | None, files: Path
) -> tuple[Config, RunOptions]:
    """The job that a note of :func:`source_note` is of; the other arguments as for :func:`remembered_job`.

    Args:
        files: where the list of files lies, if there is one.
    Raises:
        SourceError: what was the source is not there.
        ConfigError: the list of files is not there as it was.
    """
    if source is None and not os.path.exists(note["source"]):
        raise SourceError(
            f"{store} was made of {note['source']}, which is not there any more",
            hint="--source with the place where it is now",
        )
    values = {**note["config"], "manifest": note.get("manifest", {})}
    config = load_config(values, source=source or note["source"], store_path=store)
    digest = note.get("files_digest")
    listed = _files(store, files, digest) if digest else None
    return config, replace(options, follow_links=note.get("follow_links", True), files=listed)


def _files(store: str, path: Path, digest: str) -> bytes:
    """The list of files that a store was made of. Raises ConfigError where it is not there as it was."""
    hint = "audiofeat extract --files-from ..."
    try:
        files = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the list of files that {store} was made of cannot be read: {error}", hint=hint) from error
    if blake3(files).hexdigest() != digest:
        raise ConfigError(f"the list of files that {store} was made of is damaged: {path}", hint=hint)
    return files
