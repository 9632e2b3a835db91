"""Which folders a run may write a store to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiofeat.errors import ConfigError, DamageError
from audiofeat.store.layout import FORMAT_VERSION, StorePaths, is_ours


def refuse_foreign_folder(paths: StorePaths) -> None:
    """Raises ConfigError: a folder that holds something else is never written to."""
    if paths.root.exists() and not paths.root.is_dir():
        raise ConfigError(f"{paths.root} is a file, not a folder", hint="name a new folder for the store")
    if paths.root.exists() and not is_ours(paths) and any(paths.root.iterdir()):
        raise ConfigError(
            f"{paths.root} is not empty and not a feature store; nothing in it was touched",
            hint="name a new or empty folder for the store",
        )


def refuse_newer_store(paths: StorePaths, stored: Mapping[str, Any] | None) -> None:
    """Raises DamageError: a store that this version does not understand is never overwritten."""
    version = stored.get("format_version", FORMAT_VERSION) if stored else FORMAT_VERSION
    if version > FORMAT_VERSION:
        raise DamageError(
            f"{paths.root} has format version {version}, this audiofeat writes {FORMAT_VERSION}; nothing was touched",
            hint="a newer audiofeat, or another store",
        )
