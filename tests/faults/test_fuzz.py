"""Every fuzz target for a moment: what ``scripts/fuzz`` does for minutes, with the same inputs each time."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.fuzz import complaint, fuzz, input_of
from faults.fuzz_target import Target, expect
from faults.fuzz_targets import TARGETS
from faults.fuzz_texts import check_npy_path, keys, sources
from faults.mutate import mutated
from hypothesis import given, settings
from hypothesis import strategies as st

# So many that each takes about as long as the others; of the whole way to samples, ffmpeg's start sets the pace.
_TRIES = {"headers": 300, "sparse": 150, "decode": 25, "keys": 2_000, "commits": 200}
_OF_AUDIO = ("headers", "sparse", "decode")
_STATE = ("description", "manifest", "quarantine", "unchanged", "source", "files", "fingerprints")
_FIXED = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """The target whose name is the parameter."""
    formats = request.getfixturevalue("format_files") if request.param in _OF_AUDIO else tmp_path / "formats"
    (tmp_path / "target").mkdir()
    return TARGETS[request.param](tmp_path / "target", formats)


@pytest.mark.parametrize("target", TARGETS, indirect=True)
def test_fuzz_nothing_but_what_is_promised_comes_of_broken_input(target: Target) -> None:
    assert not [words for data in target.seeds[:8] if (words := complaint(target, data))], "of a good one"
    tries = _TRIES.get(target.name, 30 if target.name in _STATE else 150)
    found = {number: complaint(target, input_of(target, 6, number)) for number in range(tries)}
    assert not {number: words for number, words in found.items() if words}


# Where the mutation loop has bytes of seeds, hypothesis has the grammar.


@_FIXED
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=6), st.binary(max_size=6))
def test_fuzz_any_name_is_a_key(parts: list[str], end: bytes) -> None:
    target = keys()
    target.check("/".join(parts).encode("utf-8", "surrogatepass") + end)


@_FIXED
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300).filter(lambda key: key[0] != "/"))
def test_fuzz_any_key_is_a_path_below_its_feature(key: str) -> None:
    if not any(part in ("", ".", "..") for part in key.split("/")):
        check_npy_path(key)


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Target]:
    targets: dict[str, Target] = {}

    def target(name: str) -> Target:
        if name not in targets:
            targets[name] = sources(name, tmp_path_factory.mktemp(name))
        return targets[name]

    return target


_CELLS = st.one_of(st.text(max_size=12), st.sampled_from(["a.wav", "1.5", "-1", "nan", "1e400", "..", '"', "é", "0"]))


@_FIXED
@given(
    st.lists(st.sampled_from(["path", "key", "start", "end", "channel", "x", " path", "PATH"]), min_size=1, max_size=6),
    st.lists(st.lists(_CELLS, max_size=6), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_fuzz_any_table_is_clips_or_refused(
    manifests: Callable[[str], Target], names: list[str], rows: list[list[str]], line_end: str
) -> None:
    text = line_end.join(",".join(cells) for cells in [names, *rows])
    manifests("csv").check(text.encode("utf-8", "surrogatepass"))


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@_FIXED
@given(st.lists(st.dictionaries(st.sampled_from(["path", "key", "start", "end", "channel", "x"]), _JSON), max_size=4))
def test_fuzz_any_objects_are_clips_or_refused(manifests: Callable[[str], Target], rows: list[object]) -> None:
    manifests("jsonl").check("\n".join(json.dumps(row) for row in rows).encode())


def test_fuzz_finds_what_is_wrong_and_makes_it_again() -> None:
    """What cannot fail proves nothing: here a target raises for some inputs."""

    def check(data: bytes) -> None:
        expect(that=data.count(b"a") < 3, says="three of them")

    target = Target("keys", (b"aab", b"abc"), check)
    numbers = [number for number in range(200) if complaint(target, input_of(target, 1, number))]
    assert numbers
    assert complaint(target, b"aaa") == ("AssertionError at ?", "three of them")
    assert mutated(b"abc", others=[b"x"], chance=random.Random(1)) == mutated(
        b"abc", others=[b"x"], chance=random.Random(1)
    )


def test_fuzz_in_processes_of_their_own(tmp_path: Path) -> None:
    (tally,) = fuzz(["keys"], tmp_path, seconds=0.2, seed=3)
    assert tally.executions > 10
    assert not tally.failures


def test_fuzz_the_script_lists_its_targets() -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "fuzz"
    done = subprocess.run([sys.executable, script, "--list"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(TARGETS)
