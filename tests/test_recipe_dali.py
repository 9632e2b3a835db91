"""The recipe that compares with librosa what DALI's example does; DALI itself has no place among the tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from laying import on_cpu
from recipes import recipe_file

ROWS = ["spectrogram", "mel, 128 bands", "mfcc, 40", "mfcc, 40, lifter 22"]
pytestmark = pytest.mark.filterwarnings("ignore:.* slated for removal in Python 3.13:DeprecationWarning")
"""librosa.load imports modules that Python is about to drop."""

STUB = """\
import sys
import numpy as np
script, given, found = sys.argv[1:]
window = np.load(given)["window"]
assert script.endswith("dali_features.py") and window.shape == (2048,) and window[1024] == 1.0
np.savez(found, **{prefix + "mfcc, 40": 1.0 for prefix in ("own ", "librosa's ")})
"""


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    on_cpu()
    return recipe_file("dali")


def test_all_is_within_its_bounds_of_librosa(recipe: ModuleType, tmp_path: Path) -> None:
    done = CliRunner().invoke(recipe.main, ["--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    assert cells[0] == ["mean and largest, dB", "audiofeat, float32", "audiofeat, float64"]
    assert [row[0] for row in cells[2:]] == ROWS
    for _, *differences in cells[2:]:
        for text, most_db in zip(differences, (2e-3, 2e-5), strict=True):
            mean, largest = map(float, text.split(", "))
            assert 0.0 < mean <= largest < most_db
    for name in ("apart.png", "features.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    samples, _ = soundfile.read(tmp_path / "speech.wav")
    on_the_floor = recipe.by_librosa(samples)["spectrogram"] == -80.0
    assert 0.5 < on_the_floor.mean() < 0.95


def test_dali_is_run_by_the_python_that_has_it(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "stub.py").write_text(STUB)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "stub.py"}" "$@"\n')
    python.chmod(0o755)
    found = recipe.by_dali(python, np.zeros(8, np.float32))
    assert {title: list(arrays) for title, arrays in found.items()} == {
        "DALI": ["mfcc, 40"],
        "DALI, librosa's window": ["mfcc, 40"],
    }
