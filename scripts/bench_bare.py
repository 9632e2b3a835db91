"""What scripts/bench holds audiofeat against: the same work with nothing around it, in a process that stays warm.

``loop``     decode -> tape -> compiled program -> packed HDF5: no digests, no levels, no header checks, no fsync, no
             commit records, no manifest. What is left of its speed is what integrity and supervision cost.
``compute``  the frame program alone, over and over, on a tape of noise.

    python scripts/bench_bare.py CONFIG THREADS      one JSON request a line, one JSON object a line in answer

THREADS is the most that a request may ask for.
A request is ``{"what": "loop", "folder": ..., "threads": 2, "out": ...}``.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import soundfile

from audiofeat.config import load_config
from audiofeat.frontend.program import Frontend, use_device
from audiofeat.frontend.recipe import recipe_of
from audiofeat.tape import Segment, Tape

_BATCH_ROWS = 65_536
_COMPUTE_SECONDS = 1.0

Array = npt.NDArray[Any]


def loop(frontend: Frontend, files: Sequence[str], *, threads: int, out: str) -> float:
    """Features of all files, packed, in one HDF5 file a thread. Returns the seconds of audio."""
    rule = frontend.recipe.rule
    feed = deque(files)
    audio_seconds = [0.0] * threads

    def lane(number: int) -> None:
        rows: list[Array] = []
        with h5py.File(os.path.join(out, f"{number}.h5"), "w") as store:

            def write() -> None:
                if rows:
                    store.create_dataset(f"{len(store)}", data=np.concatenate(rows))
                    rows.clear()

            def compute(samples: Array, segments: Sequence[Segment[str]]) -> None:
                features, _ = frontend.frame_program(samples)
                (matrix,) = features.values()
                rows.extend(matrix[segment.slot : segment.slot + segment.count] for segment in segments)
                if sum(map(len, rows)) >= _BATCH_ROWS:
                    write()

            tape = Tape(compute, slots=frontend.slots, hop=rule.hop_samples, span=rule.span_samples)
            while file := _next(feed):
                samples, rate_hz = soundfile.read(file, dtype="float32")
                tape.begin(file)
                tape.write(samples)
                tape.end(rule.n_frames(len(samples)))
                audio_seconds[number] += len(samples) / rate_hz
            tape.flush()
            write()

    _run(lane, threads=threads)
    return math.fsum(audio_seconds)


def compute(frontend: Frontend, *, threads: int) -> float:
    """Seconds a frame and thread."""
    noise = np.random.default_rng(0).standard_normal(frontend.length, np.float32)
    tapes = [0] * threads
    begun = time.perf_counter()

    def lane(number: int) -> None:
        # A tape of its own, as a lane has one: shared, it would lie in both cores' caches at once.
        tape = noise.copy()
        while time.perf_counter() - begun < _COMPUTE_SECONDS:
            frontend.frame_program(tape)
            tapes[number] += 1

    _run(lane, threads=threads)
    return (time.perf_counter() - begun) * threads / (sum(tapes) * frontend.slots)


def _next(feed: deque[str]) -> str | None:
    try:
        return feed.popleft()
    except IndexError:
        return None


def _run(lane: Callable[[int], None], *, threads: int) -> None:
    workers = [threading.Thread(target=lane, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _answer(frontend: Frontend, request: dict[str, Any]) -> dict[str, Any]:
    threads = request["threads"]
    if request["what"] == "compute":
        return {"seconds_a_frame": compute(frontend, threads=threads)}
    files = sorted(str(path) for path in Path(request["folder"]).rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory(dir=request["out"]) as out:
        begun, cpu_begun = time.perf_counter(), time.process_time()
        audio_seconds = loop(frontend, files, threads=threads, out=out)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    return {"clips": len(files), "audio_seconds": audio_seconds, "seconds": seconds, "cpu_seconds": cpu_seconds}


def main() -> None:
    config, threads = sys.argv[1:]
    use_device("cpu", threads=int(threads))
    frontend = Frontend(recipe_of(load_config(config)))
    frontend.warm_up()
    # Libraries print what they like; only answers may go down the pipe.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_answer(frontend, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
