"""A row of images: the spectrogram or a feature of all clips, with one range of colours and one bar that tells it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.dsp.row_blocks import Array
from audiofeat.plot.axes import say, share_values, tick_frequencies
from audiofeat.plot.look import Look
from audiofeat.plot.scales import ColumnScale, FrameTimes, common_scale
from audiofeat.plot.shades import Shades, image_of, shades_of
from audiofeat.plot.shown import ShownFeature
from audiofeat.plot.spectra import Spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR_LETTERS = 24
_MOST_COLUMNS = 4_000
"""Two or more for each dot of the widest picture."""
_BLOCK_FRAMES = 4_096


def draw_images(
    row: Sequence[Axes], shown: Sequence[ShownFeature | None], notes: Sequence[str], *, name: str, look: Look
) -> None:
    """One axes a clip.

    Args:
        shown: None where a clip has none.
        notes: what to say then.
    """
    features = _on_one_axis([None if feature is None else as_drawn(feature) for feature in shown])
    there = [feature for feature in features if feature is not None]
    units = {feature.unit for feature in there}
    unit = units.pop() if len(units) == 1 else "values of several units"
    shades = shades_of([feature.values for feature in there], unit)
    for ax, feature, note in zip(row, features, notes, strict=True):
        if feature is None or not len(feature.values):
            say(ax, note if feature is None else "too short for a frame", n_clips=len(row))
        else:
            _draw(ax, feature, shades, look)
    low = min((feature.columns.low for feature in there), default=0.0)
    high = max((feature.columns.high for feature in there), default=1.0)
    kind = there[0].columns.kind if there else "column"
    label = there[0].columns.label if there else ""
    share_values(row, f"{name}\n{label}", low=max(0.0, low) if kind == "hz" else low, high=high)
    tick_frequencies(row, kind, low=low, high=high)
    _draw_bar(row, shades)


def spectrogram_of(spectra: Spectra | None) -> ShownFeature | None:
    """The spectrogram as if it were a feature."""
    if spectra is None:
        return None
    half_a_bin = float(spectra.bins_hz[1]) / 2
    scale = ColumnScale("hz", -half_a_bin, float(spectra.bins_hz[-1]) + half_a_bin)
    return ShownFeature(spectra.spectrogram_db, "dB full scale", spectra.times, scale)


def as_drawn(feature: ShownFeature) -> ShownFeature:
    """With the values that are drawn, such as decibels; of a long clip, frames that lie on one dot are one, their mean.

    It is done block by block: what matplotlib would do with all frames takes eight times the memory of the feature.
    """
    n_frames, times = len(feature.values), feature.times
    pooled = max(1, -(-n_frames // _MOST_COLUMNS))
    if pooled == 1:
        return replace(feature, values=image_of(feature.values, feature.unit))
    block_frames = max(1, _BLOCK_FRAMES // pooled) * pooled
    blocks = (feature.values[start : start + block_frames] for start in range(0, n_frames, block_frames))
    columns = [_means(image_of(block, feature.unit), pooled) for block in blocks]
    first_seconds = times.first_seconds + (pooled - 1) / 2 * times.step_seconds
    return replace(
        feature, values=np.concatenate(columns), times=FrameTimes(first_seconds, pooled * times.step_seconds)
    )


def _means(image: Array, pooled: int) -> Array:
    """Of so many frames each, or what is left at the end: (frames, dims) -> (columns, dims)."""
    starts = np.arange(0, len(image), pooled)
    sums: Array = np.add.reduceat(image.astype(np.float64), starts)
    return sums / np.diff(starts, append=len(image))[:, np.newaxis]


def _on_one_axis(shown: Sequence[ShownFeature | None]) -> list[ShownFeature | None]:
    """The same, with scales that can share an axis."""
    there = [feature for feature in shown if feature is not None]
    scales = iter(common_scale([one.columns for one in there], dims=[one.values.shape[1] for one in there]))
    return [None if feature is None else replace(feature, columns=next(scales)) for feature in shown]


def _draw(ax: Axes, feature: ShownFeature, shades: Shades, look: Look) -> None:
    ax.imshow(
        feature.values.T,
        origin="lower",
        aspect="auto",
        extent=(*feature.times.span(len(feature.values)), feature.columns.low, feature.columns.high),
        cmap=look.signed if shades.is_signed else look.levels,
        vmin=shades.low,
        vmax=shades.high,
    )
    ax.grid(visible=False)


def _draw_bar(row: Sequence[Axes], shades: Shades) -> None:
    image = next((ax.images[0] for ax in row if ax.images), None)
    if image is None:
        return
    bar = row[0].figure.colorbar(image, ax=list(row), pad=0.01, aspect=12, extend=shades.beyond)
    bar.set_label(textwrap.fill(shades.label, _BAR_LETTERS), fontsize=8)
    bar.outline.set_visible(False)
