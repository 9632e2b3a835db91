"""A row of images: the spectrogram or a feature of all clips, with one range of colours and one bar that tells it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from audiofeat.dsp.row_blocks import Array
from audiofeat.plot.axes import say, share_values, tick_frequencies
from audiofeat.plot.look import Look
from audiofeat.plot.scales import ColumnScale, common_scale
from audiofeat.plot.shades import Shades, image_of, shades_of
from audiofeat.plot.shown import ShownFeature
from audiofeat.plot.spectra import Spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR_LETTERS = 24


def draw_images(
    row: Sequence[Axes], shown: Sequence[ShownFeature | None], notes: Sequence[str], *, name: str, look: Look
) -> None:
    """One axes a clip.

    Args:
        shown: None where a clip has none.
        notes: what to say then.
    """
    features = _on_one_axis(shown)
    images = [None if feature is None else image_of(feature.values, feature.unit) for feature in features]
    there = [feature for feature in features if feature is not None]
    units = {feature.unit for feature in there}
    unit = units.pop() if len(units) == 1 else "values of several units"
    shades = shades_of([image for image in images if image is not None], unit)
    for ax, feature, image, note in zip(row, features, images, notes, strict=True):
        if feature is None or image is None or not len(image):
            say(ax, note if image is None else "too short for a frame", n_clips=len(row))
        else:
            _draw(ax, feature, image, shades, look)
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


def _on_one_axis(shown: Sequence[ShownFeature | None]) -> list[ShownFeature | None]:
    """The same, with scales that can share an axis."""
    there = [feature for feature in shown if feature is not None]
    scales = iter(common_scale([one.columns for one in there], dims=[one.values.shape[1] for one in there]))
    return [None if feature is None else replace(feature, columns=next(scales)) for feature in shown]


def _draw(ax: Axes, feature: ShownFeature, image: Array, shades: Shades, look: Look) -> None:
    ax.imshow(
        image.T,
        origin="lower",
        aspect="auto",
        extent=(*feature.times.span(len(image)), feature.columns.low, feature.columns.high),
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
