"""Numbers as a page shows them."""

from __future__ import annotations

import math

from audiofeat.signs import printable

MINUS_INFINITY = "\N{MINUS SIGN}\N{INFINITY}"
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_ROUND = (1.0, 2.0, 5.0, 10.0, 20.0)


def decibels(level: float) -> float:
    """Of full scale; minus infinity for digital silence."""
    return 20.0 * math.log10(level) if level > 0.0 else -math.inf


def short(value: float) -> str:
    """Three digits or so: ``0.25``, ``12.3``, ``1,234``, ``1.5M``."""
    if math.isinf(value):
        return MINUS_INFINITY if value < 0 else "\N{INFINITY}"
    size = abs(value)
    if size >= 1e15 or 0.0 < size < 1e-3:
        text = f"{value:.2e}"
    elif size >= 1e5:
        text = next(f"{value / unit:.4g}{name}" for unit, name in _UNITS if size >= unit)
    elif size >= 999.5:
        text = f"{value:,.0f}"
    else:
        text = f"{value + 0.0:.3g}"  # no minus before a zero
    return text.replace("-", "\N{MINUS SIGN}")


def short_range(low: float, high: float) -> str:
    return f"{short(low)} to {short(high)}"


def round_step(span: float, *, most: int) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (or 0.5, 0.2, ...) that divides a span into at most so many."""
    least = span / most
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in _ROUND if power * digit >= least * (1 - 1e-9))


def cut(text: str, *, most: int) -> str:
    """Text as it may stand on a page; of one that is too long, its beginning and its end."""
    text = printable(text)
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - end - 1]}\N{HORIZONTAL ELLIPSIS}{text[-end:]}"
