"""The README's examples of reading in Python, run as they stand on a store of the name that they use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from labelled_store import make_labelled_store
from readme import code_blocks, section
from store_suite import random_arrays

FRAMES = {"anna/monday": 240, "anna/tuesday": 95, "ben/friday": 150}
ARRAYS = {key: random_arrays(n_frames, seed=n_frames) for key, n_frames in FRAMES.items()}
LABELS = ["yes", "no", "yes"]


pytestmark = pytest.mark.usefixtures("tensorflow_on_cpu")


@pytest.fixture(autouse=True)
def _folder_with_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_labelled_store(tmp_path / "features", ARRAYS, {"label": LABELS})
    monkeypatch.chdir(tmp_path)


def run_example(mark: str) -> dict[str, Any]:
    """Run the one example of the chapter on Python that contains ``mark``; its variables."""
    (found,) = [block for block in code_blocks(section("Python")) if mark in block]
    variables: dict[str, Any] = {}
    exec(compile(found, "README.md", "exec"), variables)
    return variables


def test_the_example_of_clips_by_number() -> None:
    variables = run_example("index_of")
    assert variables["number"] == 0
    assert variables["labels"] == dict(zip(FRAMES, LABELS, strict=True))
    assert variables["arrays"].keys() == {"anna/monday", "ben/friday"}
    np.testing.assert_array_equal(variables["arrays"]["ben/friday"]["log_mel"], ARRAYS["ben/friday"]["log_mel"])


def test_the_example_of_patches() -> None:
    patches = run_example("patches(")["patches"]
    assert [(place.key, place.start_frame) for place in map(patches.place, range(len(patches)))] == [
        *(("anna/monday", start) for start in (0, 48, 96, 144)),
        *(("ben/friday", start) for start in (0, 48)),
    ]
    np.testing.assert_array_equal(patches[1], ARRAYS["anna/monday"]["log_mel"][48:144])


def test_the_example_of_tensorflow() -> None:
    variables = run_example("to_tf")
    batch = variables["batch"]
    assert batch["log_mel"].shape.as_list() == [3, None, 5]
    labels = dict(zip((key.decode() for key in batch["key"].numpy()), batch["meta.label"].numpy(), strict=True))
    assert labels == {key: label.encode() for key, label in zip(FRAMES, LABELS, strict=True)}
    (dense,) = variables["dense"]
    assert dense["log_mel"].shape == (3, 240, 5)


class DataLoader:
    """Does in one process what PyTorch's does in several."""

    def __init__(
        self,
        dataset: Sequence[Any],
        *,
        batch_sampler: Iterable[list[int]],
        collate_fn: Callable[[list[Any]], Any],
        num_workers: int,
    ) -> None:
        self._batches = (collate_fn([dataset[position] for position in batch]) for batch in batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        return self._batches


def test_the_example_of_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {name: ModuleType(name) for name in ("torch", "torch.utils", "torch.utils.data")}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    modules["torch"].from_numpy = np.array  # type: ignore[attr-defined]
    modules["torch.utils.data"].DataLoader = DataLoader  # type: ignore[attr-defined]
    batch = run_example("to_torch")["batch"]
    assert sorted(batch["key"]) == sorted(FRAMES)
    assert batch["log_mel"].shape == (3, 240, 5)
    assert batch["frames"].tolist() == [FRAMES[key] for key in batch["key"]]


@pytest.mark.parametrize("name", ["patches", "to_tf", "to_torch", "read_at", "clip_at", "column", "rows", "to_numpy"])
def test_every_way_of_reading_is_told(name: str) -> None:
    assert f"{name}(" in section("Python")
