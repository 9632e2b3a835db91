"""The recipe that holds audiofeat's arrays against tf.signal's: its short form, and that it sees a difference."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from laying import on_cpu
from recipes import recipe_file

SHAPES = {
    "frames 128/32": "497 x 128",
    "stft 256/64": "247 x 129",
    "magnitude 256/64": "247 x 129",
    "patches 64/16": "12 x 64 x 129",
    "overlap-and-add": "15872",
    "stft 1024/512": "30 x 513",
    "power 1024/512": "30 x 513",
    "mel": "30 x 64",
    "log mel": "30 x 64",
    "mfcc 30": "30 x 30",
    "mfcc 13": "30 x 13",
}


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    on_cpu()
    return recipe_file("signals")


def test_each_array_is_what_tf_signal_makes(recipe: ModuleType, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--seconds", "1", "--device", "cpu"]
    done = CliRunner().invoke(recipe.main, arguments)
    assert done.exit_code == 0, done.output
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert {name: shape for name, shape, *_ in rows} == SHAPES
    shares = {name: float(share) for name, _, _, _, share, _ in rows}
    assert shares["frames 128/32"] == 0.0
    assert max(shares.values()) == shares["log mel"] < 1e-4
    assert max(share for name, share in shares.items() if name != "log mel") < 1e-5
    for name in ("features.png", "patches.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_difference_is_not_passed_over(recipe: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = {"stft 256/64": np.ones((3, 2), np.complex64), "log mel": np.ones((3, 2), np.float32)}
    assert recipe.print_table(dict(theirs), theirs)
    assert not recipe.print_table({**theirs, "stft 256/64": theirs["stft 256/64"] + 1e-5j}, theirs)
    assert recipe.print_table({**theirs, "log mel": theirs["log mel"] + np.float32(1e-5)}, theirs)
    assert "1.0e-05" in capsys.readouterr().out
