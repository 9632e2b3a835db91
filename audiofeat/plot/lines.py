"""The rows that hold lines: the waveform over time, and the spectrum, logarithmic in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.dsp.row_blocks import Array
from audiofeat.plot.axes import say, share_values, tick_decades
from audiofeat.plot.shown import ShownClip, Sound
from audiofeat.plot.spectra import Spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_POINTS = 4_000
_LEAST_AMPLITUDE = 1e-4
_LOWEST_HZ = 20.0
_RANGE_DB = 100.0
_MARGIN_DB = 3.0


def draw_waveforms(row: Sequence[Axes], clips: Sequence[ShownClip], *, colour: str) -> None:
    """One axes a clip; the range of amplitudes is that of the loudest."""
    reach = _LEAST_AMPLITUDE
    for ax, clip in zip(row, clips, strict=True):
        if clip.sound is None:
            say(ax, clip.no_sound, n_clips=len(clips))
            continue
        seconds, lows, highs = outline(clip.sound)
        ax.fill_between(seconds, lows, highs, color=colour, linewidth=0.6)
        reach = max(reach, float(np.abs(lows).max(initial=0.0)), float(np.abs(highs).max(initial=0.0)))
    share_values(row, "waveform\namplitude", low=-1.05 * reach, high=1.05 * reach)


def outline(sound: Sound) -> tuple[Array, Array, Array]:
    """The samples, or the lowest and the highest of those that would lie on one dot: seconds, lows, highs."""
    samples = sound.samples
    together = max(1, -(-len(samples) // _MOST_POINTS))
    starts = np.arange(0, len(samples), together)
    if not len(starts):
        return starts, samples, samples
    seconds = (starts + (together - 1) / 2) / sound.sample_rate_hz
    return seconds, np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)


def draw_spectra(
    row: Sequence[Axes], clips: Sequence[ShownClip], spectra: Sequence[Spectra | None], *, colour: str
) -> None:
    """One axes a clip; the range is 100 dB down from the loudest bin of all."""
    there = [one for one in spectra if one is not None]
    for ax, clip, one in zip(row, clips, spectra, strict=True):
        ax.set_xscale("log")
        if one is None:
            say(ax, clip.no_sound, n_clips=len(clips))
        else:
            ax.plot(one.bins_hz[1:], one.spectrum_db[1:], color=colour, linewidth=1.0)  # a logarithm has no 0 Hz
        lowest_hz = min((float(one.bins_hz[1]) for one in there), default=_LOWEST_HZ)
        highest_hz = max((float(one.bins_hz[-1]) for one in there), default=1_000 * _LOWEST_HZ)
        ax.set_xlim(max(lowest_hz, _LOWEST_HZ), highest_hz)
    tick_decades(row)
    levels = np.concatenate([np.empty(0), *(one.spectrum_db[1:] for one in there)])
    high = float(levels.max()) if len(levels) else 0.0
    low = max(float(levels.min(initial=high)), high - _RANGE_DB)
    share_values(row, "spectrum\ndB full scale", low=low - _MARGIN_DB, high=high + _MARGIN_DB)
