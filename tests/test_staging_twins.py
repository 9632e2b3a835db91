"""Several processes that give the same folder its name at the same time: each gets through, whoever is faster."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiofeat.errors import StorageError
from audiofeat.store.staging import commit, staged


def fill(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "array.npy").write_bytes(content)
    return folder


class Twin:
    """Another process that does its steps before this one's renames."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, final: Path) -> None:
        self.final = final
        self.renames = 0
        self._steps: dict[int, Callable[[], object]] = {}
        self._replace = os.replace
        monkeypatch.setattr(os, "replace", self._after_its_step)

    def before(self, rename: int, step: Callable[[], object]) -> None:
        self._steps[rename] = step

    def put(self) -> None:
        self._replace(fill(self.final.parent / "twins", b"sound"), self.final)

    def take_away(self) -> None:
        os.rename(self.final, self.final.parent / "aside")

    def _after_its_step(self, source: Path, target: Path) -> None:
        self.renames += 1
        self._steps.get(self.renames, lambda: None)()
        self._replace(source, target)


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Twin:
    return Twin(monkeypatch, tmp_path / "shard")


def commit_sound(final: Path) -> None:
    with staged(final.parent, name="mine") as partial:
        fill(partial, b"sound")
        commit(partial, final, stands=lambda: (final / "array.npy").read_bytes() == b"sound")


def test_what_a_twin_put_there_a_moment_ago_stays(twin: Twin, tmp_path: Path) -> None:
    twin.before(1, twin.put)
    commit_sound(twin.final)
    assert (twin.final / "array.npy").read_bytes() == b"sound"
    assert twin.renames == 1, "nobody else's shard was moved"
    assert os.listdir(tmp_path) == ["shard"]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param({2: ("take_away",)}, id="the damaged one is taken away before"),
        pytest.param({2: ("take_away", "put")}, id="it is replaced before"),
        pytest.param({3: ("put",)}, id="another is there in its place"),
    ],
)
def test_two_that_replace_a_damaged_folder_both_get_through(
    twin: Twin, tmp_path: Path, steps: dict[int, tuple[str, ...]]
) -> None:
    fill(twin.final, b"damaged")
    for number, names in steps.items():
        twin.before(number, lambda names=names: [getattr(twin, name)() for name in names])  # type: ignore[misc]  # bound in the loop
    commit_sound(twin.final)
    assert (twin.final / "array.npy").read_bytes() == b"sound"
    assert set(os.listdir(tmp_path)) <= {"shard", "aside"}


def test_a_disk_that_refuses_leaves_the_folder_that_was_there(twin: Twin, tmp_path: Path) -> None:
    def refuse() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    fill(twin.final, b"damaged")
    twin.before(3, refuse)
    with pytest.raises(StorageError, match="Input/output error"):
        commit_sound(twin.final)
    assert (twin.final / "array.npy").read_bytes() == b"damaged"
    assert os.listdir(tmp_path) == ["shard"]


def test_a_folder_that_never_gives_way_is_an_error_in_the_end(twin: Twin) -> None:
    def be_faster_again() -> None:
        fill(twin.final, b"damaged")

    fill(twin.final, b"damaged")
    for number in range(3, 1_000, 3):  # each attempt: the name, the folder aside, the name again
        twin.before(number, be_faster_again)
    with pytest.raises(StorageError, match="not empty"):
        commit_sound(twin.final)
    assert (twin.final / "array.npy").read_bytes() == b"damaged"
