"""The recipe of one spectrogram: what is in the picture is what the tutorial computes."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from unittest import mock

import librosa
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from conftest import PROJECT
from laying import on_cpu
from recipes import recipe_file

from audiofeat.dsp.row_blocks import Array
from audiofeat.plot.figure import figure_of
from audiofeat.plot.look import LIGHT
from audiofeat.plot.run import named, shown_clips

FOLDER = PROJECT / "scripts/recipes/spectrogram"
pytestmark = pytest.mark.filterwarnings("ignore:.* slated for removal in Python 3.13:DeprecationWarning")
"""librosa.load imports modules that Python is about to drop."""


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    on_cpu()
    return recipe_file("spectrogram")


def drawn(path: Path, *overrides: str) -> tuple[Array, str]:
    """The array that is in the picture, and what stands beside its bar of colours."""
    config = str(FOLDER / "spectrogram.yaml")
    with mock.patch("audiofeat.plot.of_file._prepare_this_process"):  # TensorFlow has started here, and takes no orders
        clips = shown_clips([named(str(path))], config=config, overrides=overrides, features=None)
    figure = figure_of(clips, features=["spectrogram"], look=LIGHT)
    image, bar = figure.axes[3].images[0], figure.axes[-1]
    return np.asarray(image.get_array()).T, bar.get_ylabel()


@pytest.mark.parametrize(("output", "label", "factor"), [("db", "dB", 20 / np.log(10)), ("ln", "ln magnitude", 1.0)])
def test_the_picture_holds_the_numbers_of_the_tutorial(
    recipe: ModuleType, tmp_path: Path, output: str, label: str, factor: float
) -> None:
    both = np.stack([recipe.birdsong(), np.roll(recipe.birdsong(), 11_025)], axis=1)
    soundfile.write(tmp_path / "song.wav", both, 44_100, subtype="PCM_16")
    samples, _ = librosa.load(tmp_path / "song.wav", sr=None)  # the mean of both channels
    wanted = recipe.tutorial(samples)
    found, name = drawn(tmp_path / "song.wav", f"spectrum.output={output}")
    assert found.shape == wanted.shape
    assert name == label
    assert found.min() == pytest.approx(factor * np.log(1e-10), abs=1e-4)  # there is digital silence in it
    magnitudes = np.exp(found / factor), np.exp(wanted)
    np.testing.assert_allclose(*magnitudes, rtol=0, atol=1e-6 * magnitudes[1].max())
    is_shown = wanted > wanted.max() - 80 / 20 * np.log(10)
    assert np.abs(found - factor * wanted)[is_shown].max() < 0.02 / 8.686 * factor  # 0.02 dB


def test_the_recipe_draws_and_compares(recipe: ModuleType, tmp_path: Path) -> None:
    done = CliRunner().invoke(recipe.main, ["--out", str(tmp_path / "song.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "song.png").read_bytes().startswith(b"\x89PNG")
    said = re.search(r"515 x 129, at most (\S+) dB apart", done.stdout)
    assert said is not None
    assert float(said[1]) < 0.02
