"""What the frames and columns of a feature stand for: seconds, and Hz where they are frequencies.

Mel bands are equally wide on an axis in mel, so an image of them has one; its ticks stand at round numbers of Hz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from audiofeat.dsp import chain as steps
from audiofeat.dsp.filterbank import hz_to_mel
from audiofeat.dsp.tail import Deltas, Stack
from audiofeat.frontend.recipe import Recipe
from audiofeat.records import FeatureSpec

Kind = Literal["hz", "mel htk", "mel slaney", "coefficient", "sample", "column"]

_ROUND_HZ = tuple(digit * 10.0**power for power in range(1, 6) for digit in (1, 2, 5))
_CLOSEST = 0.11
"""Of the axis: ticks that are nearer to each other would have their numbers run into one."""


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Where frames lie in their clip."""

    first_seconds: float
    """The middle of the first frame's window."""
    step_seconds: float

    def span(self, n_frames: int) -> tuple[float, float]:
        """From where to where an image of so many frames goes: each as wide as a step, around its middle."""
        start = self.first_seconds - self.step_seconds / 2
        return start, start + n_frames * self.step_seconds


@dataclass(frozen=True, slots=True)
class ColumnScale:
    """The axis along a feature's columns, and where on it the first one begins and the last one ends."""

    kind: Kind
    low: float
    high: float

    @property
    def label(self) -> str:
        return "Hz" if self.kind == "hz" or self.kind.startswith("mel") else self.kind


def frame_times(spec: FeatureSpec, recipe: Recipe | None, *, n_frames: int, seconds: float) -> FrameTimes:
    """Where the frames of a feature lie.

    Args:
        recipe: that made it; without one, frames are taken to begin with the clip, at the store's frame rate.
        n_frames, seconds: of the clip, for a store that does not tell its frame rate either.
    """
    if recipe is None or spec.name not in recipe.tails:
        step = 1.0 / spec.frame_rate_hz if spec.frame_rate_hz else seconds / max(1, n_frames)
        return FrameTimes(step / 2, step)
    rule, rate_hz = recipe.rule, recipe.sample_rate_hz
    stride = 1
    for step_of_tail in recipe.tails[spec.name]:
        if isinstance(step_of_tail, Stack):
            stride *= step_of_tail.stride
    middle = rule.first_start + rule.win_samples / 2
    return FrameTimes(middle / rate_hz, stride * rule.hop_samples / rate_hz)


def column_scale(spec: FeatureSpec, recipe: Recipe | None) -> ColumnScale:
    """What the columns of a feature are; just columns where no recipe tells, or they are of several kinds."""
    if recipe is None or spec.name not in recipe.chains or recipe.program_dims(spec.name) != spec.dims:
        return numbered(spec.dims)
    if any(isinstance(step, Deltas | Stack) for step in recipe.tails[spec.name]):
        return numbered(spec.dims)
    scale = numbered(spec.dims)
    for step in recipe.chains[spec.name]:
        scale = _after(step, scale, recipe, dims=spec.dims)
    return scale


def numbered(dims: int, *, kind: Kind = "column", first: int = 0) -> ColumnScale:
    """Columns that are counted and nothing else."""
    return ColumnScale(kind, first - 0.5, first + dims - 0.5)


def common_scale(scales: Sequence[ColumnScale], *, dims: Sequence[int]) -> list[ColumnScale]:
    """The scales, if they can share an axis; else columns that are counted."""
    if len({scale.kind for scale in scales}) == 1:
        return list(scales)
    return [numbered(number) for number in dims]


def round_ticks(kind: Kind, low: float, high: float) -> list[tuple[float, str]] | None:
    """Places on a mel axis that are round numbers of Hz, and their names; None where numbers are evenly spaced."""
    if not kind.startswith("mel"):
        return None
    scale = kind.removeprefix("mel ")
    ticks: list[tuple[float, str]] = []
    for hz in reversed(_ROUND_HZ):
        place = hz_to_mel(hz, scale=scale)
        is_free = not ticks or ticks[-1][0] - place >= _CLOSEST * (high - low)
        if low <= place <= high and is_free:
            ticks.append((place, hz_text(hz)))
    return ticks[::-1]


def hz_text(hz: float) -> str:
    """``500``, ``2k``, ``1.5k``."""
    return f"{hz:g}" if hz < 1_000 else f"{hz / 1_000:g}k"


def _after(step: steps.Step, scale: ColumnScale, recipe: Recipe, *, dims: int) -> ColumnScale:
    """What columns are after one more step of a chain."""
    if isinstance(step, steps.Stft | steps.Spectrum):
        width_hz = recipe.sample_rate_hz / recipe.rule.n_fft
        return ColumnScale("hz", -width_hz / 2, (dims - 0.5) * width_hz)
    if isinstance(step, steps.Mel):
        low, high = (hz_to_mel(hz, scale=step.scale) for hz in (step.fmin_hz, step.fmax_hz))
        half_a_band = (high - low) / (step.bands + 1) / 2
        kind: Kind = "mel htk" if step.scale == "htk" else "mel slaney"
        return ColumnScale(kind, low + half_a_band, high - half_a_band)
    if isinstance(step, steps.Cepstrum):
        return numbered(dims, kind="coefficient", first=1 if step.c0 == "drop" else 0)
    if isinstance(step, steps.Waveform):
        return numbered(dims, kind="sample")
    return numbered(dims) if isinstance(step, steps.EnergyColumn) else scale
