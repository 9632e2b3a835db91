"""One direction of a chart: where on it a value lies, and at which values it has ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audiofeat.page.numbers import round_step, short

_MOST_TICKS = 6
_CLOSE = 1e-6
_ROUND_DIGITS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    place: float
    """0 is the axis' beginning, 1 its end."""
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``low`` to ``high``, which is above it; where it is logarithmic, both are above 0."""

    low: float
    high: float
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies: 0 at ``low``, 1 at ``high``."""
        if self.is_logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, *, most: int = _MOST_TICKS) -> list[Tick]:
        """At round values, no more than so many."""
        values = self._round_powers(most) if self.is_logarithmic else self._round_multiples(most)
        ticks = [Tick(self.place(value), short(value)) for value in values]
        # Beside a large number a short axis has no round value that a float could tell.
        return [tick for tick in ticks if -_CLOSE <= tick.place <= 1.0 + _CLOSE]

    def _round_multiples(self, most: int) -> list[float]:
        step = round_step(self.high - self.low, most=most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)][: most + 1]

    def _round_powers(self, most: int) -> list[float]:
        """1, 2, 5, 10, ... of the axis where there is room; else powers of ten, or every second one, ..."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = [digit * 10.0**power for power in powers for digit in _ROUND_DIGITS]
        found = [value for value in every if self.low <= value <= self.high]
        if len(found) <= most:
            return found
        tens = [10.0**power for power in powers if self.low <= 10.0**power <= self.high]
        return tens[:: -(-len(tens) // most)] if tens else found[:: -(-len(found) // most)]
