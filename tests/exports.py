"""Stores for the tests of exports: odd keys, every type of number, columns of the source's own, and their values."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import small_store
from small_store import make_store, settings_for
from store_suite import ODD_KEYS

from audiofeat import open_store
from audiofeat.export import export_store
from audiofeat.records import Clip, FeatureSpec
from audiofeat.source import Listing
from audiofeat.store.shard_format import Array

FEATURES = (
    FeatureSpec("log_mel", 5, "float32", "ln power", 100.0),
    FeatureSpec("mel", 4, "float16", "power", 100.0),
    FeatureSpec("mfcc", 3, "float64", "cepstrum of ln power", 100.0),
    FeatureSpec("stft", 6, "complex64", "", None),
)
REAL = ("log_mel", "mel", "mfcc")
KEYS = sorted([*ODD_KEYS, "a", "a~", "__meta__/b", "_x", "no\u00a0break", "wide\u3000blank", "100%25", "a!b", "V1.0/X"])
Arrays = Mapping[str, Mapping[str, Array]]


def arrays_for(keys: Sequence[str], *, rows: int = 7) -> dict[str, dict[str, Array]]:
    """Key -> feature -> values; a clip has from no frame to ``rows`` less one."""
    return {key: _values(number % rows, seed=number) for number, key in enumerate(keys)}


def _values(n_frames: int, *, seed: int) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    values = {}
    for spec in FEATURES:
        real, imaginary = generator.standard_normal((2, n_frames, spec.dims))
        values[spec.name] = (real + 1j * imaginary if "complex" in spec.dtype else real).astype(spec.dtype)
    return values


def odd_store(root: Path, *, store_format: str, arrays: Arrays | None = None) -> dict[str, dict[str, Array]]:
    """A store at ``root`` of these clips, by default those of :data:`KEYS`; what it holds, read back from nowhere."""
    held = arrays_for(KEYS) if arrays is None else {key: dict(features) for key, features in arrays.items()}
    with mock.patch.multiple(small_store, FEATURES=FEATURES, listing_of=_listing_of):
        make_store(root, settings_for(store_format=store_format), held)
    return held


def _listing_of(clips: Sequence[Clip], root: Path) -> Listing:
    """Every second clip has a label."""
    named = [
        replace(clip, meta=("yes \N{SNOWMAN}" if number % 2 else None, number, number / 4))
        for number, clip in enumerate(clips)
    ]
    return Listing(str(root), named, meta_names=("label", "number", "share"))


def export_of(store: Path, tmp_path: Path, *, to: str, features: Sequence[str] | None = None) -> Path:
    """The export of a copy of ``store``, which lies beside it as ``store``."""
    shutil.copytree(store, tmp_path / "store")
    export_store(tmp_path / "store", tmp_path / "export", to=to, features=features)
    return tmp_path / "export"


def durations_in(store: Path) -> dict[str, float]:
    """Key -> seconds, as the manifest says them."""
    manifest = open_store(store).manifest
    return dict(zip(manifest["key"].to_pylist(), manifest["duration_seconds"].to_pylist(), strict=True))


def assert_same(found: Arrays, *, features: Sequence[str] = tuple(spec.name for spec in FEATURES)) -> None:
    """All of the odd clips, and nothing else."""
    wanted = arrays_for(KEYS)
    assert sorted(found) == sorted(wanted)
    for key, values in found.items():
        assert sorted(values) == sorted(features)
        for name, array in values.items():
            assert array.dtype == wanted[key][name].dtype, (key, name)
            assert array.shape == wanted[key][name].shape, (key, name)
            np.testing.assert_array_equal(array, wanted[key][name], err_msg=f"{key} {name}")
