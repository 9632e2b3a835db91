"""``cmvn.file``: the numbers in it become the config's own, and every way in which it can be wrong is told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiofeat.config import digest_of, load_config, numbers_config, resolve_features, stored_config
from audiofeat.errors import ConfigError

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
    np.savez(path, **arrays)
    return path


def refusal(config: Any, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(config, overrides=overrides)
    return str(caught.value)


def test_each_feature_gets_its_own_numbers_and_the_file_is_forgotten(statistics: Path) -> None:
    config = load_config({"cmvn": {**GLOBAL, "file": statistics}, "features": {"mfcc": {}, "mel": {}, "stft": {}}})
    features = resolve_features(config)
    assert features["mfcc"].cmvn.mean == (float(np.float32(0.1)), -2.0)
    assert features["mfcc"].cmvn.variance == (1.0, 4.0)
    assert features["mel"].cmvn.mean == (0.0, 0.25, 3.0)
    assert math.copysign(1.0, features["mel"].cmvn.mean[0]) == 1.0
    assert {feature.cmvn.file for feature in features.values()} == {None}
    assert "global.npz" not in json.dumps(stored_config(config))


def test_the_mean_alone_needs_no_variance(tmp_path: Path) -> None:
    np.savez(tmp_path / "means.npz", **{"mfcc.mean": np.ones(13)})  # type: ignore[arg-type]
    config = load_config(
        {"cmvn": {"mode": "mean", "over": "global", "file": tmp_path / "means.npz"}, "features": {"mfcc": {}}}
    )
    assert resolve_features(config)["mfcc"].cmvn.mean == (1.0,) * 13


def test_where_the_numbers_lie_makes_no_difference(statistics: Path) -> None:
    from_file = load_config({"cmvn": {**GLOBAL, "file": statistics}, "features": {"mel": {}}})
    cmvn = {**GLOBAL, "mean": [0.0, 0.25, 3.0], "variance": [1, 0, 2]}
    written = load_config({"features": {"mel": {"cmvn": cmvn}}})
    assert digest_of(stored_config(from_file)) == digest_of(stored_config(written))
    assert digest_of(numbers_config(from_file)) == digest_of(numbers_config(written))
    again = load_config(json.loads(json.dumps(stored_config(from_file))))
    assert resolve_features(again) == resolve_features(from_file)


def test_the_file_is_sought_where_it_is_named(statistics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = statistics.parent.parent
    (folder / "jobs").mkdir()
    (folder / "base.yaml").write_text("cmvn: {mode: meanvar, over: global, file: stats/global.npz}\n")
    (folder / "jobs" / "shared.yaml").write_text("extends: ../base.yaml\nfeatures: {mel: {}}\n")
    own = "features: {mel: {cmvn: {mode: mean, over: global, file: ../stats/global.npz}}}\n"
    (folder / "jobs" / "own.yaml").write_text(own)
    for name in ("shared", "own"):
        config = load_config(folder / "jobs" / f"{name}.yaml")
        assert resolve_features(config)["mel"].cmvn.mean == (0.0, 0.25, 3.0)
    monkeypatch.chdir(statistics.parent)
    config = load_config(folder / "jobs" / "shared.yaml", overrides=["cmvn.file=global.npz"])
    assert resolve_features(config)["mel"].cmvn.mean == (0.0, 0.25, 3.0)


def test_a_file_that_nothing_is_normalised_with_is_not_looked_at() -> None:
    for cmvn in ({"over": "global", "file": "nowhere.npz"}, {"file": "nowhere.npz"}):
        assert load_config({"cmvn": cmvn, "features": {"mfcc": {}}}).cmvn.file is None
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
            "mfcc.mean holds 2 numbers, but mfcc.variance holds 3 numbers; each needs one a column",
        ),
        (
            {"mfcc.mean": np.ones(2), "mfcc.variance": np.array([1, -1])},
            "mfcc.variance holds -1; no variance is below 0",
        ),
    ],
)
def test_a_file_that_lacks_what_is_wanted_is_refused(tmp_path: Path, arrays: dict[str, Any], problem: str) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, **arrays)
    message = refusal({"cmvn": {**GLOBAL, "file": path}, "features": {"mfcc": {}}})
    assert message == f"config: 1 problem\n  -   cmvn.file   {path}: {problem}"


def test_what_is_no_npz_file_is_refused(tmp_path: Path) -> None:
    def problem(path: Path) -> str:
        return refusal({"cmvn": {**GLOBAL, "file": path}, "features": {"mfcc": {}}})

    text, array, pickled, cut = (tmp_path / name for name in ("a.txt", "b.npy", "c.npz", "d.npz"))
    text.write_text("mean: 1")
    np.save(array, np.ones(3))
    np.savez(pickled, **{"mfcc.mean": np.array([{}], object)})  # type: ignore[arg-type]
    np.savez(cut, **{"mfcc.mean": np.ones(1000)})  # type: ignore[arg-type]
    cut.write_bytes(cut.read_bytes()[:500])
    for path in (text, array, pickled, cut):
        assert f"{path}: not an .npz file of numbers, as numpy.savez writes them: " in problem(path)
    assert f"{tmp_path}: cannot be read: Is a directory" in problem(tmp_path)
