"""Given means and variances: the file that ``cmvn.file`` names is read once, and its numbers stand in the config.

So the digests are over the numbers, not over where they lay, and a worker needs no file.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from audiofeat.config.complaints import Complaint, rule_broken
from audiofeat.config.features import Feature, feature_path, resolve_features, takes_statistics
from audiofeat.config.given_statistics import column_paths, faults
from audiofeat.config.models import Config, Overrides

MAX_VALUES = 2**22
"""Four times as many columns as the longest FFT gives."""

_Take: TypeAlias = Callable[[str], tuple[float, ...]]


class _UnusableError(Exception):
    """The file, or an array in it, is not what was wanted; the message says why."""


def with_statistics(config: Config) -> tuple[Config, list[Complaint]]:
    """The config with the numbers of each ``cmvn.file`` in its place, and what is wrong with the files.

    A file of a feature that is not normalised by given numbers is not looked at.
    """
    features, complaints = dict(config.features), []
    for feature in resolve_features(config).values():
        own = features[feature.name]
        given: dict[str, Any] = {}
        if feature.cmvn.file is not None and takes_statistics(feature):
            path = feature_path(config, feature, "cmvn", "file")
            try:
                given = _statistics(feature)
            except _UnusableError as error:
                complaints.append(rule_broken(str(error), path))
            known = replace(feature, cmvn=feature.cmvn.model_copy(update=given))
            for key, fault in faults(known, config) if given else ():
                text = f"{feature.cmvn.file}: {feature.name}.{key} {fault}"
                complaints.append(rule_broken(text, path, *column_paths(config, feature)))
        features[feature.name] = _replaced(own, {**given, "file": None})
    # Nothing is written where nobody wrote: a key that is set is one that somebody set.
    shared = config.cmvn if config.cmvn.file is None else config.cmvn.model_copy(update={"file": None})
    return config.model_copy(update={"features": features, "cmvn": shared}), complaints


def _replaced(own: Overrides, values: dict[str, Any]) -> Overrides:
    """With the values among those that the feature overrides."""
    if values.keys() == {"file"} and "file" not in own.cmvn.model_fields_set:
        return own
    return own.model_copy(update={"cmvn": own.cmvn.model_copy(update=values)})


def _statistics(feature: Feature) -> dict[str, Any]:
    keys = ("mean", "variance") if feature.cmvn.mode == "meanvar" else ("mean",)
    with _arrays(feature.cmvn.file or "") as take:
        return {key: take(f"{feature.name}.{key}") for key in keys}


@contextmanager
def _arrays(path: str) -> Iterator[_Take]:
    """Open an .npz file; yields what takes an array out of it by name."""
    import numpy as np

    try:
        # Opened here: numpy takes anything that is no zip for its older formats, pickles among them.
        with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as arrays:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}

            def take(name: str) -> tuple[float, ...]:
                if name not in sizes:
                    raise _UnusableError(f"{path}: there is no array {name}  (there are: {', '.join(sizes) or 'none'})")
                if sizes[name] > MAX_VALUES * 8:
                    raise _UnusableError(f"{path}: {name} is {sizes[name]:,} bytes, which no statistics are")
                values = arrays[name]
                if values.ndim != 1 or values.dtype.kind not in "fiu":
                    shape = "x".join(map(str, values.shape)) or "a single value"
                    raise _UnusableError(f"{path}: {name} is {shape} of {values.dtype}; wanted is one number a column")
                if not np.isfinite(values).all():
                    raise _UnusableError(f"{path}: {name} holds NaN or infinity")
                return tuple((values.astype(np.float64) + 0.0).tolist())

            yield take
    except FileNotFoundError as error:
        raise _UnusableError(f"{path}: there is no such file") from error
    except OSError as error:
        raise _UnusableError(f"{path}: cannot be read: {error.strerror or error}") from error
    # What zipfile, zlib and numpy raise for bytes that are no archive, a damaged one, or one of pickled objects.
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError) as error:
        raise _UnusableError(f"{path}: not an .npz file of numbers, as numpy.savez writes them: {error}") from error
