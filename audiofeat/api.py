"""The Python interface: what the command line does, as two functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from audiofeat.reading.store import Store
    from audiofeat.report import RunReport


def extract(
    source: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] = "librosa-logmel",
    *,
    overrides: Sequence[str] = (),
    files: Iterable[str | os.PathLike[str]] | None = None,
    store_format: str | None = None,
    workers: int | None = None,
    memory: str | None = None,
    device: str = "auto",
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    allow_mixed_devices: bool = False,
    max_failures: str | None = None,
    fingerprint: Literal["stat", "content"] = "stat",
    expect_digest: str | None = None,
) -> RunReport:
    """Bring the feature store at ``store`` up to date with the folder of audio, or the manifest, at ``source``.

    Args:
        source, store: paths; None where the configuration names them.
        config: a preset's name, a YAML file, or a mapping of the same structure.
        overrides: ``"mel.bands=40"`` and the like.
        files: take these and not all that ``source`` holds, which is then the folder that keys are relative to; None
            for ``source`` is the working directory.
        store_format: ``hdf5`` or ``npy``; None: as configured.
        workers: clips worked on at a time; None: one a processor core.
        memory: the most that all processes may take together, such as ``"2GB"``; None: no bound.
        device: ``auto``, ``cpu``, ``gpu`` (all there are), ``gpu:1``, ``gpu:0,2``.
        engine: what runs the shards: processes of this machine, or a Ray cluster.
        address: ``"HOST:PORT"`` of the cluster; None: one of the run's own, on this machine.
        allow_mixed_devices: whether its nodes may compute on what they have, though that gives other bits.
        max_failures: ``"20"`` or ``"5%"``; None: any number.
        fingerprint: ``stat`` takes a file of the same size, time of last change and inode for unchanged; ``content``
            hashes each.
        expect_digest: the content digest that the store must end with.
    Returns:
        what was done; clips that could not be are in its ``failures`` and in the store's quarantine.
    Raises:
        AudioFeatError: one of :mod:`audiofeat.errors`.
    """
    from audiofeat.config import load_config
    from audiofeat.engine.allowance import parse_memory
    from audiofeat.expected_digest import check_digest, parse_digest
    from audiofeat.max_failures import NO_LIMIT, MaxFailures
    from audiofeat.pipeline import run
    from audiofeat.run_options import RunOptions

    settings = load_config(
        config,
        overrides=overrides,
        source=os.fspath(source) if source is not None else None,
        store_path=os.fspath(store) if store is not None else None,
        store_format=store_format,
    )
    options = RunOptions(
        workers=workers,
        memory_bytes=parse_memory(memory) if memory is not None else None,
        device=device,
        engine=engine,
        address=address,
        allow_mixed_devices=allow_mixed_devices,
        max_failures=MaxFailures.parse(max_failures) if max_failures is not None else NO_LIMIT,
        fingerprint=fingerprint,
        files=b"".join(os.fsencode(file) + b"\0" for file in files) if files is not None else None,
    )
    expected = parse_digest(expect_digest) if expect_digest is not None else None
    report = run(settings, options)
    if expected is not None:
        check_digest(report.digest, expected=expected)
    return report


def open_store(path: str | os.PathLike[str], *, verify: bool = False) -> Store:
    """Open the finished store at ``path``; see :class:`audiofeat.reading.store.Store`.

    Args:
        verify: check each clip's digest when it is read.
    Raises:
        NoStoreError: there is none, or it is unfinished.
        DamageError: its description or manifest is not what was written.
    """
    from audiofeat.reading.store import Store

    return Store(path, verify=verify)
