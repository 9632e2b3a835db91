"""Single stages of a run: the programs alone, several features at once, start-up and planning."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench_corpus import Corpus
from bench_runs import CONFIG, Bare, Figures, extract_way

from audiofeat.engine.child import worker_environment

THREE_FEATURES = "features: {log_mel: {}, mfcc: {mfcc: {n: 13}, deltas: {orders: 2}}}"
_FILES_A_FOLDER = 1_000
_WORK_TO_DO = 20
"""How ``audiofeat plan`` ends where there is some."""


def measure_compute(*, runs: int, threads: int) -> dict[int, list[float]]:
    """Microseconds a frame and thread, by the number of threads."""
    microseconds: dict[int, list[float]] = {1: [], threads: []}
    with ExitStack() as processes:
        # As in a worker, TensorFlow has as many threads as there are lanes.
        bare = {number: processes.enter_context(Bare(threads=number)) for number in microseconds}
        for _ in range(runs):
            for number, figures in microseconds.items():
                figures.append(1e6 * bare[number].ask("compute", threads=number)["seconds_a_frame"])
    return microseconds


def measure_features(corpus: Corpus, *, runs: int, workers: int, out: Path) -> dict[str, list[float]]:
    """Microseconds of the lanes' compute stage a frame: of log-mel, and with MFCC and its deltas besides."""
    job = out / "three-features.yaml"
    job.write_text(f"extends: {CONFIG}\n{THREE_FEATURES}\n")
    ways = {
        "log-mel": extract_way(workers=workers),
        "log-mel, MFCC, deltas": extract_way(workers=workers, config=str(job)),
    }
    figures: dict[str, list[float]] = {what: [] for what in ways}
    for _ in range(runs):
        for what, way in ways.items():
            small, large = way(corpus.small, out), way(corpus.large, out)
            seconds = large["compute_seconds"] - small["compute_seconds"]
            figures[what].append(1e6 * seconds / (large["frames"] - small["frames"]))
    return figures


def measure_start_up(one_clip: Path, *, runs: int, out: Path) -> dict[str, list[float]]:
    """Wall seconds of a bare ``import tensorflow`` (without Keras) and of ``extract`` of one clip, in turns."""
    seconds: dict[str, list[float]] = {"import": [], "extract": []}
    environment = worker_environment(os.environ, device="cpu")
    for _ in range(runs):
        seconds["import"].append(_wall_seconds([sys.executable, "-c", "import tensorflow"], environment))
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            command = [sys.executable, "-m", "audiofeat", "extract", str(one_clip), f"{scratch}/store"]
            options = ["--config", CONFIG, "--device", "cpu", "--quiet"]
            seconds["extract"].append(_wall_seconds([*command, *options], dict(os.environ)))
    return seconds


def _wall_seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def measure_plan(cache: Path, *, n_files: int, runs: int, out: Path) -> dict[int, list[Figures]]:
    """``seconds`` and ``peak_bytes`` of ``audiofeat plan`` for a new store, of a quarter of the files and of all."""
    found: dict[int, list[Figures]] = {max(n_files // 4, 1): [], n_files: []}
    for _ in range(runs):
        for count, figures in found.items():
            command = [sys.executable, "-m", "audiofeat", "plan", str(_empty_files(cache, count)), f"{out}/planned"]
            begun = time.perf_counter()
            child = subprocess.Popen([*command, "--config", CONFIG, "--device", "cpu"], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode != _WORK_TO_DO:
                raise SystemExit(f"audiofeat plan ended with {child.returncode}")
            figures.append({"seconds": time.perf_counter() - begun, "peak_bytes": usage.ru_maxrss * 1024})
    return found


def _empty_files(cache: Path, count: int) -> Path:
    """A tree of ``count`` files without content, a thousand in a folder: planning opens none of them."""
    tree = cache / f"empty-{count}"
    if tree.exists():
        return tree
    print(f"{tree} ...", file=sys.stderr, flush=True)
    partial = Path(tempfile.mkdtemp(dir=cache, prefix=".partial-"))
    for number in range(count):
        folder = partial / f"speaker{number // _FILES_A_FOLDER:04d}"
        if number % _FILES_A_FOLDER == 0:
            folder.mkdir()
        os.close(os.open(folder / f"utterance{number:07d}.wav", os.O_CREAT | os.O_WRONLY, 0o644))
    return partial.rename(tree)
