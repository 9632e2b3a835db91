"""The ways in which scripts/bench turns a folder of audio into figures: audiofeat, the bare loop, decoding, the peers.

A way is called with the folder and a folder for what it writes, the same for all, and gives at least ``clips``,
``seconds`` (without start-up) and ``cpu_seconds`` (of all its processes); all but the peers give ``audio_seconds``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from audiofeat.engine.child import worker_environment

CONFIG = "kaldi-fbank80"
Figures = dict[str, Any]
Way = Callable[[Path, Path], Figures]

_HERE = Path(__file__).resolve().parent


class Bare(AbstractContextManager["Bare"]):
    """bench_bare.py, loaded and compiled, waiting for requests in the environment of a worker."""

    def __init__(self, *, threads: int) -> None:
        """``threads`` is the most that will be asked for."""
        self._process = subprocess.Popen(
            [sys.executable, str(_HERE / "bench_bare.py"), CONFIG, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(os.environ, device="cpu"),
            text=True,
        )

    def ask(self, what: str, *, threads: int, folder: Path | None = None, out: Path | None = None) -> Figures:
        """One answer of bench_bare.py."""
        request = {"what": what, "folder": str(folder), "out": str(out), "threads": threads}
        if self._process.stdin is None or self._process.stdout is None:
            raise ValueError("a process without pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"bench_bare.py ended with status {self._process.wait()}; run it by hand to see why")
        figures: Figures = json.loads(answer)
        return figures

    def loop_way(self, *, threads: int) -> Way:
        return lambda folder, out: self.ask("loop", threads=threads, folder=folder, out=out)

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()


def extract_way(*, workers: int, config: str = CONFIG, device: str = "cpu") -> Way:
    """``audiofeat extract`` as a user runs it, into a new store; with all of its own figures."""

    def way(folder: Path, out: Path) -> Figures:
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            metrics_file = Path(scratch) / "metrics.json"
            command = [
                sys.executable,
                "-m",
                "audiofeat",
                "extract",
                str(folder),
                f"{scratch}/store",
                "--config",
                config,
            ]
            options = ["--workers", str(workers), "--device", device, "--quiet", "--metrics", str(metrics_file)]
            cpu_seconds, _ = cpu_seconds_of([*command, *options])
            metrics: Figures = json.loads(metrics_file.read_text())
        # Import and compilation vary by more than a small corpus takes: they are taken off before the slope is.
        return {**metrics, "seconds": metrics["busy_seconds"], "cpu_seconds": cpu_seconds}

    return way


def decode_way(*, workers: int) -> Way:
    """bench_decode.py."""

    def way(folder: Path, _: Path) -> Figures:
        command = [sys.executable, str(_HERE / "bench_decode.py"), str(folder), str(workers)]
        cpu_seconds, answer = cpu_seconds_of(command)
        return {**json.loads(answer), "cpu_seconds": cpu_seconds}

    return way


def peer_way(peer: str, python: Path, *, workers: int) -> Way:
    """bench_peers.py in a peer's environment."""

    def way(folder: Path, out: Path) -> Figures:
        command = [str(python), str(_HERE / "bench_peers.py"), peer, str(folder), str(out), str(workers)]
        cpu_seconds, answer = cpu_seconds_of(command, environment={**os.environ, "PYTHONPATH": ""}, is_quiet=True)
        return {**json.loads(answer), "cpu_seconds": cpu_seconds}

    return way


def cpu_seconds_of(
    command: list[str], *, environment: dict[str, str] | None = None, is_quiet: bool = False
) -> tuple[float, bytes]:
    """Run a command; the processor time of all its processes, and its standard output. Raises CalledProcessError."""
    before = _children_cpu_seconds()
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if is_quiet else None,
        env=environment,
    )
    return _children_cpu_seconds() - before, done.stdout


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
