"""What axes have in common: one range for all of a row, few ticks in words that people use, and notes where nothing is.

Numbers and names stand once: at the left of a row, and below the last of the rows that share seconds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audiofeat.plot.look import column_inches
from audiofeat.plot.scales import Kind, hz_text, round_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS_PER_INCH = 11
_MOST_LINES = 6
_SHORTEST_SECONDS = 1e-3
_TICKS_PER_INCH = 1.4
_MOST_TICKS = 10
_WIDE_INCHES = 3.0
"""A column in which a decade has room for three numbers."""


def share_values(row: Sequence[Axes], label: str, *, low: float, high: float) -> None:
    """Give a row one range upwards, and a name at its left; where nothing is drawn, a range would mean nothing."""
    is_empty = not any(ax.has_data() for ax in row)
    for column, ax in enumerate(row):
        ax.set_ylim(low, high)
        if is_empty:
            ax.set_yticks([])
            continue
        ax.locator_params(axis="y", nbins=5)
        ax.tick_params(labelleft=column == 0)
    row[0].set_ylabel(label)


def share_seconds(rows: Sequence[Sequence[Axes]], *, longest: float) -> None:
    """Give all of these rows one range of seconds, from the start of the clips to the end of the longest."""
    for number, row in enumerate(rows):
        is_told = number in (0, len(rows) - 1)  # between the two others the spectrum stands
        for ax in row:
            ax.set_xlim(0.0, max(longest, _SHORTEST_SECONDS))
            ax.locator_params(axis="x", nbins=max(2, min(_MOST_TICKS, int(_TICKS_PER_INCH * column_inches(len(row))))))
            ax.tick_params(labelbottom=is_told)
            if is_told:
                ax.set_xlabel("seconds")


def tick_frequencies(row: Sequence[Axes], kind: Kind, *, low: float, high: float) -> None:
    """Name frequencies upwards as people do: 500, 2k; on a mel axis at round numbers of Hz."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    ticks = round_ticks(kind, low, high)
    for ax in row:
        if ticks is not None:
            names = dict(ticks)
            ax.yaxis.set_major_locator(FixedLocator(list(names)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda place, _, names=names: names.get(place, "")))
        elif kind == "hz":
            ax.yaxis.set_major_formatter(FuncFormatter(lambda hz, _: hz_text(hz)))


def tick_decades(row: Sequence[Axes]) -> None:
    """Name frequencies along a logarithmic axis, as many as there is room for."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    subs = (1.0, 2.0, 5.0) if column_inches(len(row)) >= _WIDE_INCHES else (1.0,)
    for ax in row:
        ax.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda hz, _: hz_text(hz)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("Hz")


def say(ax: Axes, note: str, *, n_clips: int) -> None:
    """Put words where something would be drawn."""
    width = round(column_inches(n_clips) * _LETTERS_PER_INCH)
    lines = textwrap.wrap(printable(note), width, max_lines=_MOST_LINES, placeholder=" ...")
    ax.text(
        0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=8, transform=ax.transAxes, parse_math=False
    )  # fmt: skip
    ax.grid(visible=False)


def shortened(text: str, *, width: int) -> str:
    """The end of a name, which tells clips apart, with three dots before it where it is too long."""
    text = printable(text)
    return text if len(text) <= width else f"...{text[3 - width :]}"


def printable(text: str) -> str:
    """The text without what no font has a sign for, such as bytes outside UTF-8."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
