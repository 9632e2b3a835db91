"""What is wrong with the means and variances that normalisation is given, wherever they stand."""

from __future__ import annotations

import math
from collections.abc import Iterator

from audiofeat.config.features import Feature, feature_path
from audiofeat.config.float32_checks import FAR, OR_FLOAT64
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.models import Config

_COLUMN_KEYS = (("mel", "bands"), ("mfcc", "n"), ("mfcc", "c0"), ("energy", "column"), ("deltas", "orders"))

LEAST_DEVIATION = 1e-15
"""What is divided by less may leave float32's range."""


def columns_of(feature: Feature, config: Config) -> int:
    """The columns of a feature where it is normalised: deltas included, but rows are joined behind that."""
    if feature.name == "spectrogram":
        columns = config.frame.n_fft // 2 + 1
    elif feature.name == "mfcc":
        columns = feature.mfcc.n - (feature.mfcc.c0 == "drop")
    else:
        columns = feature.mel.bands
    if feature.name in ("log_mel", "mfcc") and feature.energy.column != "none":
        columns += 1
    return columns * (1 + feature.deltas.orders)


def column_paths(config: Config, feature: Feature) -> list[KeyPath]:
    """The keys that decide how many there are, and float32 or not."""
    own = [feature_path(config, feature, group, key) for group, key in _COLUMN_KEYS]
    return [*own, ("frame", "n_fft"), ("compute", "precision")]


def faults(feature: Feature, config: Config) -> Iterator[tuple[str, str]]:
    """What is wrong: the key (``mean``, ``variance`` or ``eps``), and a sentence that goes on behind it."""
    cmvn, columns = feature.cmvn, columns_of(feature, config)
    variance = (cmvn.variance or ()) if cmvn.mode == "meanvar" else ()
    lengths = {"mean": len(cmvn.mean or ()), "variance": len(variance)}
    if lengths["variance"] == lengths["mean"]:
        del lengths["variance"]  # they are wrong alike, which needs one sentence only
    for key, length in lengths.items():
        if length not in (0, columns):
            numbers = "1 number" if length == 1 else f"{length} numbers"
            yield key, f"holds {numbers} but {feature.name} has {columns} columns; it needs one number a column"
    if negative := [value for value in variance if value < 0.0]:
        yield "variance", f"holds {negative[0]:g}; no variance is below 0"
    elif config.compute.precision == "float32":
        yield from _too_small(feature, variance)
    if config.compute.precision == "float32" and (far := [value for value in cmvn.mean or () if abs(value) > FAR]):
        yield "mean", f"holds {far[0]:g}, too large for float32; at most {FAR:g}, {OR_FLOAT64}"


def _too_small(feature: Feature, variance: tuple[float, ...]) -> Iterator[tuple[str, str]]:
    cmvn = feature.cmvn
    eps = cmvn.eps if cmvn.eps_at.startswith("std") else math.sqrt(cmvn.eps)
    if eps >= LEAST_DEVIATION:
        return
    if small := [value for value in variance if 0.0 < value < LEAST_DEVIATION**2]:
        way_out = f"make it 0, which leaves the column's scale as it is, raise eps, {OR_FLOAT64}"
        yield "variance", f"holds {small[0]:g}, by whose root float32 cannot divide; {way_out}"
    elif eps and 0.0 in variance:
        yield "eps", f"is {cmvn.eps:g}, by which float32 cannot divide; make it 0, raise it, {OR_FLOAT64}"
