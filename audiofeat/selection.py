"""Which clips the configuration leaves out by their length: they are no failures, and yet nothing vanishes."""

from __future__ import annotations

from audiofeat.config import Select
from audiofeat.errors import ClipError


class LeftOutError(ClipError):
    """A clip that ``select`` does not want. It stands in the quarantine file, and does not count as failed."""


def check_length(duration_seconds: float, select: Select) -> None:
    """Raises LeftOutError for a clip that is shorter or longer than ``select`` wants."""
    if select.min_seconds is not None and duration_seconds < select.min_seconds:
        raise LeftOutError(
            "select.too-short",
            f"{duration_seconds:.3f} s; select.min_seconds is {select.min_seconds:g}",
            hint="left out as the configuration says",
        )
    if select.max_seconds is not None and duration_seconds > select.max_seconds:
        raise LeftOutError(
            "select.too-long",
            f"{duration_seconds:.3f} s; select.max_seconds is {select.max_seconds:g}",
            hint="left out as the configuration says",
        )


def too_short_a_rest(*, n_frames: int, fewest_frames: int) -> LeftOutError:
    """For what is left at the end of a clip cut into chunks: as little as the samples behind a last whole frame."""
    found = f"makes {n_frames} frames; deltas and stacking take {fewest_frames}" if n_frames else "makes no frame"
    return LeftOutError(
        "select.rest", f"the rest behind the last whole chunk {found}", hint="nothing is wrong with the file"
    )


def is_wanted(duration_seconds: float, select: Select) -> bool:
    """Whether a clip of this length is taken."""
    try:
        check_length(duration_seconds, select)
    except LeftOutError:
        return False
    return True
