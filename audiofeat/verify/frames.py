"""How many frames a clip of a certain length must have, from the configuration that a store names.

The manifest tells a clip's length in seconds of the source, or, where clips are cut out of what was decoded (trimmed,
in chunks), of the resampled signal; either way it is a number of samples over their rate, so the samples are known
again exactly. Only resampling rounds: there, one sample more or less is allowed for. What pads, cuts, stacks or fixes
lengths is the recipe's own.
"""

from __future__ import annotations

from functools import lru_cache

from audiofeat.config import Config
from audiofeat.dsp.signal import prepared_samples
from audiofeat.dsp.tail import tail_rows
from audiofeat.errors import AudioFeatError
from audiofeat.frontend.recipe import Recipe, recipe_of
from audiofeat.records import ClipRow

_MOST_RATES = 256


class FrameCounts:
    """Judges the frames of a store's clips."""

    def __init__(self, config: Config) -> None:
        self._rate = config.audio.sample_rate
        self._is_cut = config.audio.chunk_seconds is not None or config.audio.trim_db is not None
        self._recipe_at = lru_cache(_MOST_RATES)(lambda rate: _recipe_or_none(config, rate))

    def complaint(self, row: ClipRow) -> str:
        """What is wrong with a clip's number of frames; empty where nothing is, or nothing can be said."""
        rate_hz = row.sample_rate if self._rate == "native" else self._rate
        recipe: Recipe | None = self._recipe_at(rate_hz)
        if recipe is None:
            return ""
        n_samples = round(row.duration_seconds * rate_hz)
        is_exact = self._is_cut or rate_hz == row.sample_rate
        lengths = (n_samples,) if is_exact else (n_samples - 1, n_samples, n_samples + 1)
        wanted = sorted({_frames(recipe, length) for length in lengths})
        if row.frames in wanted:
            return ""
        return (
            f"{row.frames} frames, where {row.duration_seconds:g} s at {rate_hz} Hz make "
            f"{' or '.join(map(str, wanted))}"
        )


def _frames(recipe: Recipe, n_samples: int) -> int:
    frames = recipe.rule.n_frames(prepared_samples(max(0, n_samples), recipe.signal))
    return tail_rows(next(iter(recipe.tails.values())), frames)  # all features of a clip have as many rows


def _recipe_or_none(config: Config, rate_hz: int) -> Recipe | None:
    try:
        return recipe_of(config, sample_rate_hz=rate_hz)
    except AudioFeatError:  # of a clip, with a native rate that this configuration refuses: another version took it
        return None
