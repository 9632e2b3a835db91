"""A clip's feature as a small picture, in the shades of ``plot``, whatever the clip's length.

A column of dots stands for as many frames as there are too many: levels show the loudest of them, what swings around
zero its mean. Of a very long clip only so many frames of each column are looked at that reading stays quick.
Waveforms are drawn as their outlines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audiofeat.dsp.row_blocks import Array
from audiofeat.page.png import Bytes, png_address
from audiofeat.plot.look import LIGHT
from audiofeat.plot.shades import Shades, image_of, shades_of
from audiofeat.reading.store import Store
from audiofeat.records import FeatureSpec

MOST_WIDTH, MOST_HEIGHT = 512, 96
_READ_BYTES = 8 << 20
"""Of one clip, about."""

_BY_PREFERENCE = ("log_mel", "mel", "spectrogram", "stft", "mfcc", "waveform")
_N_COLOURS = 256


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of several clips, which share what their colours mean."""

    addresses: tuple[str, ...]
    """Empty for a clip without a frame."""
    bar: str
    """The address of a picture of all colours, from the lowest to the highest."""
    low: float
    high: float
    label: str


def drawn_feature(features: Sequence[FeatureSpec]) -> FeatureSpec:
    """The one that is most like a spectrogram."""
    by_name = {spec.name: spec for spec in features}
    return next((by_name[name] for name in _BY_PREFERENCE if name in by_name), features[0])


def pictures_of(store: Store, numbers: Sequence[int], spec: FeatureSpec) -> Pictures:
    """The pictures of some clips. Raises DamageError."""
    if spec.name == "waveform":
        images = _outlines([_columns(store, number, spec, reduce=_reach) for number in numbers])
    else:
        pool = np.add if shades_of([], spec.unit).is_signed else np.maximum
        images = [_image(store, number, spec, pool=pool) for number in numbers]
    shades = shades_of(images, spec.unit)
    colours = _colours(shades)
    bar = np.arange(_N_COLOURS, dtype=np.uint8)[np.newaxis]
    addresses = tuple(png_address(_dots(image, shades), colours) if image.size else "" for image in images)
    return Pictures(addresses, png_address(bar, colours), shades.low, shades.high, shades.label)


def _image(store: Store, number: int, spec: FeatureSpec, *, pool: np.ufunc) -> Array:
    """(frames, dims) -> (at most MOST_WIDTH, at most MOST_HEIGHT)."""

    def reduce(rows: Array, n_columns: int) -> Array:
        return _pooled(image_of(rows, spec.unit), n_columns, axis=0, pool=pool)

    return _pooled(_columns(store, number, spec, reduce=reduce), min(spec.dims, MOST_HEIGHT), axis=1, pool=pool)


def _columns(store: Store, number: int, spec: FeatureSpec, *, reduce: Callable[[Array, int], Array]) -> Array:
    """A clip's frames made so many columns by ``reduce``: (frames, dims) -> (at most MOST_WIDTH, ...)."""
    n_frames = int(store.frame_counts[number])
    n_columns = min(n_frames, MOST_WIDTH)
    row_bytes = spec.dims * np.dtype(spec.dtype).itemsize
    of_each = max(1, _READ_BYTES // (MOST_WIDTH * row_bytes))
    if n_frames <= of_each * n_columns:
        return reduce(store.read_at(number, spec.name), n_columns)
    starts = _starts(n_frames, n_columns)
    return np.concatenate([reduce(store.read_at(number, spec.name, at, at + of_each), 1) for at in starts])


def _reach(rows: Array, n_columns: int) -> Array:
    """The lowest and the highest sample: (frames, samples) -> (columns, 2)."""
    lowest = _pooled(rows.min(axis=1, keepdims=True), n_columns, axis=0, pool=np.minimum)
    return np.concatenate(
        [lowest, _pooled(rows.max(axis=1, keepdims=True), n_columns, axis=0, pool=np.maximum)], axis=1
    )


def _outlines(reaches: Sequence[Array]) -> list[Array]:
    """Images of amplitudes where the waveforms are, and of zeros around them: (columns, 2) -> (columns, height)."""
    loudest = max((float(np.abs(reach).max(initial=0.0)) for reach in reaches), default=0.0)
    levels = np.linspace(-loudest, loudest, MOST_HEIGHT)
    return [np.where((reach[:, :1] <= levels) & (levels <= reach[:, 1:]), levels, 0.0) for reach in reaches]


def _pooled(image: Array, n_parts: int, *, axis: int, pool: np.ufunc) -> Array:
    """The largest value of each of so many parts along an axis, or the mean where the pool adds up."""
    size = image.shape[axis]
    if n_parts == size:
        return image
    starts = _starts(size, n_parts)
    found: Array = pool.reduceat(image.astype(np.float64), starts, axis=axis)
    if pool is np.add:
        sizes = np.diff([*starts, size])
        found /= sizes[:, np.newaxis] if axis == 0 else sizes
    return found


def _starts(size: int, n_parts: int) -> list[int]:
    return [part * size // n_parts for part in range(n_parts)]


def _dots(image: Array, shades: Shades) -> Bytes:
    """The colours' numbers, with the first column at the bottom: (columns, rows) -> (rows, columns)."""
    share = (image.astype(np.float64) - shades.low) / (shades.high - shades.low)
    numbers: Bytes = (np.clip(share, 0.0, 1.0) * (_N_COLOURS - 1)).round().astype(np.uint8)
    return np.ascontiguousarray(numbers.T[::-1])


def _colours(shades: Shades) -> Bytes:
    """(256, 3)"""
    from matplotlib import colormaps

    chosen = colormaps[LIGHT.signed if shades.is_signed else LIGHT.levels].resampled(_N_COLOURS)
    colours: Bytes = (chosen(np.arange(_N_COLOURS))[:, :3] * 255.0).round().astype(np.uint8)
    return colours
