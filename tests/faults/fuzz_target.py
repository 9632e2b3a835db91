"""What is fuzzed: a part of the product that takes bytes from outside, as a function that raises for defects only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    seeds: tuple[bytes, ...]
    """Good inputs; what is tried are these with things wrong (:mod:`faults.mutate`)."""
    check: Callable[[bytes], None]
    """Whatever it raises is a defect of the product."""


def expect(*, that: bool, says: str) -> None:
    """Raises AssertionError, which scripts too must meet: ``python -O`` takes plain asserts away."""
    if not that:
        raise AssertionError(says)
