"""What an engine costs for each shard: shards that are empty but for a clip that stands, so that nothing is computed.

As a script, one run: ``python bench_engine.py local|ray SHARDS WORKERS FOLDER`` prints its figures as JSON. Ray is one
of the run's own, on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from audiofeat.config import load_config
from audiofeat.engine.allowance import Allowance
from audiofeat.engine.engine import Engine
from audiofeat.engine.loop import Loop
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.ray_cluster import RayCluster
from audiofeat.engine.workplace import ThisMachine, Workplace
from audiofeat.peak_memory import peak_rss_bytes
from audiofeat.records import Failure
from audiofeat.settings import settings_of
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ClipTask, Reuse, ShardTask

ENGINES = ("local", "ray")
_SMALL_SHARE = 10


def measure_engines(
    engines: Sequence[str], *, n_shards: int, runs: int, workers: int, out: Path
) -> dict[str, list[dict[str, float]]]:
    """Milliseconds a shard, as the slope between a tenth of the shards and all; and memory of the run's own process."""
    figures: dict[str, list[dict[str, float]]] = {engine: [] for engine in engines}
    for _ in range(runs):
        for engine in engines:
            few = max(1, n_shards // _SMALL_SHARE)
            small, large = (_run_apart(engine, count, workers=workers, out=out) for count in (few, n_shards))
            seconds = (large["seconds"] - small["seconds"]) / (n_shards - few)
            figures[engine].append({"milliseconds": 1e3 * seconds, "peak_bytes": large["peak_bytes"]})
    return figures


def _run_apart(engine: str, n_shards: int, *, workers: int, out: Path) -> dict[str, float]:
    folder = out / "shards"
    command = [sys.executable, __file__, engine, str(n_shards), str(workers), str(folder)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(engine: str, n_shards: int, *, workers: int, folder: Path) -> dict[str, Any]:
    """Run the shards into a folder."""
    paths = StorePaths(folder / "store")
    make_folder(paths.commits)
    settings = settings_of(load_config("kaldi-fbank80"), device="cpu")
    job = WorkerJob(
        store=str(paths.root),
        source=str(folder),
        config=settings.stored,
        stamp=settings.stamp,
        device="cpu",
        ffmpeg=None,
        lanes=0,
        is_careful=False,
        hands="",
    )
    place: Workplace = ThisMachine(workers=workers, device="cpu", standby=None)
    if engine == "ray":
        place = RayCluster(None, workers=workers, allow_mixed=False)
    with ExitStack() as stack:
        stack.enter_context(place)
        its: Engine = place.engine(job, paths, Allowance(workers))
        loop = Loop(its, paths, source=str(folder), on_change=lambda report: None, stop=lambda: None)
        stack.enter_context(loop)
        tasks = [_task(number) for number in range(n_shards)]
        begun = time.perf_counter()
        report = loop.run(tasks)
        seconds = time.perf_counter() - begun
    found = sum(1 for _ in os.scandir(paths.commits))
    if found != n_shards or report.deaths:
        raise RuntimeError(f"{found} of {n_shards} shards were done, and {report.deaths} workers died")
    return {"seconds": seconds, "peak_bytes": peak_rss_bytes()}


def _task(number: int) -> ShardTask:
    key = f"clip{number:07d}"
    failure = Failure(key, f"{key}.wav", "input.truncated", "cut off", "", "0" * 64, None)
    return ShardTask(f"{number:012x}", (ClipTask(key, f"{key}.wav", reuse=Reuse(None, (), (failure,), None)),))


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), workers=int(sys.argv[3]), folder=Path(sys.argv[4]))))
