"""The recipe of spoken digits in its short form: synthesised words, few takes, and a process that serves them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from laying import on_cpu
from readme import code_blocks, section
from recipes import RECIPES, recipe_file

import audiofeat


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    recipe_file("digits", "synthesise").synthesise(folder / "wav", speakers=3, takes=12)
    return folder


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    on_cpu()
    return recipe_file("digits")


@pytest.fixture(scope="module")
def figures(digits: Path, recipe: ModuleType) -> dict[str, float]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sys.argv", ["recipe.py", str(digits / "wav"), str(digits / "out"), "--epochs=3", "--official-only"]
        )
        recipe.main()
    found: dict[str, float] = json.loads((digits / "out" / "figures.json").read_text())
    return found


@pytest.fixture(scope="module")
def store(digits: Path, figures: dict[str, float]) -> Iterator[Any]:
    assert figures
    with audiofeat.open_store(digits / "out" / "features") as store:
        yield store


def test_digits_are_told_apart_and_served_as_they_are_classified(figures: dict[str, float]) -> None:
    assert "import audiofeat" not in (RECIPES / "digits" / "serve.py").read_text()
    assert figures["accuracy, official split"] > 0.9
    assert figures["served clips"] == 150
    assert figures["served with another answer"] == 0
    assert figures["served, largest difference"] < 1e-5


def test_the_frontend_gives_what_the_store_holds(store: Any, digits: Path) -> None:
    frontend = audiofeat.Frontend(RECIPES / "digits" / "digits.yaml")
    for key in list(store)[::30]:
        samples, rate = soundfile.read(digits / "wav" / f"{key}.wav", dtype="float32")
        assert rate == frontend.sample_rate_hz
        np.testing.assert_allclose(frontend(samples)["log_mel"], store[key]["log_mel"], rtol=0, atol=1e-5)


def test_the_ten_lines_of_the_readme_are_true(
    digits: Path, recipe: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recipe
    import tensorflow as tf

    text = section("The same features inside a model")
    (example,) = [block for block in code_blocks(text) if "keras.layers.GRU" in block]
    (digits / "digits").symlink_to(digits / "wav")
    (digits / "scripts").symlink_to(RECIPES.parent)
    monkeypatch.chdir(digits)
    exec(compile(example.replace("epochs=10", "epochs=2"), "README.md", "exec"), {})
    served = tf.saved_model.load("model")
    samples, _ = soundfile.read("digits/7_high_0.wav", dtype="float32")
    assert int(served.serve(samples[None])[0].numpy().argmax()) == 7
