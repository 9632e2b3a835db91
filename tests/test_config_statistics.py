"""``cmvn.file``: the numbers in it become the config's own, and every way in which it can be wrong is told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from npz import save_arrays

from audiofeat.config import digest_of, load_config, numbers_config, resolve_features, stored_config
from audiofeat.config.given_statistics import columns_of
from audiofeat.errors import ConfigError
from audiofeat.frontend.recipe import feature_specs

SMALL: dict[str, Any] = {"mfcc": {"n": 2}, "mel": {"bands": 3}}
"""Two cepstral coefficients of three bands: as many as the file's statistics."""
GLOBAL = {"mode": "meanvar", "over": "global"}


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    path = tmp_path / "stats" / "global.npz"
    path.parent.mkdir()
    arrays: dict[str, Any] = {
        "mfcc.mean": np.array([0.1, -2.0], np.float32),
        "mfcc.variance": np.array([1, 4]),
        "mel.mean": np.array([-0.0, 0.25, 3.0]),
        "mel.variance": np.array([1.0, 0.0, 2.0]),
    }
    save_arrays(path, arrays)
    return path


def refusal(config: Any, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(config, overrides=overrides)
    return str(caught.value)


def test_each_feature_gets_its_own_numbers_and_the_file_is_forgotten(statistics: Path) -> None:
    config = load_config(
        {**SMALL, "cmvn": {**GLOBAL, "file": statistics}, "features": {"mfcc": {}, "mel": {}, "stft": {}}}
    )
    features = resolve_features(config)
    assert features["mfcc"].cmvn.mean == (float(np.float32(0.1)), -2.0)
    assert features["mfcc"].cmvn.variance == (1.0, 4.0)
    assert features["mel"].cmvn.mean == (0.0, 0.25, 3.0)
    assert math.copysign(1.0, features["mel"].cmvn.mean[0]) == 1.0
    assert {feature.cmvn.file for feature in features.values()} == {None}
    assert "global.npz" not in json.dumps(stored_config(config))


def test_the_mean_alone_needs_no_variance(tmp_path: Path) -> None:
    save_arrays(tmp_path / "means.npz", {"mfcc.mean": np.ones(13)})
    config = load_config(
        {"cmvn": {"mode": "mean", "over": "global", "file": tmp_path / "means.npz"}, "features": {"mfcc": {}}}
    )
    assert resolve_features(config)["mfcc"].cmvn.mean == (1.0,) * 13


def test_where_the_numbers_lie_makes_no_difference(statistics: Path) -> None:
    from_file = load_config({"mel": {"bands": 3}, "cmvn": {**GLOBAL, "file": statistics}, "features": {"mel": {}}})
    cmvn = {**GLOBAL, "mean": [0.0, 0.25, 3.0], "variance": [1, 0, 2]}
    written = load_config({"features": {"mel": {"mel": {"bands": 3}, "cmvn": cmvn}}})
    assert digest_of(stored_config(from_file)) == digest_of(stored_config(written))
    assert digest_of(numbers_config(from_file)) == digest_of(numbers_config(written))
    again = load_config(json.loads(json.dumps(stored_config(from_file))))
    assert resolve_features(again) == resolve_features(from_file)


def test_the_file_is_sought_where_it_is_named(statistics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = statistics.parent.parent
    (folder / "jobs").mkdir()
    (folder / "base.yaml").write_text("mel: {bands: 3}\ncmvn: {mode: meanvar, over: global, file: stats/global.npz}\n")
    (folder / "jobs" / "shared.yaml").write_text("extends: ../base.yaml\nfeatures: {mel: {}}\n")
    own = "features: {mel: {mel: {bands: 3}, cmvn: {mode: mean, over: global, file: ../stats/global.npz}}}\n"
    (folder / "jobs" / "own.yaml").write_text(own)
    for name in ("shared", "own"):
        config = load_config(folder / "jobs" / f"{name}.yaml")
        assert resolve_features(config)["mel"].cmvn.mean == (0.0, 0.25, 3.0)
    monkeypatch.chdir(statistics.parent)
    config = load_config(folder / "jobs" / "shared.yaml", overrides=["cmvn.file=global.npz"])
    assert resolve_features(config)["mel"].cmvn.mean == (0.0, 0.25, 3.0)


def test_a_file_that_nothing_is_normalised_with_is_not_looked_at() -> None:
    only_stft = {"cmvn": {**GLOBAL, "file": "nowhere.npz"}, "features": {"stft": {}}}
    assert resolve_features(load_config(only_stft))["stft"].cmvn.file is None


def test_the_complaint_is_about_the_line_that_names_the_file(tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text("cmvn:\n  mode: mean\n  over: global\n  file: nowhere.npz\nfeatures:\n  mfcc:\n")
    message = refusal(job)
    assert message == (f"{job}: 1 problem\n  line 4   cmvn.file   {tmp_path / 'nowhere.npz'}: there is no such file")
    assert "  --set   cmvn.file   other.npz: there is no such file" in refusal(job, "cmvn.file=other.npz")
    job.write_text("features:\n  mfcc:\n    cmvn: {mode: mean, over: global, file: nowhere.npz}\n")
    assert "  line 3   features.mfcc.cmvn.file   " in refusal(job)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"mel.mean": np.ones(3)}, "there is no array mfcc.mean  (there are: mel.mean)"),
        ({}, "there is no array mfcc.mean  (there are: none)"),
        ({"mfcc.mean": np.ones(3)}, "there is no array mfcc.variance  (there are: mfcc.mean)"),
        ({"mfcc.mean": np.ones((1, 3))}, "mfcc.mean is 1x3 of float64; wanted is one number a column"),
        ({"mfcc.mean": np.float64(1)}, "mfcc.mean is a single value of float64; wanted is one number a column"),
        ({"mfcc.mean": np.array(["a"])}, "mfcc.mean is 1 of <U1; wanted is one number a column"),
        ({"mfcc.mean": np.ones(3, complex)}, "mfcc.mean is 3 of complex128; wanted is one number a column"),
        ({"mfcc.mean": np.array([1.0, np.nan])}, "mfcc.mean holds NaN or infinity"),
        ({"mfcc.mean": np.ones(2), "mfcc.variance": np.array([1.0, np.inf])}, "mfcc.variance holds NaN or infinity"),
        (
            {"mfcc.mean": np.ones(2), "mfcc.variance": np.ones(3)},
            "mfcc.variance holds 3 numbers but mfcc has 2 columns; it needs one number a column",
        ),
        (
            {"mfcc.mean": np.ones(2), "mfcc.variance": np.array([1, -1])},
            "mfcc.variance holds -1; no variance is below 0",
        ),
        (
            {"mfcc.mean": np.ones(80), "mfcc.variance": np.ones(80)},
            "mfcc.mean holds 80 numbers but mfcc has 2 columns; it needs one number a column",
        ),
        (
            {"mfcc.mean": np.array([1, 1e30]), "mfcc.variance": np.ones(2)},
            "mfcc.mean holds 1e+30, too large for float32; at most 1e+24, or set compute.precision: float64",
        ),
    ],
)
def test_a_file_that_lacks_what_is_wanted_is_refused(tmp_path: Path, arrays: dict[str, Any], problem: str) -> None:
    path = tmp_path / "s.npz"
    save_arrays(path, arrays)
    message = refusal({**SMALL, "cmvn": {**GLOBAL, "file": path}, "features": {"mfcc": {}}})
    assert message == f"config: 1 problem\n  -   cmvn.file   {path}: {problem}"


