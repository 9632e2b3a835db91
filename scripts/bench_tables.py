"""What scripts/bench reports: its rows, the Markdown tables made of them, and the machine that they were taken on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from bench_corpus import Corpus

ROWS = {"extract": "`audiofeat extract`", "loop": "bare loop", "decode": "soundfile reads only"}
_PACKAGES = ("audiofeat", "tensorflow", "numpy", "soundfile", "h5py", "blake3")


@dataclass(slots=True)
class Row:
    """One row of the table: a speed for each turn, and the runs that gave it."""

    corpus: Corpus
    what: str
    speeds: list[float] = field(default_factory=list)
    """Of each turn: units of work a second."""
    cpu_seconds: list[float] = field(default_factory=list)
    """Of each turn: processor time, of all threads and processes, for a unit of work."""
    ratios: list[float] = field(default_factory=list)
    """Of each turn: this row's speed over the bare loop's."""
    cpu_ratios: list[float] = field(default_factory=list)
    """Of each turn: this row's processor time over the bare loop's. Steadier than ``ratios`` on a busy machine."""
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def unit(self) -> str:
        return "clips" if self.corpus.counts_clips else "audio_seconds"


def extract_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table. ``its processor time``: of this row over that of the bare loop."""
    lines = [
        "| corpus | what | median | lowest | highest | to the bare loop | its processor time |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        unit = " clips/s" if row.corpus.counts_clips else " x"
        figures = [statistics.median(row.speeds), min(row.speeds), max(row.speeds)]
        ratios = [f"{statistics.median(ratios):.2f}" if ratios else "" for ratios in (row.ratios, row.cpu_ratios)]
        cells = [row.corpus.name, ROWS[row.what], *(f"{figure:,.0f}{unit}" for figure in figures), *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def split_table(rows: Sequence[Row]) -> str:
    """Where the lanes' time went in the larger runs, by audiofeat's own clocks."""
    lines = [
        "| corpus | wall | start-up | decode | compute | write | peak memory |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        if row.what == "extract":
            names = ("wall_seconds", "start_up_seconds", "decode_seconds", "compute_seconds", "write_seconds")
            seconds = [statistics.median(run[name] for run in row.runs[1::2]) for name in names]
            peak_bytes = max(run["peak_rss_bytes"] for run in row.runs)
            cells = [row.corpus.name, *(f"{value:.2f} s" for value in seconds), f"{peak_bytes / 1e6:,.0f} MB"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def compute_table(microseconds: Mapping[int, Sequence[float]]) -> str:
    lines = [
        "| frame program, 400/160/512/80 | median | lowest | highest |",
        "|---|--:|--:|--:|",
    ]
    for threads, figures in microseconds.items():
        cells = [
            f"{figure:.3f} µs a frame and core" for figure in (statistics.median(figures), min(figures), max(figures))
        ]
        lines.append(f"| {threads} thread{'s' if threads > 1 else ''} | {' | '.join(cells)} |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "load": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(checkout)"  # audiofeat itself, found on PYTHONPATH


def parity_table(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Each preset beside its library: the largest difference over all signals, of what is audible and of the rest."""
    lines = [
        "| Preset | Compared with | How | Max difference | Tolerance | Of quiet bands | |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    for verdict in verdicts:
        compared = [clip for clip in verdict["clips"] if clip["max_db"] is not None]
        cells = [
            f"`{verdict['preset']}`",
            verdict["system"],
            "live" if verdict["live"] else "golden file",
            f"{max(clip['max_db'] for clip in compared):.1e} dB" if compared else "-",
            f"{max(clip['tolerance_db'] for clip in verdict['clips']):.1e} dB",
            f"{max(clip['quiet_max_db'] or 0.0 for clip in verdict['clips']):.1e} dB",
            verdict["outcome"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
