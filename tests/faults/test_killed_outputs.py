"""``export`` and ``stats --out``, killed at every step that they take on the disk: all of the output, or none."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_store import make_store, settings_for, small_arrays
from store_suite import tree

from audiofeat.export import export_store
from audiofeat.reading.info import StoreInfo
from audiofeat.stats import store_statistics, write_statistics

STEPS = ("open", "mkdir", "fsync", "replace", "rename")
KILLED, DONE = 77, 0


@contextmanager
def dying_at(step: int) -> Iterator[None]:
    """End the process, as SIGKILL would, before its step of that number."""
    taken = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def take(*arguments: object, **options: object) -> object:
            nonlocal taken
            if taken == step:
                os._exit(KILLED)
            taken += 1
            return call(*arguments, **options)

        return take

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        yield


def killed_at_each_step(work: Callable[[], object]) -> Iterator[int]:
    """The numbers of the steps, after a process of its own was killed before each."""
    step = 0
    while True:
        with warnings.catch_warnings():
            # Python 3.12 and later warn of threads beside a fork; those of pytest-xdist hold no lock of ours.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            with dying_at(step):
                try:
                    work()
                    os._exit(DONE)
                finally:
                    os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == DONE:
            return
        assert code == KILLED
        yield step
        step += 1


@pytest.mark.parametrize("to", ["npy", "hdf5", "kaldi", "webdataset"])
def test_fault_42_an_export_that_is_killed_leaves_nothing_under_its_name_and_can_be_done_again(
    tmp_path: Path, to: str
) -> None:
    store = make_store(tmp_path / "store", settings_for(), small_arrays(2)).root
    target = tmp_path / "out"
    export_store(store, tmp_path / "wanted", to=to)
    before = tree(store)
    steps = 0
    for _ in killed_at_each_step(lambda: export_store(store, target, to=to)):
        assert not target.exists() or normal(target) == normal(tmp_path / "wanted")
        steps += 1
        if target.exists():
            break
    assert steps > 4
    assert normal(target) == normal(tmp_path / "wanted")
    assert tree(store) == before


def normal(target: Path) -> dict[str, bytes]:
    """An export's files; in the index of an archive stands its own path."""
    return {name: content.replace(b"/wanted/", b"/out/") for name, content in tree(target).items()}


def test_fault_42_statistics_that_are_killed_leave_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    old, new = (
        store_statistics(StoreInfo(make_store(tmp_path / name, settings_for(), small_arrays(count)).root))
        for name, count in (("old", 3), ("new", 5))
    )
    target = tmp_path / "cmvn.npz"
    write_statistics(target, new)
    newer = target.read_bytes()
    write_statistics(target, old)
    older = target.read_bytes()
    steps = [target.read_bytes() for _ in killed_at_each_step(lambda: write_statistics(target, new))]
    assert steps[0] == older
    assert steps[-1] == newer
    assert set(steps) == {older, newer}
