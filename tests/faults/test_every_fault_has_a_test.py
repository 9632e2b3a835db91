"""The faults of a list of 52 are numbered in the names of the tests that prove what becomes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    23: "no decoder is ever sent SIGTERM: what kills one is told by the tests of 22",
    26: "an upgraded decoder is a change like others: test_incremental_matrix.py",
    31: "two jobs of one store's shards: there is no such command",
    33: "a lock that outlives its holder: flock does not",
    39: "an edited file is a change like others: test_incremental_matrix.py",
    40: "so is another configuration",
}
"""Why a fault has no test of its own."""


def test_every_fault_has_a_test_or_a_reason() -> None:
    tested = set(faults_in_test_names())
    assert tested.isdisjoint(ELSEWHERE)
    assert {*range(1, 53)} - tested == ELSEWHERE.keys()


def faults_in_test_names() -> Iterator[int]:
    for path in TESTS.rglob("test_*.py"):
        for numbers in re.findall(r"^def test_fault_((?:\d\d?_)+)", path.read_text(), re.MULTILINE):
            yield from map(int, numbers.strip("_").split("_"))
