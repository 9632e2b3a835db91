"""One folder of all bad inputs and some good clips: each gets what it should get, and costs nobody else anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.inputs.files import DEBRIS
from faults.inputs.one_data_set import (
    CLOSED,
    GOOD,
    Runs,
    every_input,
    key_for,
    rows,
    run_all,
    wrong_clips,
    wrong_inputs,
)  # fmt: skip
from running import differences

from audiofeat.errors import ClipError

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return run_all(tmp_path_factory.mktemp("one"))


def test_every_input_becomes_what_it_should(runs: Runs) -> None:
    assert wrong_inputs(runs) == []
    clips = rows(runs.store)
    assert clips.keys() | runs.quarantine.keys() == {key_for(each.name) for each in runs.inputs} | {*map(key_for, GOOD)}


def test_the_good_clips_are_those_of_a_run_without_the_bad_ones(runs: Runs) -> None:
    assert rows(runs.alone).keys() == {key_for(name) for name in GOOD}
    assert wrong_clips(runs) == []


def test_a_run_with_bad_inputs_ends_with_3_and_says_so(runs: Runs) -> None:
    refused = sum(each.reason is not None for each in runs.inputs)
    assert (runs.first.code, runs.second.code) == (3, 3)
    assert runs.first_metrics["failed"] == len(runs.quarantine) == refused
    assert f"failed    {refused} (" in runs.first.out


def test_row_09_18_what_is_left_out_is_counted_and_a_loop_told(runs: Runs) -> None:
    left_out = runs.first_metrics["left_out"]
    assert (left_out["hidden"], left_out["link loops"]) == (len(DEBRIS), 1)
    assert "the link row9/again leads to a folder above itself" in runs.first.out


def test_row_20_clips_of_a_closed_folder_stay_and_its_siblings_are_done(runs: Runs) -> None:
    assert f"the folder {CLOSED} could not be listed: what the store has of it stays" in runs.second.out
    assert runs.second_metrics["left_out"]["unreadable folders"] == 1
    assert runs.second_metrics["deleted"] == 0
    assert differences(runs.again, runs.store) == []


def test_only_what_may_be_otherwise_now_is_tried_again(runs: Runs) -> None:
    transient = sum(ClipError(each.reason or "", "").is_transient for each in runs.inputs)
    assert runs.second_metrics["reasons"] == {"failed before, tried again": transient}
    assert runs.second_metrics["decoded"] == 0


def test_row_24_nothing_that_is_printed_commands_a_terminal(runs: Runs) -> None:
    for done in (runs.first, runs.second):
        assert re.sub(r"[\n\r]", "", done.out + done.err).isprintable()
    lines = (runs.store / "quarantine.jsonl").read_bytes()
    assert lines.isascii()
    assert len(lines.splitlines()) == len(runs.quarantine)


def test_no_input_costs_seconds(runs: Runs) -> None:
    """The terabyte and what claims to be one are refused by a header or a size."""
    assert runs.first_metrics["decode_seconds"] < 100


def test_every_row_has_a_test() -> None:
    told = {each.row for each in every_input()} | {18}  # debris is no input, and is looked at above
    assert {*range(1, 100)} - told - set(rows_in_test_names()) == set()


def rows_in_test_names() -> Iterator[int]:
    """The numbers in names such as ``test_row_31_32_what_it_says``, in all test files."""
    for path in TESTS.rglob("test_*.py"):
        for numbers in re.findall(r"^def test_row_((?:\d+_)+)", path.read_text("utf-8"), re.MULTILINE):
            yield from map(int, numbers.strip("_").split("_"))
