"""What the summary says bounds a run, on made-up runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audiofeat.bottleneck import COMPUTE, COPY, DECODE, IDLE, PLAN, PUBLISH, START_UP, WRITE, Occupancy, bottleneck_of
from audiofeat.report import RunReport

RUN = Occupancy(
    wall_seconds=100.0,
    plan_seconds=2.0,
    engine_seconds=95.0,
    lane_seconds={START_UP: 10.0, DECODE: 100.0, COMPUTE: 60.0, WRITE: 10.0, COPY: 0.0},
    cpu_seconds=175.0,
    workers=2,
    cores=2,
    clips=10_000,
)
"""Two lanes: 5 s of start-up, 50 s of decoding and so on, 5 s idle; 2 s before and 3 s after."""


def spent(part: str, *, run: Occupancy = RUN) -> Occupancy:
    """A run that spent most of its time in ``part`` of its lanes."""
    return replace(run, lane_seconds={**dict.fromkeys(run.lane_seconds, 1.0), part: 180.0})


def test_the_shares_are_those_of_the_runs_time() -> None:
    found = RUN.shares
    told = {START_UP: 5, DECODE: 50, COMPUTE: 30, WRITE: 5, COPY: 0, PLAN: 2, IDLE: 5, PUBLISH: 3}
    assert found == pytest.approx({part: seconds / 100 for part, seconds in told.items()})
    assert next(iter(found)) == DECODE


def test_clocks_that_say_more_than_there_was_are_scaled() -> None:
    found = replace(RUN, engine_seconds=45.0).shares
    assert sum(found.values()) == pytest.approx(1.0)
    assert found[IDLE] == 0.0
    assert found[DECODE] / found[COMPUTE] == pytest.approx(100 / 60)


def test_a_run_of_no_time_is_bound_by_something_all_the_same() -> None:
    nothing = replace(RUN, wall_seconds=0.0, plan_seconds=0.0, engine_seconds=0.0, lane_seconds={}, workers=0)
    assert sum(nothing.shares.values()) == 0.0
    assert bottleneck_of(nothing).text()


@pytest.mark.parametrize(
    ("run", "part", "advice"),
    [
        (RUN, DECODE, "more cores; WAV"),
        (replace(RUN, cores=8), DECODE, "6 cores had no lane: --workers 8"),
        (replace(RUN, cores=3), DECODE, "1 core had no lane"),
        (replace(RUN, cores=3, is_short_of_memory=True), DECODE, "1 core had no lane: more --memory"),
        (replace(RUN, ffmpeg_share=0.9), DECODE, "without ffmpeg"),
        (replace(RUN, cpu_seconds=72.0), DECODE, "a processor for 40 % of their work"),
        (spent(COMPUTE), COMPUTE, "or a GPU"),
        (spent(COMPUTE, run=replace(RUN, cores=4)), COMPUTE, "--workers 4"),
        (spent(WRITE), WRITE, "a faster disk"),
        (spent(WRITE, run=replace(RUN, compression="gzip")), WRITE, "gzip: none, or blosc2 takes less"),
        (spent(WRITE, run=replace(RUN, compression="blosc2")), WRITE, "blosc2: none takes less"),
        (spent(WRITE, run=replace(RUN, store_format="npy")), WRITE, "store.format hdf5"),
        (spent(COPY), COPY, "store.shard_clips"),
        (spent(START_UP), START_UP, "more clips in one run"),
        (replace(RUN, plan_seconds=400.0, wall_seconds=498.0), PLAN, "the folders"),
        (replace(RUN, wall_seconds=400.0), PUBLISH, "once a run"),
        (replace(RUN, engine_seconds=400.0, wall_seconds=405.0), IDLE, "store.shard_clips"),
        (replace(RUN, engine_seconds=400.0, wall_seconds=405.0, clips=3), IDLE, "3 clips for 2: fewer --workers"),
    ],
)
def test_the_largest_part_bounds_the_run_and_says_what_would_help(run: Occupancy, part: str, advice: str) -> None:
    found = bottleneck_of(run)
    assert found.part == part
    assert advice in found.advice


def test_only_what_counts_is_told() -> None:
    assert bottleneck_of(RUN).text().startswith("decode 50 % (compute 30 %, start-up 5 %, write 5 %, idle lanes 5 %): ")
    assert bottleneck_of(spent(COMPUTE)).text().startswith("compute 90 %: ")


def report(**figures: float) -> RunReport:
    values = {"wall_seconds": 10.0, "engine_seconds": 9.0, "decode_seconds": 16.0, "compute_seconds": 2.0}
    found = RunReport(store="store", decoded=100, workers=2, cores=2, cpu_seconds=18.0, audio_seconds=100.0)
    for name, value in {**values, **figures}.items():
        setattr(found, name, value)
    return found


def test_the_summary_and_the_metrics_tell_it() -> None:
    lines = report(ffmpeg_audio_seconds=80.0).summary().splitlines()
    (line,) = (line for line in lines if line.startswith("  bound by  "))
    assert line.startswith("  bound by  decode 80 % (compute 10 %, publish 10 %): ")
    assert "without ffmpeg" in line
    told = json.loads(json.dumps(report().metrics()))["bound_by"]
    assert (told["part"], told["shares"]["decode"]) == ("decode", pytest.approx(0.8))
    assert told["advice"]


def test_a_run_that_did_nothing_is_bound_by_nothing() -> None:
    idle = RunReport(store="store", reused=3, wall_seconds=0.1)
    assert "bound by" not in idle.summary()
    assert idle.metrics()["bound_by"] is None
