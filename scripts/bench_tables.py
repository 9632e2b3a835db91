"""The Markdown tables that scripts/bench prints: medians with the lowest and the highest, losing rows too."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench_runs import Figures
from bench_turns import Row, median_ratio

GPU_CELLS = {
    "stage": "compute stage",
    "bus": "the same bytes over the bus, nothing computed",
    "memory": "copy within the GPU",
}


def extract_table(rows: Sequence[Row]) -> str:
    """Speeds. The last two columns: audiofeat's speed and processor time over the row's."""
    lines = [
        "| corpus | what | workers | median | lowest | highest | audiofeat to this: speed | processor time |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        unit = " clips/s" if row.corpus.counts_clips else " x"
        ratios = [f"{statistics.median(ratios):.2f} x" if ratios else "" for ratios in (row.ratios, row.cpu_ratios)]
        cells = [row.corpus.name, row.what, str(row.workers), *spread(row.speeds, "{:,.0f}" + unit)]
        lines.append(_line([*cells, *ratios]))
    return "\n".join(lines)


def split_table(rows: Sequence[Row]) -> str:
    """Where the time of audiofeat's larger runs went, by its own clocks; those of stages are added up over lanes."""
    lines = [
        "| corpus | workers | wall | start-up | decode | compute | write | peak memory | bound by |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        if row.is_ours:
            runs = [large for _, large in row.pairs]
            names = ("wall_seconds", "start_up_seconds", "decode_seconds", "compute_seconds", "write_seconds")
            seconds = [f"{statistics.median(run[name] for run in runs):.2f} s" for name in names]
            peak_bytes = max(run["peak_rss_bytes"] for run in runs)
            bound_by = statistics.mode(run["bound_by"]["part"] for run in runs)
            cells = [row.corpus.name, str(row.workers), *seconds, f"{peak_bytes / 1e6:,.0f} MB", bound_by]
            lines.append(_line(cells))
    return "\n".join(lines)


def compute_table(microseconds: Mapping[int, Sequence[float]]) -> str:
    lines = _head("frame program, 400/160/512/80")
    for threads, figures in microseconds.items():
        what = f"{threads} thread{'s' if threads > 1 else ''}"
        lines.append(_line([what, *spread(figures, "{:.3f} µs a frame and core")]))
    return "\n".join(lines)


def features_table(microseconds: Mapping[str, Sequence[float]]) -> str:
    lines = _head("compute stage of a run")
    for what, figures in microseconds.items():
        lines.append(_line([what, *spread(figures, "{:.3f} µs a frame")]))
    one, all_three = microseconds.values()
    return "\n".join(
        [*lines, f"\nAll together take {median_ratio(all_three, one):.2f} times as long as log-mel alone."]
    )


def start_up_table(seconds: Mapping[str, Sequence[float]]) -> str:
    whats = {"import": "`import tensorflow`, without Keras", "extract": "`audiofeat extract` of a 1-s clip"}
    lines = _head("start-up")
    for name, what in whats.items():
        lines.append(_line([what, *spread(seconds[name], "{:.2f} s")]))
    ratio = median_ratio(seconds["extract"], seconds["import"])
    return "\n".join([*lines, f"\nThe whole run takes {ratio:.2f} times as long as the import alone."])


def plan_table(runs: Mapping[int, Sequence[Figures]]) -> str:
    lines = ["| `audiofeat plan` | median | lowest | highest | peak memory |", "|---|--:|--:|--:|--:|"]
    for count, figures in runs.items():
        peak = f"{max(run['peak_bytes'] for run in figures) / 1e6:,.0f} MB"
        seconds = spread([run["seconds"] for run in figures], "{:.2f} s")
        lines.append(_line([f"{count:,} files", *seconds, peak]))
    return "\n".join(lines)


def engine_table(figures: Mapping[str, Sequence[Mapping[str, float]]], *, n_shards: int) -> str:
    lines = [f"| {n_shards:,} empty shards | median | lowest | highest | peak memory |", "|---|--:|--:|--:|--:|"]
    for engine, runs in figures.items():
        peak = f"{max(run['peak_bytes'] for run in runs) / 1e6:,.0f} MB"
        cost = spread([run["milliseconds"] for run in runs], "{:.2f} ms a shard")
        lines.append(_line([f"`--engine {engine}`", *cost, peak]))
    return "\n".join(lines)


def gpu_table(figures: Figures | None, names: Sequence[str]) -> str:
    """With empty cells where there is no GPU: nothing is guessed."""
    lines = _head(figures["name"] if figures else "GPU")
    for key, what in GPU_CELLS.items():
        cells = spread(figures[key], "{:,.1f} GB/s") if figures else ("", "", "")
        lines.append(_line([what, *cells]))
    for name in names:
        run = figures["runs"][name] if figures else None
        speeds = spread(run["x_real_time"], "{:,.0f} x") if run else ("", "", "")
        waits = spread(run["gpu_waits"], "{:.0%}") if run else ("", "", "")
        lines.append(_line([f"`audiofeat extract --device gpu`, {name}", *speeds]))
        lines.append(_line([f"of that time the GPU waits for tapes, {name}", *waits]))
    return "\n".join(lines)


def spread(figures: Sequence[float], template: str) -> tuple[str, str, str]:
    """Median, lowest and highest."""
    lowest, median, highest = (
        template.format(figure) for figure in (min(figures), statistics.median(figures), max(figures))
    )
    return median, lowest, highest


def _head(what: str) -> list[str]:
    return [f"| {what} | median | lowest | highest |", "|---|--:|--:|--:|"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


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