def test_what_is_no_npz_file_is_refused(tmp_path: Path) -> None:
    def problem(path: Path) -> str:
        return refusal({"cmvn": {**GLOBAL, "file": path}, "features": {"mfcc": {}}})

    text, array, pickled, cut = (tmp_path / name for name in ("a.txt", "b.npy", "c.npz", "d.npz"))
    text.write_text("mean: 1")
    np.save(array, np.ones(3))
    save_arrays(pickled, {"mfcc.mean": np.array([{}], object)})
    save_arrays(cut, {"mfcc.mean": np.ones(1000)})
    cut.write_bytes(cut.read_bytes()[:500])
    for path in (text, array, pickled, cut):
        assert f"{path}: not an .npz file of numbers, as numpy.savez writes them: " in problem(path)
    assert f"{tmp_path}: cannot be read: Is a directory" in problem(tmp_path)


def test_a_complaint_about_the_file_comes_with_all_others(tmp_path: Path) -> None:
    save_arrays(tmp_path / "s.npz", {"mfcc.mean": np.ones(13)})
    job = tmp_path / "job.yaml"
    job.write_text(
        "mel: {bandz: 4}\ncmvn:\n  mode: mean\n  over: global\n  file: s.npz\ndeltas: {orders: 1}\nfeatures: {mfcc: }\n"
    )
    heading, first, second = refusal(job).splitlines()
    assert heading.endswith(": 2 problems")
    assert "line 1   mel.bandz " in first
    assert second.endswith("s.npz: mfcc.mean holds 13 numbers but mfcc has 26 columns; it needs one number a column")
    assert "line 5   cmvn.file " in second


def test_columns_are_not_counted_where_what_decides_them_is_wrong_itself(tmp_path: Path) -> None:
    save_arrays(tmp_path / "s.npz", {"mfcc.mean": np.ones(20)})
    cmvn = {"mode": "mean", "over": "global", "file": tmp_path / "s.npz"}
    message = refusal({"mfcc": {"n": 20.0}, "cmvn": cmvn, "features": {"mfcc": {}}})
    assert message == "config: 1 problem\n  -   mfcc.n   expected a whole number, got 20.0"


CHOICES: dict[str, list[str]] = {
    "mel.bands": ["23", "40"],
    "mfcc.n": ["2", "20"],
    "mfcc.c0": ["keep", "drop", "last", "energy"],
    "energy.column": ["none", "first", "last"],
    "deltas.orders": ["0", "1", "2"],
    "frame.n_fft": ["400", "511", "512"],
    "spectrum.output": ["magnitude", "db"],
    "features.mfcc.deltas.orders": ["0", "1"],
}


@settings(deadline=None, max_examples=60)
@given(st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in CHOICES.items()}))
def test_columns_are_those_that_the_frontend_gives(chosen: dict[str, str]) -> None:
    every: dict[str, Any] = {"features": {"spectrogram": {}, "mel": {}, "log_mel": {}, "mfcc": {}}}
    config = load_config(every, overrides=[f"{key}={value}" for key, value in chosen.items()])
    wanted = {spec.name: spec.dims for spec in feature_specs(config)}
    assert {name: columns_of(feature, config) for name, feature in resolve_features(config).items()} == wanted
