"""Golden files: what they keep, what they say, and that every preset has one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from preset_signals import signals

from audiofeat.config import preset_names
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.errors import DamageError
from audiofeat.parity.excerpts import RefusedError, few_of
from audiofeat.parity.goldens import About, Golden, digest_of_signal, read_golden
from audiofeat.parity.signals import noise

PRESET = "tf-tutorial"


def some_golden(rows: Array, samples: Samples) -> Golden:
    about = About(
        system="some library 1.0",
        packages={"numpy": "2.0"},
        signals={"noise": digest_of_signal(samples), "silence": "0"},
        distance_db={"noise": 1e-4},
        refused={"half_a_window": "ValueError: too short"},
    )
    return Golden(PRESET, about, {"noise": few_of(rows)})


def test_a_golden_file_keeps_edges_middle_and_all_columns() -> None:
    rows = np.arange(100 * 40, dtype=np.float32).reshape(100, 40)
    excerpt = few_of(rows)
    assert excerpt.rows.tolist() == [0, 1, 31, 50, 99]
    np.testing.assert_array_equal(excerpt.values, rows[[0, 1, 31, 50, 99]])
    np.testing.assert_array_equal(excerpt.of(rows), excerpt.values)


@pytest.mark.parametrize(("n_rows", "kept"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (33, [0, 1, 16, 31, 32])])
def test_of_few_rows_it_keeps_those_there_are(n_rows: int, kept: list[int]) -> None:
    assert few_of(np.zeros((n_rows, 3))).rows.tolist() == kept


def test_of_many_columns_it_keeps_some_from_the_first_to_the_last() -> None:
    excerpt = few_of(np.zeros((4, 1025), np.complex64))
    assert excerpt.values.shape == (4, 64)
    assert excerpt.columns[[0, -1]].tolist() == [0, 1024]


def test_a_golden_file_is_the_same_bytes_for_the_same_content() -> None:
    rows, samples = np.ones((3, 4), np.float32), noise(400)
    assert some_golden(rows, samples).to_bytes() == some_golden(rows.copy(), samples.copy()).to_bytes()


def test_a_golden_file_says_what_a_library_gave_or_refused() -> None:
    rows, samples = np.ones((3, 4), np.float32), noise(400)
    golden = some_golden(rows, samples)
    np.testing.assert_array_equal(golden.wanted("noise", samples).values, rows)
    with pytest.raises(DamageError, match=f"the golden file of {PRESET} is of another signal noise"):
        golden.wanted("noise", noise(401))
    refusing = replace(golden, about=replace(golden.about, signals={"half_a_window": digest_of_signal(samples)}))
    with pytest.raises(RefusedError, match="ValueError: too short"):
        refusing.wanted("half_a_window", samples)


def test_what_is_read_is_what_was_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "goldens").mkdir()
    golden = some_golden(np.arange(12.0).reshape(3, 4), noise(400))
    (tmp_path / "goldens" / f"{PRESET}.npz").write_bytes(golden.to_bytes())
    monkeypatch.setattr("audiofeat.parity.goldens.files", lambda package: tmp_path)
    found = read_golden(PRESET)
    assert found.about == golden.about
    np.testing.assert_array_equal(found.excerpts["noise"].values, golden.excerpts["noise"].values)
    assert found.excerpts["noise"].shape == (3, 4)
    assert found.to_bytes() == golden.to_bytes()


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_golden_file_that_cannot_be_read_is_damage(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "goldens").mkdir()
    if content is not None:
        (tmp_path / "goldens" / f"{PRESET}.npz").write_bytes(content)
    monkeypatch.setattr("audiofeat.parity.goldens.files", lambda package: tmp_path)
    with pytest.raises(DamageError, match=f"the golden file of {PRESET} cannot be read"):
        read_golden(PRESET)


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_has_a_golden_file_of_a_few_kilobytes(preset: str) -> None:
    golden, names = read_golden(preset), set(signals(preset))
    assert golden.about.signals == {
        name: digest_of_signal(samples_of()) for name, samples_of in signals(preset).items()
    }
    assert set(golden.excerpts) | set(golden.about.refused) == names
    assert len(golden.to_bytes()) < 25_000
