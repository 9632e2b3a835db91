"""What one bad input is: how it is made, and what has to become of it.

Each is numbered by its row in a list of 99 that was drawn up from what happened to others. Inputs that are files lie
together in one data set (``test_one_data_set.py``); for the rest a test says its rows in its name: ``test_row_31_...``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BadInput:
    """A file, or what stands in a file's place, in a data set."""

    row: int
    name: str
    """Below the data set, as ``os.fsdecode`` spells it; folders in it are made before ``make`` is called."""
    make: Callable[[Path], None]
    """Makes it at the path that it is given. Content is made by code: nothing binary is kept."""
    reason: str | None
    """The quarantine's reason; None: it becomes a clip like any other."""
    says: tuple[str, ...] = ()
    """What the message in the quarantine must contain: the figures that were found."""
    frames: int | None = None
    """Of one that becomes a clip: its frames at the file's own rate, where that is what could be wrong."""
    needs: str = ""
    """``ffmpeg``, ``root``, ...: what the machine must have for it to be made or told; empty: nothing."""
