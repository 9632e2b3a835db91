"""What holds on a GPU. Where there is none these tests are deselected, and the run says so (see conftest).

Tolerances are those within which presets are held to their libraries (test_parity.py): no GPU was at hand to measure.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from running import audiofeat, contents, differences, write_clip

from audiofeat.api import open_store
from audiofeat.device import visible_gpus

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

TOLERANCE = 5e-3
"""In dB, of bands that are not silent; rounding of two float32 FFTs in the quietest bins is 1e-3."""


@pytest.fixture(scope="module")
def long_clips(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short clips, beside one of 20 minutes: longer than a GPU's tape."""
    folder = tmp_path_factory.mktemp("long")
    for path in clips.rglob("*.wav"):
        (folder / path.relative_to(clips)).parent.mkdir(exist_ok=True)
        (folder / path.relative_to(clips)).symlink_to(path)
    write_clip(folder / "long.wav", seed=1, seconds=1_200.0)
    return folder


@pytest.fixture(scope="module")
def on_gpu(long_clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extract(long_clips, tmp_path_factory.mktemp("gpu") / "store", job, "--device", "gpu:0", "--workers", "1")


def extract(source: Path, store: Path, job: Path, *options: str, **variables: str) -> Path:
    done = audiofeat("extract", source, store, "--config", job, "--quiet", *options, **variables)
    assert done.code == 0, done.err
    return store


def largest_difference(one: Path, other: Path) -> float:
    """Over all clips and features, of the values of any size relative to the larger of 1 and theirs."""
    worst = 0.0
    with open_store(one) as these, open_store(other) as those:
        for key in these:
            for name, rows in these[key].items():
                scale = np.maximum(1.0, np.abs(rows))
                worst = max(worst, float((np.abs(rows - those[key][name]) / scale).max(initial=0.0)))
    return worst


def test_the_numbers_are_the_cpus_but_for_rounding(on_gpu: Path, long_clips: Path, job: Path, tmp_path: Path) -> None:
    on_cpu = extract(long_clips, tmp_path / "cpu", job, "--device", "cpu")
    assert largest_difference(on_gpu, on_cpu) < TOLERANCE


@pytest.mark.parametrize("workers", ["1", "4", "7"])
def test_the_bytes_are_the_same_each_time_by_any_number_of_lanes(
    on_gpu: Path, long_clips: Path, job: Path, tmp_path: Path, workers: str
) -> None:
    """Seven are too many for one process: each then has its own, and another one computes."""
    again = extract(long_clips, tmp_path / "again", job, "--device", "gpu:0", "--workers", workers)
    assert differences(on_gpu, again) == []


def test_a_clip_alone_has_the_bits_that_it_has_beside_others(on_gpu: Path, job: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "source" / "long.wav", seed=1, seconds=1_200.0)
    alone = extract(tmp_path / "source", tmp_path / "alone", job, "--device", "gpu:0")
    with open_store(on_gpu) as these, open_store(alone) as those:
        for name, rows in these["long"].items():
            np.testing.assert_array_equal(rows, those["long"][name], err_msg=name)


@pytest.mark.parametrize("slots", ["2048", "16384"])
def test_another_tape_is_another_store_of_numbers_as_good(
    on_gpu: Path, long_clips: Path, job: Path, tmp_path: Path, slots: str
) -> None:
    """Where this finds no difference at all on every GPU that counts, a smaller tape could be taken unasked."""
    other = extract(long_clips, tmp_path / slots, job, "--device", "gpu:0", "--set", f"compute.tape_slots={slots}")
    assert largest_difference(on_gpu, other) < TOLERANCE
    stored = json.loads((other / "store.json").read_text())
    assert stored["config"]["compute"]["tape_slots"] == int(slots)


def test_a_rerun_finds_nothing_to_do_and_auto_stays_on_the_gpu(on_gpu: Path, long_clips: Path, job: Path) -> None:
    before = contents(on_gpu)
    extract(long_clips, on_gpu, job)
    assert contents(on_gpu) == before


def test_a_gpu_that_is_not_there_is_named(long_clips: Path, job: Path, tmp_path: Path) -> None:
    done = audiofeat("extract", long_clips, tmp_path, "--config", job, "--device", "gpu:99")
    assert done.code == 13
    assert "there is no GPU 99" in done.err


def test_a_tape_that_the_gpu_cannot_hold_names_the_option(long_clips: Path, tmp_path: Path) -> None:
    """Frames of half a million samples, in float64: hundreds of gigabytes."""
    options = ["frame.win_samples=524288", "frame.n_fft=524288", "frame.hop_samples=64", "compute.precision=float64"]
    sets = [word for option in options for word in ("--set", option)]
    done = audiofeat(
        "extract", long_clips, tmp_path / "store", "--config", "librosa-logmel", "--device", "gpu:0", *sets
    )
    assert done.code == 13
    assert "compute.tape_slots" in done.err
    assert "--device cpu" in done.err


@pytest.mark.parametrize("workers", ["2", "12"])
def test_two_gpus_make_the_bytes_of_one(
    on_gpu: Path, long_clips: Path, job: Path, tmp_path: Path, workers: str
) -> None:
    if len(visible_gpus(os.environ)) < 2:
        pytest.skip("there is one GPU")
    both = extract(long_clips, tmp_path / "both", job, "--device", "gpu:0,1", "--workers", workers)
    assert differences(on_gpu, both) == []


def test_the_doctor_tries_each_gpu() -> None:
    done = audiofeat("doctor")
    for number in range(len(visible_gpus(os.environ))):
        assert f"GPU {number} (" in done.out
