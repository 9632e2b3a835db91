"""The picture itself: a column for each clip, rows that share their axes and their colours.

::

    waveform          amplitude over seconds
    spectrum          dB over Hz, both logarithmic
    spectrogram       Hz over seconds
    each feature      what its columns are, over seconds
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audiofeat.plot.axes import share_seconds, shortened
from audiofeat.plot.images import draw_images, spectrogram_of
from audiofeat.plot.lines import draw_spectra, draw_waveforms
from audiofeat.plot.look import Look, column_inches, size_inches
from audiofeat.plot.shown import ShownClip
from audiofeat.plot.spectra import spectra_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST_ROWS = 3
_OWN_NAMES = ("waveform", "spectrogram")
"""Rows of every picture that are named as a feature may be."""
_LETTERS_PER_INCH = 11


def figure_of(clips: Sequence[ShownClip], *, features: Sequence[str], look: Look) -> Figure:
    """Draw clips, one or more, and of their features those named; ``look.settings()`` are to hold meanwhile."""
    from matplotlib.figure import Figure

    n_rows = FIRST_ROWS + len(features)
    figure = Figure(figsize=size_inches(len(clips), n_rows=n_rows), layout="constrained")
    axes = figure.subplots(n_rows, len(clips), squeeze=False)
    spectra = [None if clip.sound is None else spectra_of(clip.sound) for clip in clips]
    no_sound = [clip.no_sound for clip in clips]
    draw_waveforms(axes[0], clips, colour=look.line)
    draw_spectra(axes[1], clips, spectra, colour=look.line)
    draw_images(axes[2], [spectrogram_of(one) for one in spectra], no_sound, name="spectrogram", look=look)
    for row, name in zip(axes[FIRST_ROWS:], features, strict=True):
        shown = [clip.features.get(name) for clip in clips]
        called = f"feature {name}" if name in _OWN_NAMES else name
        draw_images(row, shown, [f"no {name}"] * len(clips), name=called, look=look)
    share_seconds([axes[0], *axes[2:]], longest=max(clip.seconds for clip in clips))
    width = round(column_inches(len(clips)) * _LETTERS_PER_INCH)
    for ax, clip in zip(axes[0], clips, strict=True):
        ax.set_title(shortened(clip.title, width=width), parse_math=False)
    return figure
