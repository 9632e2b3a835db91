"""How far two arrays of one shape are apart, block by block, in double precision whatever their types.

NaN is no distance from NaN, and infinity none from itself; from anything else both are infinitely far.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from audiofeat.compare.difference import Apart
from audiofeat.store.shard_format import Array


def apart(blocks: Iterable[tuple[Array, Array]]) -> Apart:
    """The largest distance of two arrays' values, and the first place where it is.

    Shape:
        each of ``blocks`` holds the same rows of both arrays: (rows, dims) and (rows, dims).
    """
    found = Apart()
    row = 0
    for here, there in blocks:
        if here.size:
            distances = _distances(here, there)
            frame, column = divmod(int(distances.argmax()), distances.shape[1])
            is_other = found.is_other or _is_other(here, there, distances)
            if (largest := float(distances[frame, column])) > found.max_difference:
                found = Apart(largest, row + frame, column, is_other)
            elif is_other:
                found = Apart(found.max_difference, found.frame, found.column, is_other)
        row += len(here)
    return found


def _distances(here: Array, there: Array) -> Array:
    wide = np.complex128 if np.iscomplexobj(here) or np.iscomplexobj(there) else np.float64
    one, other = here.astype(wide), there.astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        distances: Array = np.abs(one - other)
    distances[(one == other) | (np.isnan(one) & np.isnan(other))] = 0.0
    distances[np.isnan(distances)] = np.inf
    return distances


def _is_other(here: Array, there: Array, distances: Array) -> bool:
    if here.dtype != there.dtype:
        return bool(distances.any())
    return not np.array_equal(here.view(np.uint8), there.view(np.uint8))
