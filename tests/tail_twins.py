"""The slow twins of what looks along time, behind the programs: plain float64 loops, sharing no code with audiofeat."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

EPS_RULES: dict[str, Callable[[float, float], float]] = {
    "std_add": lambda variance, eps: math.sqrt(variance) + eps,
    "var_add": lambda variance, eps: math.sqrt(variance + eps),
    "std_max": lambda variance, eps: max(math.sqrt(variance), eps),
    "var_max": lambda variance, eps: math.sqrt(max(variance, eps)),
}


def regression(rows: Real, window: int) -> Real:
    """HTK's formula, row by row, with the outermost rows for those beyond."""
    last = len(rows) - 1
    found = np.zeros_like(rows)
    for t in range(len(rows)):
        for n in range(1, window + 1):
            found[t] += n * (rows[min(t + n, last)] - rows[max(t - n, 0)])
    return found / (2 * sum(n * n for n in range(1, window + 1)))


def open_ended(rows: Real, window: int) -> Real:
    """openSMILE's double deltas: of the clip with its last row again and again."""
    longer = np.concatenate([rows, np.repeat(rows[-1:], 3 * window, axis=0)])
    return regression(regression(longer, window), window)[: len(rows)]


def kaldis_deltas(rows: Real, window: int, orders: int) -> Real:
    """Kaldi's DeltaFeatures: scales convolved order by order, applied with clamped row numbers."""
    scales = [np.ones(1)]
    for _ in range(orders):
        before = scales[-1]
        offset = (len(before) - 1) // 2
        now, norm = np.zeros(len(before) + 2 * window), 0.0
        for j in range(-window, window + 1):
            norm += j * j
            for k in range(-offset, offset + 1):
                now[j + k + offset + window] += j * before[k + offset]
        scales.append(now / norm)
    columns = []
    for scale in scales:
        offset = (len(scale) - 1) // 2
        column = np.zeros_like(rows)
        for t in range(len(rows)):
            for j in range(-offset, offset + 1):
                column[t] += scale[j + offset] * rows[min(max(t + j, 0), len(rows) - 1)]
        columns.append(column)
    return np.concatenate(columns, axis=1)


def parabolas(rows: Real, window: int) -> Real:
    """Second derivatives of parabolas fitted by least squares around each row."""
    last = len(rows) - 1
    found = np.zeros_like(rows)
    places = np.arange(-window, window + 1)
    for t in range(len(rows)):
        around = rows[[min(max(t + n, 0), last) for n in places]]
        found[t] = 2.0 * np.polyfit(places, around, 2)[0]
    return found


def normalised(rows: Real, *, mode: str, over: str, ddof: int, eps: float, eps_at: str) -> Real:
    """Less the mean, over the deviation: of each column in the clip, or (``over`` ``clip_all``) of all its values."""

    def column(values: list[float]) -> list[float]:
        mean = math.fsum(values) / len(values)
        if mode == "mean":
            return [value - mean for value in values]
        variance = math.fsum((value - mean) ** 2 for value in values) / max(1, len(values) - ddof)
        deviation = EPS_RULES[eps_at](variance, eps) or 1.0
        return [(value - mean) / deviation for value in values]

    if not len(rows):
        return rows
    if over == "clip_all":
        flat: Real = np.array(column(rows.ravel().tolist()))
        return flat.reshape(rows.shape)
    columns: Real = np.array([column(values) for values in rows.T.tolist()])
    return np.ascontiguousarray(columns.T)


def joined(rows: Array, *, left: int, right: int, stride: int, edge: str, tail: str, order: str) -> Array:
    """Each row with its neighbours: row behind row, or (``order`` ``columns``) each column's values side by side."""
    last = len(rows) - 1
    found = []
    for middle in range(0, len(rows), stride):
        if tail == "drop" and middle + right > last:
            break
        around = []
        for t in range(middle - left, middle + right + 1):
            inside = 0 <= t <= last
            around.append(rows[min(max(t, 0), last)] * (1 if inside or edge == "replicate" else 0))
        found.append(np.array(around if order == "rows" else np.transpose(around)).ravel())
    return np.array(found, rows.dtype).reshape(len(found), rows.shape[1] * (left + 1 + right))


def of_length(rows: Array, frames: int, pad_value: float) -> Array:
    """The first ``frames`` rows, or all of them and rows full of one value behind."""
    out = np.full((frames, rows.shape[1]), pad_value, rows.dtype)
    for t, row in enumerate(rows[:frames]):
        out[t] = row
    return out
