"""How a picture looks: its colours, light and dark, and its sizes for one clip or many.

The lines are Okabe and Ito's blues, the shades magma, PuOr and berlin: all of them can be told apart by people who do
not see red and green as two colours, and magma is even in lightness too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_TOTAL_INCHES, _WIDEST_INCHES, _NARROWEST_INCHES = 13.5, 8.0, 2.0
_SIDES_INCHES = 1.6
_ROW_INCHES, _TITLE_INCHES = 1.75, 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """Colours, by the names that matplotlib has for them."""

    background: str
    ink: str
    faint: str
    line: str
    levels: str
    signed: str

    def settings(self) -> dict[str, Any]:
        """As matplotlib's ``rcParams``."""
        return {
            "figure.facecolor": self.background,
            "axes.facecolor": self.background,
            "axes.edgecolor": self.faint,
            "axes.labelcolor": self.ink,
            "axes.titlecolor": self.ink,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": 10,
            "axes.labelsize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": self.faint,
            "grid.alpha": 0.35,
            "grid.linewidth": 0.5,
            "text.color": self.ink,
            "xtick.color": self.faint,
            "ytick.color": self.faint,
            "xtick.labelcolor": self.ink,
            "ytick.labelcolor": self.ink,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "svg.hashsalt": "audiofeat",
        }


LIGHT = Look("#ffffff", "#222222", "#8a8a8a", "#0072b2", "magma", "PuOr")
DARK = Look("#16181d", "#e8e8e8", "#7d828c", "#56b4e9", "magma", "berlin")


def column_inches(n_clips: int) -> float:
    """How wide the column of a clip is."""
    return max(_NARROWEST_INCHES, min(_WIDEST_INCHES, _TOTAL_INCHES / n_clips))


def size_inches(n_clips: int, *, n_rows: int) -> tuple[float, float]:
    """Of the whole picture."""
    return _SIDES_INCHES + n_clips * column_inches(n_clips), _TITLE_INCHES + n_rows * _ROW_INCHES
