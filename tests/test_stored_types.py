"""Values stored in another type than they are computed in: rounded once, at the very end; refused beyond its range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from laying import Layer, frontend_with
from signals import noise
from store_suite import shard_clip

from audiofeat.config import load_config
from audiofeat.errors import ConfigError
from audiofeat.frontend.recipe import recipe_of
from audiofeat.records import FeatureSpec
from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.shard_format import Array, ShardClip

KNOBS = {"deltas.orders": 2, "cmvn.mode": "meanvar", "stack.left": 1, "stack.stride": 2}
FEATURES = ("log_mel", "mfcc", "spectrogram")


def features_of(knobs: dict[str, object], *names: str) -> dict[str, Array]:
    return Layer(frontend_with(knobs, *names)).features_of([noise(20_000)])[0]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("knobs", [{}, KNOBS], ids=["as computed", "with a tail"])
def test_rows_are_rounded_once_and_behind_all_steps(dtype: str, knobs: dict[str, object]) -> None:
    unrounded = features_of(knobs, *FEATURES)
    rounded = features_of({**knobs, "store.dtype": dtype}, *FEATURES)
    for name in FEATURES:
        assert unrounded[name].dtype == np.float64
        assert rounded[name].dtype == dtype
        np.testing.assert_array_equal(rounded[name], unrounded[name].astype(dtype))


@pytest.mark.parametrize(
    ("precision", "dtype", "types"),
    [
        ("float32", "computed", ("float32", "complex64")),
        ("float32", "float32", ("float32", "complex64")),
        ("float64", "computed", ("float64", "complex128")),
        ("float64", "float32", ("float32", "complex64")),
    ],
)
def test_the_store_says_what_its_values_are(precision: str, dtype: str, types: tuple[str, str]) -> None:
    overrides = [f"compute.precision={precision}", f"store.dtype={dtype}"]
    config = load_config({"features": {"mel": {}, "stft": {}}}, overrides=overrides)
    assert tuple(spec.dtype for spec in recipe_of(config).feature_specs()) == types


@pytest.mark.parametrize("value", [65_520.0, -1e30, np.inf])
def test_a_value_beyond_float16_is_refused_with_a_way_out_and_no_warning(tmp_path: Path, value: float) -> None:
    budget = RowBudget(tmp_path)
    rows = Rows(2, budget, dtype=np.float16)
    rows.append(np.array([[1.0, 2.0], [3.0, value]], np.float32))
    with pytest.raises(ConfigError, match=r"float16, which ends at 65504[^$]*store.dtype: float32"):
        Hdf5Shards().write(
            tmp_path / "shard.h5", [ShardClip("a", {"mel": rows})], [FeatureSpec("mel", 2, "float16", "power", 100.0)]
        )


def test_the_largest_value_of_float16_is_kept(tmp_path: Path) -> None:
    rows = np.array([[65_504.0, -65_504.0, 6e-8]], np.float16)
    spec = FeatureSpec("mel", 3, "float16", "power", 100.0)
    Hdf5Shards().write(tmp_path / "shard.h5", [shard_clip("a", {"mel": rows}, RowBudget(tmp_path))], [spec])
