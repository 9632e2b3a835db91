"""Copies of a store made while a run writes it: each is whole, or says what it lacks, and shows no wrong value."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from small_store import make_store, settings_for, small_arrays
from store_suite import random_arrays, tree

from audiofeat import open_store
from audiofeat.errors import DamageError, NoStoreError
from audiofeat.store import publish, staging
from audiofeat.verify import verify_store

OLD = small_arrays(12)
NEW = {key: random_arrays(len(clip["mfcc"]), seed=90 + number) for number, (key, clip) in enumerate(OLD.items())}
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])
Files = Mapping[str, bytes]


def instants_of_a_run(root: Path, store_format: str, monkeypatch: pytest.MonkeyPatch) -> list[Files]:
    """All files of a store, before and after each step of a run that gives every clip other values."""
    settings = settings_for(store_format=store_format)
    make_store(root, settings, OLD)
    instants = [tree(root)]
    commit, remove = staging.commit, staging.remove

    def watched_commit(partial: Path, final: Path) -> None:
        instants.append(tree(root))
        commit(partial, final)
        instants.append(tree(root))

    def watched_remove(path: Path) -> None:
        remove(path)
        instants.append(tree(root))

    with monkeypatch.context() as patch:
        for module in (staging, publish):
            patch.setattr(module, "commit", watched_commit)
        patch.setattr(publish, "remove", watched_remove)
        make_store(root, settings, NEW)
    return [*instants, tree(root)]


def copy_between(instants: list[Files], target: Path, generator: random.Random) -> None:
    """What a program copies that lists a folder at one instant, and reads file after file while the run goes on."""
    moments = sorted(generator.choices(range(len(instants)), k=2))
    names = sorted(instants[moments[0]])
    generator.shuffle(names)
    for number, name in enumerate(names):
        now = moments[0] + (moments[1] - moments[0]) * number // len(names)
        if name in instants[now]:  # or else it has vanished meanwhile
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(instants[now][name])


def state_of(copy: Path) -> str:
    """What a copy is found to be; that a clip is read with values that it never had fails the test."""
    try:
        report = verify_store(copy)
    except NoStoreError:
        return "unfinished"
    try:
        with open_store(copy, verify=True) as store:
            found = {state_of_clip(store, key) for key in store}
    except DamageError:
        assert report.exit_code == 12
        return "damaged"
    if report.exit_code == 0:
        assert found in ({"old"}, {"new"})
        return found.pop()
    assert "lost" in found or report.problems
    return "damaged"


def state_of_clip(store: Mapping[str, Mapping[str, np.ndarray]], key: str) -> str:
    try:
        clip = store[key]
    except DamageError:
        return "lost"
    for name, state in (("old", OLD), ("new", NEW)):
        if all(np.array_equal(clip[feature], rows) for feature, rows in state[key].items()):
            return name
    raise AssertionError(f"{key} has values that it never had")


@FORMATS
def test_fault_44_a_copy_of_a_store_that_is_being_written_verifies_or_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_format: str
) -> None:
    instants = instants_of_a_run(tmp_path / "store", store_format, monkeypatch)
    generator = random.Random(44)
    found: Counter[str] = Counter()
    for number in range(12):
        copy = tmp_path / f"copy{number}"
        copy_between(instants, copy, generator)
        found[state_of(copy)] += 1
    assert found.keys() >= {"old", "damaged"}
    for number, instant in enumerate((instants[0], instants[-1])):
        copy = tmp_path / f"whole{number}"
        copy_between([instant], copy, generator)
        assert state_of(copy) == ("old", "new")[number]
