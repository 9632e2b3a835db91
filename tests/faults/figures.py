"""What a sweep of faults found: one line of the table that ``scripts/torture`` prints."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """Of one sweep. Every sweep is a function that a test calls with little to do and ``scripts/torture`` with much."""

    name: str
    tried: int = 0
    """Inputs given, faults injected, states looked at: each of them was reached."""
    violations: list[str] = field(default_factory=list)
    """What went wrong, one line each, with what is needed to do it again. None is what there should be."""
    seconds: float = 0.0
