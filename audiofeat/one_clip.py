"""The features of one clip that lies in memory: no file, no shard, the same programs and so the same bits.

What comes before the signal's own steps (``audio.trim_db``, ``audio.chunk_seconds``, ``audio.peak``) is a matter of
files and is not done here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.deck import Deck, Features
from audiofeat.dsp.framing import Samples, with_edges
from audiofeat.dsp.signal import prepare, prepared_samples
from audiofeat.frontend.programs import Array
from audiofeat.frontend.recipe import Recipe
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.rows import RowBudget

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

BLOCK_SAMPLES = 65_536
_ALL_MEMORY_BYTES = 1 << 62


def features_of_clip(frontend: Frontend, samples: Samples) -> dict[str, Array]:
    """Compute all features of the programs' recipe; dither is that of a clip without a key.

    Args:
        samples: (n,) float32 at the recipe's sample rate.
    Returns:
        feature name -> rows (frames, dims); no frames where the clip is too short for one.
    """
    found: dict[str, Array] = {}
    deck = deck_in_memory(lambda: frontend, frontend.recipe)
    lay(deck, samples, frontend.recipe, done=lambda features: found.update(all_rows(features)))
    deck.flush()
    return found


def deck_in_memory(frontend: Callable[[], Frontend], recipe: Recipe) -> Deck:
    """A deck that spools nothing: whoever asks for all rows in memory gets them there."""
    budget = RowBudget(Path(), process_bytes=_ALL_MEMORY_BYTES, clip_bytes=_ALL_MEMORY_BYTES)
    return Deck(recipe, recipe.feature_specs(), budget, frontend=frontend, clock=Stopwatch())


def lay(
    deck: Deck,
    samples: Samples,
    recipe: Recipe,
    *,
    done: Callable[[Features], None],
    block_samples: int = BLOCK_SAMPLES,
) -> None:
    """Lay a clip, (n,) float32, on a deck of its recipe; ``done`` gets its features when the deck is through."""
    blocks = (samples[start : start + block_samples] for start in range(0, len(samples), block_samples))
    deck.begin()
    for block in with_edges(prepare(blocks, recipe.signal, key="", dtype=recipe.precision), recipe.rule):
        deck.write(block)
    deck.end(recipe.rule.n_frames(prepared_samples(len(samples), recipe.signal)), done=done)


def all_rows(features: Features) -> dict[str, Array]:
    """A clip's features as whole arrays, (frames, dims) each."""
    return {
        name: np.concatenate([np.empty((0, rows.dims), rows.dtype), *rows.blocks()]) for name, rows in features.items()
    }
