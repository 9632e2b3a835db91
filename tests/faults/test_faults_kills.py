"""A short sweep of what ``scripts/torture`` does at length: see ``kills``."""

from __future__ import annotations

from pathlib import Path

from faults.kills import torture


def test_fault_1_3_18_20_27_a_run_and_an_ffmpeg_killed_at_random_end_in_the_same_store(tmp_path: Path) -> None:
    figures = torture(tmp_path, kills=2, workers=1, victims=("run", "ffmpeg"))
    assert figures.violations == [], figures.name
    assert figures.tried > 0
