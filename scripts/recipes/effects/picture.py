"""The recipe's picture: what the models learned, epoch by epoch, and what they make of some notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from make_data import RATE_HZ
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from windows import Array

# Okabe and Ito's colours, which differ for everybody.
COLOURS = {"linear": "#e69f00", "relu": "#cc79a7", "tied": "#0072b2", "untied": "#009e73", "spectral": "#d55e00"}
THEIRS = {"linear": 0.33, "tied": 0.091}
EXTRACT_SAMPLES = round(0.03 * RATE_HZ)
MILLISECONDS = np.arange(EXTRACT_SAMPLES) * 1000 / RATE_HZ


def draw(
    rows: Sequence[Mapping[str, Any]], dry: Array, reference: Array, made: Mapping[str, Array], path: Path
) -> None:
    """
    Args:
        rows: of figures.csv.
        dry, reference, made: the test before the effect, behind it, and as each model makes it; as long as each other.
    """
    figure = Figure(figsize=(12, 5), dpi=90, layout="constrained")
    axes = figure.subplot_mosaic([["curves", "waves"], ["curves", "errors"]], width_ratios=[2, 3])
    draw_curves(axes["curves"], rows, list(made))
    start = loudest(reference, n_samples=EXTRACT_SAMPLES)
    here = slice(start, start + EXTRACT_SAMPLES)
    draw_waves(axes["waves"], dry[here], reference[here], {name: samples[here] for name, samples in made.items()})
    draw_errors(axes["errors"], reference[here], {name: samples[here] for name, samples in made.items()})
    for each in axes.values():
        each.spines[["top", "right"]].set_visible(False)
        each.grid(alpha=0.3)
    figure.savefig(path, metadata={"Software": None})


def draw_curves(axes: Axes, rows: Sequence[Mapping[str, Any]], models: Sequence[str]) -> None:
    for name in models:
        ratios = [row["ratio"] for row in rows if row["model"] == name and row["part"] == "test"]
        axes.plot(range(1, len(ratios) + 1), ratios, color=COLOURS[name], label=name, marker=".")
        if name in THEIRS:
            axes.axhline(THEIRS[name], color=COLOURS[name], linestyle=":", label=f"{name}, the course project's")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(title="Test: RMSE / deviation of the reference", xlabel="epoch", yscale="log")
    axes.legend(frameon=False, fontsize=8)


def draw_waves(axes: Axes, dry: Array, reference: Array, made: Mapping[str, Array]) -> None:
    best = min(made, key=lambda name: float(np.square(made[name] - reference).mean()))
    axes.plot(MILLISECONDS, dry, color="#aaaaaa", label="dry")
    axes.plot(MILLISECONDS, reference, color="#222222", label="processed")
    axes.plot(MILLISECONDS, made[best], color=COLOURS[best], linestyle="--", label=f"predicted ({best})")
    axes.set(title="The test piece where it is loudest")
    axes.legend(frameon=False, fontsize=8, ncols=3)


def draw_errors(axes: Axes, reference: Array, made: Mapping[str, Array]) -> None:
    for name, samples in made.items():
        axes.plot(MILLISECONDS, samples - reference, color=COLOURS[name], linewidth=1)
    axes.set(title="Predicted less processed (colours as on the left)", xlabel="ms")


def loudest(samples: Array, *, n_samples: int) -> int:
    """Where the extract with the most energy begins."""
    energy = np.cumsum(np.square(samples))
    return int(np.argmax(energy[n_samples:] - energy[:-n_samples]))
