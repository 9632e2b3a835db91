"""A store as Kaldi's list of files, ``KEY PATH`` a line.

Of an NPY store the files are the arrays of one feature, as ESPnet and others read them; of an HDF5 store, which has no
file a clip, they are the source's audio: a ``wav.scp``. Blanks in keys are percent-encoded, as Kaldi's keys hold none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from audiofeat.errors import ConfigError
from audiofeat.manifest.batches import ManifestBatches
from audiofeat.manifest.where import Where
from audiofeat.reading.info import StoreInfo
from audiofeat.store.layout import StorePaths
from audiofeat.store.npy import npy_path

_BLANK = re.compile(r"\s")
_MEMBER = re.compile(r"\.(tar|parquet)/", re.IGNORECASE)
# What Kaldi takes for a command, standard input, or a place inside an archive, and what would end the line.
_NO_FILE_TO_KALDI = re.compile(r"^\s*\||\|\s*$|^-$|:\d+$|^\s|\s$|[\r\n\0]")


def scp_text(
    store: StoreInfo,
    manifest: ManifestBatches,
    *,
    feature: str | None = None,
    source: str | None = None,
    where: Where | None = None,
) -> Iterator[bytes]:
    """The lines, in the order of their keys, some thousands at a time.

    Args:
        feature: of an NPY store, whose arrays are listed; None where it has one only.
        source: of an HDF5 store, the folder that the manifest's paths are relative to, or the list in it that the
            store was made of; None leaves them relative.
    Raises:
        ConfigError: an option is for the other kind of store; the feature or the source is not there, or the feature
            left open; or a clip is not a whole file of its own, or has a name that Kaldi takes for something else.
    """
    if store.description["store_format"] == "npy":
        if source is not None:
            raise ConfigError(
                "an NPY store's scp lists its arrays, not the source", hint="leave --source out, or --format csv"
            )
        columns, path_of = ["key", "shard"], _array_path(store, manifest, _feature(store, feature))
    else:
        if feature is not None:
            raise ConfigError(
                f"an {store.description['store_format']} store has no file a clip to list",
                hint="`audiofeat export STORE TARGET --to kaldi` or `--to npy`",
            )
        columns, path_of = ["key", "source", "start_seconds", "end_seconds", "channel"], _source_path(source)
    for rows in manifest.read(columns, where=where):
        yield b"".join(_line(row["key"], path_of(row)) for row in rows.to_pylist())


def _feature(store: StoreInfo, name: str | None) -> str:
    names = [feature.name for feature in store.features]
    if name in names:
        return str(name)
    if name is None and len(names) == 1:
        return names[0]
    problem = "which feature's arrays?" if name is None else f"there is no feature {name!r} in {store.paths.root}"
    raise ConfigError(problem, hint=f"--feature with one of {', '.join(names)}")


def _array_path(store: StoreInfo, manifest: ManifestBatches, feature: str) -> Callable[[dict[str, str]], bytes]:
    """The arrays beside the shards, whose names do not change from run to run; in them, where there are no others."""
    paths = store.paths
    has_links = _has_links(paths, manifest, feature)

    def path_of(row: dict[str, str]) -> bytes:
        folder = paths.root if has_links else paths.shards / row["shard"]
        return os.fsencode(folder / npy_path(feature, row["key"]))

    return path_of


def _has_links(paths: StorePaths, manifest: ManifestBatches, feature: str) -> bool:
    first = next((batch for batch in manifest.read(["key"]) if batch.num_rows), None)
    return first is not None and (paths.root / npy_path(feature, first.column("key")[0].as_py())).exists()


def _source_path(source: str | None) -> Callable[[dict[str, str]], bytes]:
    if source is not None and not os.path.exists(source):
        raise ConfigError(
            f"--source: there is no {source}", hint="the folder, or the list of files, that the store was made of"
        )
    root = "" if source is None else source if os.path.isdir(source) else os.path.dirname(source)

    def path_of(row: dict[str, str]) -> bytes:
        is_part = any(row[name] is not None for name in ("start_seconds", "end_seconds", "channel"))
        if is_part or _MEMBER.search(row["source"]):
            raise ConfigError(
                f"{row['key']!r} is a part of {row['source']}, which an scp cannot say",
                hint='--format csv, or choose clips that are whole files: --where "start == None and channel == None"',
            )
        return os.path.join(os.fsencode(root), unquote_to_bytes(row["source"]))

    return path_of


def _line(key: str, path: bytes) -> bytes:
    if _NO_FILE_TO_KALDI.search(os.fsdecode(path)):
        raise ConfigError(
            f"Kaldi would not take {os.fsdecode(path)!r} for a file's name", hint="rename it, or --format csv"
        )
    key = _BLANK.sub(lambda blank: "".join(f"%{byte:02X}" for byte in blank[0].encode()), key)
    return key.encode() + b" " + path + b"\n"
