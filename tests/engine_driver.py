"""A process that runs shards on an engine as it is told, a line of JSON for each run: Ray stays out of the tests' own.

As a script: ``python engine_driver.py local`` or ``python engine_driver.py HOST:PORT``. A request has ``folder`` and
``slots``, and perhaps ``workers``, ``deadline_seconds``, ``stop_when`` (a file that comes into being) and
``drain_seconds``. Meanwhile, ``warnings`` in that folder has those of the run. The answer is the report, or the error.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiofeat.engine import loop
from audiofeat.engine.engine import Engine
from audiofeat.engine.local import LocalEngine
from audiofeat.engine.loop import Loop
from audiofeat.engine.messages import WorkerJob
from audiofeat.errors import AudioFeatError
from audiofeat.store.layout import StorePaths
from audiofeat.tasks import ClipTask, ShardTask, Stamp


def job_in(folder: Path) -> WorkerJob:
    """Of shards that lie in a folder, done by stand-ins into the store beside them."""
    return WorkerJob(
        store=str(folder / "store"), source=str(folder), config={}, stamp=Stamp("", {}, ""), device="cpu",
        ffmpeg=None, lanes=0, is_careful=False, hands="",
    )  # fmt: skip


def engine_of(ray: Any, request: dict[str, Any]) -> Engine:
    folder = Path(request["folder"])
    job, paths = job_in(folder), StorePaths(folder / "store")
    if ray is None:
        return LocalEngine(job, paths, workers=request.get("workers", 2))
    from audiofeat.engine.ray_engine import RayEngine
    from audiofeat.engine.ray_nodes import Use

    return RayEngine(
        ray,
        job,
        paths,
        use=Use("cpu", is_mixed=False),
        most_tasks=request.get("workers"),
        least_deadline_seconds=request.get("deadline_seconds"),
    )


def answer_to(ray: Any, request: dict[str, Any]) -> dict[str, Any]:
    folder = Path(request["folder"])
    paths = StorePaths(folder / "store")
    loop.DRAIN_SECONDS = request.get("drain_seconds", 5.0)
    stop_when = request.get("stop_when")
    tasks = [ShardTask(slot, (ClipTask(slot, f"{slot}.wav"),)) for slot in request["slots"]]
    try:
        with Loop(
            engine_of(ray, request),
            paths,
            source=str(folder),
            on_change=lambda report: (folder / "warnings").write_text("\n".join(report.warnings)),
            stop=lambda: 15 if stop_when and os.path.exists(stop_when) else None,
        ) as running:
            report = running.run(tasks)
    except AudioFeatError as error:
        return {"error": type(error).__name__, "problem": error.problem, "hint": error.hint}
    rss_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {**asdict(report), "warnings": sorted(report.warnings), "rss_bytes": rss_bytes}


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session: Any = nullcontext()
    if sys.argv[1] != "local":
        from audiofeat.engine.ray_session import ray_session

        session = ray_session(sys.argv[1], cores=2)
    with session as ray:
        for line in sys.stdin:
            print(json.dumps(answer_to(ray, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
