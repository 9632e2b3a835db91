"""The effects recipe in its short form: a second and a half of each recording, three of its models, five epochs."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import soundfile
from laying import on_cpu
from recipes import RECIPES, recipe_file
from running import environment

import audiofeat

RECIPE = RECIPES / "effects"
MODELS, EPOCHS = ("linear", "tied", "spectral"), 5
STEP, WINDOW = 4_410, 22_050


windows = recipe_file("effects", "windows")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("effects")
    chosen = [argument for name in MODELS for argument in ("--model", name)]
    command = [sys.executable, RECIPE / "recipe.py", out, "--seconds", "1.5", "--epochs", str(EPOCHS), *chosen]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def figures(out: Path) -> list[dict[str, Any]]:
    with (out / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    words = ("model", "part")
    return [{name: value if name in words else float(value) for name, value in row.items()} for row in rows]


@pytest.fixture(scope="module")
def store(out: Path) -> Any:
    with audiofeat.open_store(out / "store") as store:
        yield store


@pytest.fixture(scope="module")
def recordings(store: Any) -> Any:
    return windows.Recordings(store, test="piano")


def test_models_reach_what_the_course_project_had(figures: list[dict[str, Any]]) -> None:
    last = {row["model"]: row["ratio"] for row in figures if row["part"] == "test"}
    assert last["linear"] < 0.0345 / 0.104
    assert last["tied"] < 0.0095 / 0.104
    assert last["spectral"] < last["tied"]


def test_every_epoch_has_figures_of_every_part(figures: list[dict[str, Any]]) -> None:
    found = [(row["model"], row["epoch"], row["part"]) for row in figures]
    parts = ("training", "validation", "test")
    assert found == [(model, epoch, part) for model in MODELS for epoch in range(1, EPOCHS + 1) for part in parts]
    for row in figures:
        assert row["rmse"] ** 2 == pytest.approx(row["mse"])
        assert row["rmse"] / row["reference_deviation"] == pytest.approx(row["ratio"])
        assert row["error_deviation"] <= row["rmse"]
    for part in parts:
        assert len({row["reference_deviation"] for row in figures if row["part"] == part}) == 1


def test_each_channel_is_a_clip_of_samples_as_they_are(out: Path, store: Any) -> None:
    stereo = {
        f"{side}/{name}#{channel}"
        for side in ("pre", "post")
        for name in ("saw", "sine", "square")
        for channel in (0, 1)
    }
    assert set(store) == stereo | {"pre/piano#0", "post/piano#0"}
    samples, rate_hz = soundfile.read(out / "data/pre/saw.wav", dtype="int16")
    assert rate_hz == 10 * STEP
    for channel in (0, 1):
        stored = store[f"pre/saw#{channel}"]["waveform"]
        assert stored.dtype == np.float32
        np.testing.assert_array_equal(stored.ravel() * 32768, samples[:, channel])


def test_windows_are_half_a_second_a_tenth_apart_and_aligned(out: Path, recordings: Any) -> None:
    dry, wet = recordings.of("sine#1")
    for side, found in (("pre", dry), ("post", wet)):
        samples = soundfile.read(out / f"data/{side}/sine.wav", dtype="float32")[0][:, 1]
        wanted = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]
        np.testing.assert_array_equal(found, wanted)


def test_no_sample_that_is_held_out_is_trained_on(store: Any, recordings: Any) -> None:
    patches = store.patches("waveform", length=5, step=1, keys=[f"pre/{name}" for name in recordings.names])
    seen: dict[str, dict[str, set[int]]] = {}
    for part, numbers in recordings.parts.items():
        for place in (patches.place(int(number)) for number in numbers):
            rows = range(place.start_frame, place.start_frame + place.n_frames)
            seen.setdefault(place.key, {}).setdefault(part, set()).update(rows)
    assert seen.pop("pre/piano#0") == {"test": set(range(15))}
    assert len(seen) == 6
    for parts in seen.values():
        assert parts == {"training": set(range(10)), "validation": set(range(10, 15))}


def test_order_is_another_one_each_epoch(recordings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu()
    monkeypatch.syspath_prepend(RECIPE)
    for name in ("models", "windows"):
        monkeypatch.setitem(sys.modules, name, recipe_file("effects", name))
    pairs = recipe_file("effects", "training").Pairs(recordings, seed=1)
    first = np.concatenate([pairs[batch][0] for batch in range(len(pairs))])
    pairs.on_epoch_end()
    second = np.concatenate([pairs[batch][0] for batch in range(len(pairs))])
    assert len(first) == len(recordings.parts["training"]) == 36
    assert not np.array_equal(first, second)
    assert sorted(map(bytes, first)) == sorted(map(bytes, second))


@pytest.mark.parametrize("model", MODELS)
def test_predictions_do_not_click_where_windows_end(out: Path, model: str) -> None:
    made, rate_hz = soundfile.read(out / model / "piano#0.wav")
    reference, _ = soundfile.read(out / "data/post/piano.wav")
    assert (len(made), rate_hz) == (len(reference), 10 * STEP)
    steps = np.abs(np.diff(made - reference))
    borders = np.arange(STEP, len(made), STEP) - 1
    assert steps[borders].max() <= np.delete(steps, borders).max()
    assert np.square(steps[borders]).mean() < 2 * np.square(steps).mean()


def test_windows_that_disagree_fade_into_each_other() -> None:
    levels = np.array([0.0, 1.0, -1.0, 1.0])
    joined = windows.overlap_added(np.repeat(levels[:, None], WINDOW, axis=1))
    assert len(joined) == 3 * STEP + WINDOW
    assert np.abs(np.diff(joined)).max() < 1e-3
    signal = np.random.default_rng(0).normal(size=3 * STEP + WINDOW)
    cut = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::STEP]
    np.testing.assert_allclose(windows.overlap_added(cut), signal, rtol=0, atol=1e-12)


class Rows(dict[str, int]):
    """A store, as far as its keys and numbers of rows go."""

    @property
    def frame_counts(self) -> list[int]:
        return list(self.values())

    def index_of(self, key: str) -> int:
        return list(self).index(key)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"pre/a": 20}, "pre/a has no partner post/a"),
        ({"pre/a": 20, "post/a": 19}, "a has 20 tenths of a second in pre and 19 in post"),
    ],
)
def test_recordings_without_an_equal_partner_are_refused(rows: dict[str, int], complaint: str) -> None:
    with pytest.raises(click.ClickException, match=complaint):
        windows.Recordings(Rows(rows), test="piano")


def test_a_test_that_is_not_there_is_refused(store: Any) -> None:
    with pytest.raises(click.ClickException, match="no windows for test"):
        windows.Recordings(store, test="organ")


def test_the_picture_shows_all_that_was_trained(out: Path) -> None:
    assert (out / "effects.png").read_bytes().startswith(b"\x89PNG")
    lines = (out / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[:5]] == [
        "| model",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(f"| {name}" for name in MODELS),
    ]
