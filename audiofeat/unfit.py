"""Samples of which no features can be made, and what is said of them."""

from __future__ import annotations

from audiofeat.dsp.levels import Levels
from audiofeat.errors import ClipError
from audiofeat.frontend.recipe import Recipe
from audiofeat.pieces import non_finite


def check_samples(levels: Levels, *, scale: float) -> None:
    """Refuse samples of which no features can be made. Raises ClipError."""
    if not levels.is_finite:
        raise non_finite()
    if not levels.is_in_range(scale=scale):
        raise ClipError(
            "input.non-finite",
            f"samples reach {levels.peak:.3g}, whose power would not be finite",
            hint="write the file again, with samples between -1 and 1, or lower audio.scale",
        )


def too_short(levels: Levels, recipe: Recipe, *, n_frames: int, sample_rate: int) -> ClipError:
    """For a clip that makes no frame, or fewer than deltas and stacking take."""
    found = f"{levels.n_samples} samples at {sample_rate} Hz"
    if n_frames:
        return ClipError(
            "input.too-short",
            f"{found} make {n_frames} frames; deltas and stacking as configured take {recipe.fewest_frames}",
            hint="a longer clip, or deltas.edge: replicate, or stack.tail: pad",
        )
    return ClipError(
        "input.too-short",
        f"{found} are too short for a frame, which takes {recipe.rule.shortest_clip_samples}",
        hint="a longer clip, or frame.align: center",
    )


def unforeseen(error: Exception) -> ClipError:
    """What is said of a clip whose decoding raised something that is no ClipError."""
    if isinstance(error, MemoryError):
        hint = "fewer --workers, or more memory, and then `audiofeat retry`"
        return ClipError("limit.memory", "there was not enough memory for it", hint=hint)
    return ClipError(
        "decoder.failed",
        f"decoding raised {type(error).__name__}, which nobody foresaw",
        hint="the traceback is in the store's .state/logs; please report it",
    )
