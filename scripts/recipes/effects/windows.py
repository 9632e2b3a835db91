"""Pairs of windows out of a store; and windows joined to whole recordings again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from audiofeat.reading.store import Store

Array = npt.NDArray[Any]

STEP_SAMPLES = 4_410
"""A row of the store."""
WINDOW_ROWS = 5
PARTS = ("training", "validation", "test")


class Recordings:
    """Both sides of each channel of each recording, as windows that are numbered across all of them."""

    def __init__(self, store: Store, *, test: str) -> None:
        """
        Args:
            test: recordings whose names begin so are for the test alone.
        """
        self.names = [key.removeprefix("pre/") for key in store if key.startswith("pre/")]
        self.tests = [name for name in self.names if name.startswith(test)]
        self._n_rows = {name: _rows_of_both(store, name) for name in self.names}
        # Numbered alike, as both sides have the same names and lengths.
        self._dry, self._wet = (
            store.patches("waveform", length=WINDOW_ROWS, step=1, keys=[f"{side}/{name}" for name in self.names])
            for side in ("pre", "post")
        )
        found = np.array([self._part(number) for number in range(len(self._dry))])
        self.parts = {part: np.flatnonzero(found == part) for part in PARTS}
        for part, numbers in self.parts.items():
            if not len(numbers):
                raise click.ClickException(f"no windows for {part}: more or longer recordings, or another --test")

    def windows(self, numbers: Array) -> tuple[Array, Array]:
        """Before the effect and behind it: twice (windows, samples)."""
        dry, wet = (np.stack([side[int(number)].ravel() for number in numbers]) for side in (self._dry, self._wet))
        return dry, wet

    def of(self, name: str) -> tuple[Array, Array]:
        """All windows of a recording, in its order."""
        places = (self._dry.place(number) for number in range(len(self._dry)))
        return self.windows(np.array([number for number, place in enumerate(places) if place.key == f"pre/{name}"]))

    def _part(self, number: int) -> str:
        """The last tenth of a recording, and at least a window, is held out. What lies across its border is in no part:
        else half of a window that is held out could be known from training."""
        place = self._dry.place(number)
        name = place.key.removeprefix("pre/")
        if name in self.tests:
            return "test"
        border = self._n_rows[name] - max(WINDOW_ROWS, self._n_rows[name] // 10)
        if place.start_frame >= border:
            return "validation"
        return "training" if place.start_frame + WINDOW_ROWS <= border else "none"


def _rows_of_both(store: Store, name: str) -> int:
    if f"post/{name}" not in store:
        raise click.ClickException(f"pre/{name} has no partner post/{name}: both sides need the same names")
    dry, wet = (int(store.frame_counts[store.index_of(f"{side}/{name}")]) for side in ("pre", "post"))
    if dry != wet:
        raise click.ClickException(f"{name} has {dry} tenths of a second in pre and {wet} in post: cut them alike")
    return dry


def overlap_added(windows: Array) -> Array:
    """(windows, samples), a step apart, to (samples): each fades in and out over its neighbours; no border clicks."""
    n_windows, n_samples = windows.shape
    fade = np.sin(np.pi * (np.arange(n_samples) + 0.5) / n_samples) ** 2  # nowhere 0: both ends have one window only
    total, weight = np.zeros((2, (n_windows - 1) * STEP_SAMPLES + n_samples))
    for number, window in enumerate(windows):
        here = slice(number * STEP_SAMPLES, number * STEP_SAMPLES + n_samples)
        total[here] += fade * window
        weight[here] += fade
    return total / weight
