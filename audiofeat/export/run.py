"""One export: the store is opened, the target checked, and what is written appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiofeat.errors import ConfigError
from audiofeat.export.export_format import ExportFormat
from audiofeat.export.formats import export_format
from audiofeat.store.staging import check_place, commit, fsync_folder, staged, storage_errors


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written."""

    clips: int
    files: int
    size_bytes: int


def export_store(
    store: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: str,
    features: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    where: str | None = None,
    shard_mb: int | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write the finished store at ``store`` to ``target`` in another format. Each clip's digest is checked on the way.

    Args:
        target: must not exist, or be empty. Whatever goes wrong, nothing is left there.
        to: one of :data:`audiofeat.export.EXPORTS`.
        features: their names; None: all.
        keys: of the clips; None: all.
        where: a condition on the manifest's columns, such as ``"duration > 10"``: of these clips those that it holds
            for; None: all.
        shard_mb: about how large the files of TFRecord and WebDataset are, in 1,000,000 bytes; None: 128.
        watch: called with the number of clips done, and of all, before each clip; what it raises ends the export.
    Raises:
        NoStoreError: there is no finished store.
        ConfigError: no such format, feature or clip; a feature named twice; a condition that cannot be understood; the
            format cannot hold them; something is at ``target``.
        DamageError: a clip is not what was written to the store.
        StorageError: the target cannot be written.
    """
    kind = export_format(to, shard_mb=shard_mb)
    # Imported here: pyarrow and NumPy, which `audiofeat export --help` does without.
    from audiofeat.export.content import Content, chosen_features, chosen_rows
    from audiofeat.reading.store import Store

    final = Path(os.path.realpath(target))
    with Store(store, verify=True) as opened:
        content = Content(
            store=opened,
            features=chosen_features(opened, features),
            located=chosen_rows(opened, keys, where=where),
            target=final,
            target_text=os.fspath(target),
            watch=watch or (lambda done, total: None),
        )
        _refuse_target(final, kind, store=Path(os.path.realpath(store)))
        with storage_errors(final, rest="nothing was written"), staged(final.parent, name=final.name) as partial:
            kind.write(partial, content)
            files, size_bytes = _make_durable(partial)
            _refuse_target(final, kind, store=Path(os.path.realpath(store)))  # what came there meanwhile stays too
            commit(partial, final)
        return ExportReport(content.n_clips, files, size_bytes)


def _refuse_target(final: Path, kind: ExportFormat, *, store: Path) -> None:
    """Raises ConfigError or StorageError if anything is at the target, or nothing can be."""
    if final == store or store in final.parents:
        raise ConfigError(f"{final} lies in the store itself", hint="a path outside the store")
    check_place(final)
    if final.is_dir():
        if any(final.iterdir()):
            raise ConfigError(f"{final} is there already, and not empty", hint="another name, or remove it first")
        if not kind.is_folder:
            raise ConfigError(f"{final} is a folder, and this export is a file", hint="a name for the file in it")
    elif os.path.lexists(final):
        if kind.is_folder:
            raise ConfigError(f"{final} is a file, and this export is a folder", hint="another name")
        if not final.is_file() or final.stat().st_size:
            raise ConfigError(f"{final} is there already", hint="another name, or remove it first")


def _make_durable(path: Path) -> tuple[int, int]:
    """Sync a file, or a folder with all that it holds: the number of files and their bytes."""
    if not path.is_dir():
        return 1, _sync_file(path)
    files = size_bytes = 0
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            files += 1
            size_bytes += _sync_file(Path(folder, name))
        fsync_folder(Path(folder))
    return files, size_bytes


def _sync_file(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
