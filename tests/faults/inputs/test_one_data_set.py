"""One folder of all bad inputs and some good clips, through the real command line: each gets what it should get.

Three runs: over the good clips alone, over all, and over all once more with a folder closed meanwhile. Every check
looks at what these have left.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from decode_inputs import FFMPEG
from faults.inputs.case import BadInput
from faults.inputs.files import DEBRIS, MISHAPS
from running import Finished, differences, finish, start, write_clip

from audiofeat import open_store
from audiofeat.errors import ClipError
from audiofeat.source import key_of, source_text

TESTS = Path(__file__).resolve().parents[2]
GOOD = tuple(f"row{row}/good.wav" for row in range(1, 100, 5))
JOB = ("--config", "kaldi-fbank80", "--set", "select.keys=name", "--set", "store.shard_clips=8", "--workers", "2")
CLOSED = "row20/closed"


def every_input() -> list[BadInput]:
    """Those of all modules of this folder that have some, so that a new module need not be named anywhere."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("[!t]*.py"))
    inputs: list[BadInput] = []
    for name in modules:
        inputs += getattr(import_module(f"faults.inputs.{name}"), "INPUTS", ())
    return [each for each in inputs if each.needs != "ffmpeg" or FFMPEG is not None]


def key_for(name: str) -> str:
    return key_of(name, keep_suffix=True)


@dataclass(frozen=True)
class Runs:
    """What the three runs left."""

    source: Path
    inputs: list[BadInput]
    alone: Path
    store: Path
    again: Path
    """A copy of the store, as the third run left it."""
    first: Finished
    second: Finished
    first_metrics: dict[str, Any]
    second_metrics: dict[str, Any]
    quarantine: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("one")
    source, good, store, alone = (folder / name for name in ("source", "good", "store", "alone"))
    inputs = every_input()
    for each in inputs:
        place = source / each.name
        place.parent.mkdir(parents=True, exist_ok=True)
        each.make(place)
    (source / "row18").mkdir(exist_ok=True)
    for name in DEBRIS:
        (source / "row18" / name).write_bytes(b"RIFF")
    for seed, name in enumerate(GOOD):
        clip = write_clip(source / name, seed=seed + 100, seconds=0.3)
        (good / name).parent.mkdir(parents=True)
        (good / name).hardlink_to(clip)
    assert extract(good, alone, "--quiet").code == 0
    metrics = folder / "first.json", folder / "second.json"
    first = extract(source, store, "--metrics", metrics[0], **MISHAPS)
    before = (store / "quarantine.jsonl").read_bytes()
    again = folder / "again"
    shutil.copytree(store, again)
    second = extract(source, again, "--metrics", metrics[1], AUDIOFEAT_TEST_CLOSED_FOLDER=CLOSED, **MISHAPS)
    lines = [json.loads(line) for line in before.splitlines()]
    return Runs(
        source,
        inputs,
        alone,
        store,
        again,
        first,
        second,
        *(json.loads(path.read_bytes()) for path in metrics),
        {line["key"]: line for line in lines},
    )


def extract(source: Path, store: Path, *options: str | Path, **variables: str) -> Finished:
    with start("extract", source, store, *JOB, *options, **variables) as process:
        return finish(process, timeout_seconds=240)


def rows(store: Path) -> dict[str, dict[str, Any]]:
    """What the manifest says of each clip, but for where its values lie."""
    table = pq.read_table(store / "manifest.parquet").drop_columns(["shard", "row_offset"])
    return {row["key"]: row for row in table.to_pylist()}


def test_every_input_becomes_what_it_should(runs: Runs) -> None:
    clips = rows(runs.store)
    wrong = []
    for each in runs.inputs:
        key = key_for(each.name)
        failure, clip = runs.quarantine.get(key), clips.get(key)
        if each.reason is None:
            frames = clip and round(clip["duration_seconds"] * clip["sample_rate"])
            if clip is None or failure is not None or each.frames not in (None, frames):
                wrong.append(f"{key}: {frames} frames, {failure}")
        elif failure is None or clip is not None:
            wrong.append(f"{key}: a clip, or nothing at all")
        elif failure["reason"] != each.reason or any(word not in failure["message"] for word in each.says):
            wrong.append(f"{key}: {failure['reason']}: {failure['message']}")
        elif failure["source"] != source_text(each.name) or not failure["hint"]:
            wrong.append(f"{key}: {failure}")
    assert wrong == []
    assert clips.keys() | runs.quarantine.keys() == {key_for(each.name) for each in runs.inputs} | {*map(key_for, GOOD)}


def test_the_good_clips_are_those_of_a_run_without_the_bad_ones(runs: Runs) -> None:
    ours, others = rows(runs.store), rows(runs.alone)
    assert {key: ours[key] for key in map(key_for, GOOD)} == others
    with open_store(runs.store, verify=True) as store, open_store(runs.alone) as alone:
        for key in others:
            assert np.array_equal(store[key]["log_mel"], alone[key]["log_mel"])


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
    assert {*range(1, 100)} - told - set(rows_in_test_names()) - OF_OTHERS == set()


def rows_in_test_names() -> Iterator[int]:
    """The numbers in names such as ``test_row_31_32_what_it_says``, in all test files."""
    for path in TESTS.rglob("test_*.py"):
        for numbers in re.findall(r"^def test_row_((?:\d+_)+)", path.read_text("utf-8"), re.MULTILINE):
            yield from map(int, numbers.strip("_").split("_"))


OF_OTHERS = frozenset(range(45, 100))
"""Rows that other branches bring: goes away with them."""
