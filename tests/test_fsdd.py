"""Three thousand spoken digits: every value equal to librosa's, in both kinds of store."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from running import audiofeat

import audiofeat as package
from audiofeat.reading.store import Store

pytestmark = pytest.mark.real_data

RATE_HZ = 8_000
CLIPS = 3_000
Array: TypeAlias = npt.NDArray[np.floating]
Reference: TypeAlias = Callable[[Array], Array]


@pytest.fixture(scope="module")
def digits(real_data: Path) -> Path:
    return real_data / "fsdd"


@pytest.fixture(scope="module")
def logmel_store(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fsdd") / "logmel"
    report = package.extract(digits, path, "librosa-logmel", overrides=[f"audio.sample_rate={RATE_HZ}"])
    assert (report.clips, report.failures) == (CLIPS, {})
    return path


def logmel(samples: Array) -> Array:
    """librosa's log-mel spectrogram with its defaults; shape (frames, 128)."""
    power = librosa.feature.melspectrogram(y=samples, sr=RATE_HZ)
    rows: Array = librosa.power_to_db(power).T
    return rows


def mfcc(samples: Array) -> Array:
    """librosa's MFCC with its defaults; shape (frames, 20)."""
    rows: Array = librosa.feature.mfcc(y=samples, sr=RATE_HZ).T
    return rows


def worst_difference(store: Store, digits: Path, *, feature: str, reference: Reference, dtype: str) -> float:
    """The largest difference from the reference, over all values of all clips."""
    worst = 0.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=2048 is too large", category=UserWarning)
        for key in store:
            samples, rate_hz = soundfile.read(digits / f"{key}.wav", dtype=dtype)
            assert rate_hz == RATE_HZ
            wanted, found = reference(samples), store[key][feature]
            assert found.shape == wanted.shape, key
            worst = max(worst, float(np.abs(found - wanted).max()))
    assert worst > 0
    return worst


def test_log_mel_is_librosas(logmel_store: Path, digits: Path) -> None:
    store = package.open_store(logmel_store)
    assert len(store) == CLIPS
    assert worst_difference(store, digits, feature="log_mel", reference=logmel, dtype="float32") < 2e-3


@pytest.mark.parametrize(
    ("preset", "feature", "reference"),
    [("librosa-logmel", "log_mel", logmel), ("librosa-mfcc", "mfcc", mfcc)],
    ids=["log_mel", "mfcc"],
)
def test_in_double_precision_the_values_are_librosas(
    digits: Path, tmp_path: Path, preset: str, feature: str, reference: Reference
) -> None:
    overrides = [f"audio.sample_rate={RATE_HZ}", "compute.precision=float64"]
    package.extract(digits, tmp_path, preset, overrides=overrides)
    store = package.open_store(tmp_path)
    assert len(store) == CLIPS
    assert worst_difference(store, digits, feature=feature, reference=reference, dtype="float64") < 2e-5


def test_mfcc_is_librosas(digits: Path, tmp_path: Path) -> None:
    package.extract(digits, tmp_path, "librosa-mfcc", overrides=[f"audio.sample_rate={RATE_HZ}"])
    store = package.open_store(tmp_path)
    assert len(store) == CLIPS
    # The DCT sums 128 bands: the bands' differences, a tenth of the bound each, may add up.
    assert worst_difference(store, digits, feature="mfcc", reference=mfcc, dtype="float32") < 2e-3


def test_hdf5_and_npy_have_one_content_digest(logmel_store: Path, digits: Path, tmp_path: Path) -> None:
    overrides = [f"audio.sample_rate={RATE_HZ}"]
    report = package.extract(digits, tmp_path, "librosa-logmel", overrides=overrides, store_format="npy")
    assert report.digest == package.open_store(logmel_store).digest
    assert len(list((tmp_path / "log_mel").glob("*.npy"))) == CLIPS


def test_an_unchanged_rerun_is_quick_and_imports_no_tensorflow(
    logmel_store: Path, digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('an unchanged rerun has no use for TensorFlow')\n")
    options = (
        "--config",
        "librosa-logmel",
        "--set",
        f"audio.sample_rate={RATE_HZ}",
        "--metrics",
        tmp_path / "run.json",
    )
    done = audiofeat("extract", digits, logmel_store, *options, PYTHONPATH=os.fspath(tmp_path))
    assert (done.code, done.err) == (0, "")
    figures = json.loads((tmp_path / "run.json").read_text())
    assert (figures["decoded"], figures["reused"], figures["workers"]) == (0, CLIPS, 0)
    assert figures["wall_seconds"] < 1.5  # 0.2 s on a machine that does nothing else
