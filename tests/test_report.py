"""Figures as a user reads them."""

from __future__ import annotations

import pytest

from audiofeat.report import size_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (31_499, "31.5 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_234_567_890, "1,234.6 MB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_suits_it(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text
