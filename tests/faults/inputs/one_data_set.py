"""All bad inputs in one folder with some good clips, through the real command line.

Three runs: over the good clips alone, over all, and over all once more with a folder closed meanwhile. What they have
left is looked at by ``test_one_data_set.py``.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from decode_inputs import FFMPEG
from faults.figures import Figures
from faults.inputs.case import BadInput
from faults.inputs.files import DEBRIS, MISHAPS
from running import Finished, finish, start, write_clip

from audiofeat import open_store
from audiofeat.source import key_of, source_text

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


def run_all(folder: Path) -> Runs:
    """Make the data set in ``folder``, and the three runs."""
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


def wrong_inputs(runs: Runs) -> list[str]:
    """The inputs that did not become what they should, a line each."""
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
    return wrong


def wrong_clips(runs: Runs) -> list[str]:
    """The good clips that are not those of the run without the bad inputs, by key."""
    ours, others = rows(runs.store), rows(runs.alone)
    keys = [key_for(name) for name in GOOD]
    with open_store(runs.store, verify=True) as store, open_store(runs.alone) as alone:
        return [
            key
            for key in keys
            if ours.get(key) != others.get(key) or not np.array_equal(store[key]["log_mel"], alone[key]["log_mel"])
        ]


def torture(folder: Path) -> Figures:
    """All of them, as a line of figures."""
    begun = time.monotonic()
    runs = run_all(folder)
    return Figures(
        "bad inputs in one data set with good clips",
        tried=len(runs.inputs),
        violations=[*wrong_inputs(runs), *wrong_clips(runs)],
        seconds=time.monotonic() - begun,
    )
