"""The formats that there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from audiofeat.config import did_you_mean
from audiofeat.errors import ConfigError

if TYPE_CHECKING:
    from audiofeat.export.export_format import ExportFormat

EXPORTS: Mapping[str, str] = MappingProxyType(
    {
        "npy": "NpyTree",
        "hdf5": "Hdf5File",
        "hdf5-view": "Hdf5View",
        "kaldi": "KaldiArchives",
        "tfrecord": "TfRecords",
        "parquet": "ParquetFile",
        "webdataset": "WebDataset",
    }
)
"""Name -> class; it stands in the module that has the format's name."""

SHARDED = ("tfrecord", "webdataset")
"""The formats that are cut into files of about equal size."""

_DEFAULT_SHARD_MB = 128


def export_format(name: str, *, shard_mb: int | None) -> ExportFormat:
    """The format called ``name``.

    Args:
        shard_mb: size of the files that a sharded format is cut into; None: as is usual.
    Raises:
        ConfigError: there is no such format, or it is not cut into files.
    """
    if name not in EXPORTS:
        raise ConfigError(
            f"there is no export format {name!r}{did_you_mean(name, EXPORTS)}", hint=f"one of {', '.join(EXPORTS)}"
        )
    # Imported here: a format brings the library that it needs.
    kind: Callable[..., ExportFormat] = getattr(
        import_module(f"audiofeat.export.{name.replace('-', '_')}"), EXPORTS[name]
    )
    if name in SHARDED:
        if shard_mb is not None and shard_mb < 1:
            raise ConfigError(f"files of {shard_mb} MB", hint="at least 1")
        return kind(shard_bytes=(shard_mb or _DEFAULT_SHARD_MB) * 1_000_000)
    if shard_mb is not None:
        raise ConfigError(
            f"--shard-mb: an export to {name} is not cut into files of a size",
            hint=f"leave it out; {' and '.join(SHARDED)} are",
        )
    return kind()
