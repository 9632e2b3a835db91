#!/usr/bin/env python3
"""The compute stage on a GPU beside what its memory and its bus can do, in a process in a worker's environment.

    python scripts/bench_gpu.py CONFIG [gpu|cpu]      prints one JSON object

``stage``    tapes as a deck hands them in, rows as it takes them, one tape ahead: the bytes of samples that go in and
             of rows that come out, a second.
``bus``      the same bytes in and out, and nothing computed.
``memory``   a large array copied within the device: bytes read and written, a second.

Whole runs besides, on one GPU or on all (:func:`measure_gpu_runs`).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_corpus import Corpus
from bench_runs import Figures, extract_way

from audiofeat.config import load_config
from audiofeat.device import visible_gpus
from audiofeat.engine.child import worker_environment
from audiofeat.frontend.recipe import recipe_of
from audiofeat.settings import GPU_TAPE_SLOTS

_ROUNDS = 5
_ROUND_SECONDS = 1.0
_COPIED_BYTES = 256 << 20


def measure_gpu(config: str, *, device: str = "gpu", gpu: str | None = None) -> dict[str, Any] | None:
    """GB/s of each, round by round; None where there is no GPU.

    Args:
        gpu: by CUDA's name; None: the first.
    """
    if device == "gpu":
        gpu = gpu or next(iter(visible_gpus(os.environ)), None)
        if gpu is None:
            return None
    answer = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), config, device],
        env=worker_environment(os.environ, device=device, gpu=gpu),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def measure_gpu_runs(corpora: Sequence[Corpus], *, runs: int, workers: int, out: Path) -> dict[str, Figures]:
    """Of ``audiofeat extract`` of each corpus' larger half: ``x_real_time``, start-up left out, and ``gpu_waits``."""
    way = extract_way(workers=workers, device="gpu")
    found: dict[str, Figures] = {}
    for corpus in corpora:
        done = [way(corpus.large, out) for _ in range(runs)]
        found[corpus.name] = {
            "x_real_time": [run["audio_seconds"] / run["seconds"] for run in done],
            "gpu_waits": [waiting_share(run) for run in done],
            "runs": done,
        }
    return found


def waiting_share(metrics: Mapping[str, Any]) -> float:
    """The share of a run's time in which the GPU waited for decoding.

    A process that computes for others keeps account of it. Where the lanes compute themselves, an estimate from their
    clocks: as if they never computed at the same time, nor while they decoded.
    """
    if metrics["device_seconds"]:
        return 1.0 - float(metrics["device_busy_seconds"] / metrics["device_seconds"])
    return max(0.0, 1.0 - float(metrics["compute_seconds"] / metrics["busy_seconds"]))


def _main(config_name: str, device: str) -> dict[str, Any]:
    import tensorflow as tf

    from audiofeat.frontend.program import Frontend, use_device

    use_device(device)
    recipe = recipe_of(load_config(config_name, overrides=[f"compute.tape_slots={GPU_TAPE_SLOTS}"]))
    frontend = Frontend(recipe)
    frontend.warm_up()
    tape = np.random.default_rng(0).standard_normal(frontend.length).astype(recipe.precision)
    rows, pending = frontend.frame_program(tape)
    out_bytes = sum(values.nbytes for values in rows.values()) + (pending.nbytes if pending is not None else 0)
    outgoing = tf.zeros([out_bytes // 4])
    large = tf.zeros([_COPIED_BYTES // 4])
    copied = tf.function(lambda values: values + 1.0, jit_compile=True)

    def memory() -> Callable[[], object]:
        changed = copied(large)
        return changed[0].numpy  # which waits for it

    def bus() -> Callable[[], object]:
        sent, back = tf.constant(tape), tf.identity(outgoing)
        return lambda: (sent[0].numpy(), back.numpy())

    stage = _rates(lambda: frontend.start_frame_program(tape), n_bytes=tape.nbytes + out_bytes)
    gpus = tf.config.get_visible_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return {
        "name": details.get("device_name", "CPU"),
        "stage": stage,
        "bus": _rates(bus, n_bytes=tape.nbytes + out_bytes),
        "memory": _rates(memory, n_bytes=2 * _COPIED_BYTES),
        "microseconds_a_frame": (tape.nbytes + out_bytes) / statistics.median(stage) / 1e3 / recipe.tape_slots,
    }


def _rates(start: Callable[[], Callable[[], object]], *, n_bytes: int) -> list[float]:
    """GB/s of calls that move ``n_bytes`` each, one ahead of the one that is taken, in rounds."""
    start()()  # whatever the first one does besides
    rates = []
    for _ in range(_ROUNDS):
        begun, count, under_way = time.perf_counter(), 0, deque([start()])
        while time.perf_counter() - begun < _ROUND_SECONDS:
            under_way.append(start())
            under_way.popleft()()
            count += 1
        under_way.popleft()()
        rates.append((count + 1) * n_bytes / (time.perf_counter() - begun) / 1e9)
    return rates


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "gpu")))
