"""What came out of a comparison: for each clip, and for a preset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from audiofeat.parity.yardstick import Difference

Outcome: TypeAlias = Literal["pass", "FAIL", "not compared"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clip's features by a preset and by its library."""

    clip: str
    n_frames: int
    """As audiofeat has them."""
    tolerance_db: float
    """Where the leeway is 1."""
    difference: Difference | None = None
    """None where there is nothing to subtract."""
    problem: str = ""
    """Another shape than the library's."""
    refused: str = ""
    """What the library said instead of giving features."""

    @property
    def outcome(self) -> Outcome:
        """What was found: each value may differ by the tolerance, times its leeway."""
        if self.problem:
            return "FAIL"
        if self.difference is None:
            return "not compared"
        return "pass" if self.difference.weighed_db <= self.tolerance_db else "FAIL"

    @property
    def share_of_tolerance(self) -> float:
        """How bad it is; below 0 where nothing was compared."""
        if self.problem:
            return float("inf")
        return -1.0 if self.difference is None else self.difference.weighed_db / self.tolerance_db


@dataclass(frozen=True, slots=True)
class Verdict:
    """A preset beside its library."""

    preset: str
    system: str
    """What it was compared with, and its version."""
    is_live: bool
    """False: with the golden file."""
    note: str
    """How to compare with the library itself, or why that was not done."""
    comparisons: tuple[Comparison, ...]

    @property
    def outcome(self) -> Outcome:
        """A failure where any comparison is one, a pass where any is one and none a failure."""
        outcomes = [comparison.outcome for comparison in self.comparisons]
        return "FAIL" if "FAIL" in outcomes else "pass" if "pass" in outcomes else "not compared"

    @property
    def worst(self) -> Comparison:
        """The one that is furthest off, as a share of its tolerance."""
        return max(self.comparisons, key=lambda comparison: comparison.share_of_tolerance)
