"""A fault at any call of a run and a power cut at any instant: what was reported finished stays, the next run ends it.

The sweeps in full are ``scripts/torture``; here each takes a sample, another call or instant of each kind.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faults.figures import Figures
from faults.missing_guards import GUARDS, Guard, copied_unnoticed, not_guarded
from faults.mutations import without_fsync_at
from faults.scenes import Scene, scenes
from faults.strace_sweep import inject, may_trace, numbers_of
from faults.sweep_calls import FAULTS, Fault, calls_of, disturbed, sweep
from faults.sweep_power import cut_power

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are disturbed in forked processes")


@pytest.fixture(scope="module")
def all_scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    return scenes(tmp_path_factory.mktemp("scenes"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_1_10_11_13_14_15_16_17_36_at_any_call_costs_nothing_that_was_finished(
    all_scenes: list[Scene], tmp_path: Path, fault: Fault
) -> None:
    figures = Figures("")
    for number, scene in enumerate(all_scenes):
        sweep(scene, tmp_path, figures, faults=[fault], stride=307, first=FAULTS.index(fault) * 13 + number * 53)
    assert figures.violations == []


@pytest.mark.parametrize("index", range(4))
def test_fault_9_a_power_cut_costs_nothing_that_was_finished(
    all_scenes: list[Scene], tmp_path: Path, index: int
) -> None:
    figures = Figures("")
    cut_power(all_scenes[index], tmp_path, figures, states=6)
    assert figures.tried == 6
    assert figures.violations == []


# The sweeps themselves


def test_a_missing_fsync_is_noticed_by_the_power_cuts(all_scenes: list[Scene], tmp_path: Path) -> None:
    for part in ("fsync in finish < write < write_shard", "fsync in fsync_folder < commit < write_shard"):
        figures = Figures("")
        cut_power(all_scenes[0], tmp_path, figures, states=5, mutation=without_fsync_at(part), seed=3)
        assert figures.violations, part


def test_a_missing_rename_is_noticed_by_the_power_cuts(all_scenes: list[Scene], tmp_path: Path) -> None:
    assert list(copied_unnoticed(all_scenes, tmp_path)) == []


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_missing_guard_is_noticed(all_scenes: list[Scene], tmp_path: Path, guard: Guard) -> None:
    assert list(not_guarded(guard, all_scenes[1], tmp_path)) == []


@pytest.mark.skipif(not may_trace(), reason="strace is not here, or may not trace")
def test_fault_14_at_a_system_call(all_scenes: list[Scene], tmp_path: Path) -> None:
    figures = Figures("")
    update = all_scenes[1]
    numbers = numbers_of(update, tmp_path)
    middle = numbers["rename"][len(numbers["rename"]) // 2]
    inject(update, tmp_path, figures, call="rename", number=middle, injection="error=EIO")
    assert figures.tried == 1
    assert figures.violations == []


@pytest.mark.parametrize("index", [1, 3])
def test_fault_14_a_stale_shard_that_cannot_be_removed_goes_with_the_next_run(
    all_scenes: list[Scene], tmp_path: Path, index: int
) -> None:
    scene = all_scenes[index]
    calls = calls_of(scene, tmp_path / "counted")
    number = next(
        number
        for number, (call, site) in enumerate(calls)
        if call.name == "unlink" and "< sweep" in site and "/shards/" in call.path
    )
    (fault,) = (fault for fault in FAULTS if fault.name == "EIO once")
    assert list(disturbed(scene, tmp_path, fault, number)) == []
