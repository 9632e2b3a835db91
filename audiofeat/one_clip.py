"""The features of one clip that lies in memory: no file, no shard, the same programs and so the same bits.

What comes before the signal's own steps (``audio.trim_db``, ``audio.chunk_seconds``, ``audio.peak``) is a matter of
files and is not done here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.deck import Array, Deck, Features
from audiofeat.dsp.framing import Samples, with_edges
from audiofeat.dsp.signal import prepare, prepared_samples
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.rows import RowBudget

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

_BLOCK_SAMPLES = 65_536
_ALL_MEMORY_BYTES = 1 << 62
"""Rows are never spooled: whoever asks for all of them in memory gets them there."""


def features_of_clip(frontend: Frontend, samples: Samples, *, key: str = "") -> dict[str, Array]:
    """Compute all features of the programs' recipe.

    Args:
        samples: (n,) float32 at the recipe's sample rate.
        key: the clip's key, which its dither follows from.
    Returns:
        feature name -> rows (frames, dims); no frames where the clip is too short for one.
    """
    recipe = frontend.recipe
    in_memory = RowBudget(Path(), process_bytes=_ALL_MEMORY_BYTES, clip_bytes=_ALL_MEMORY_BYTES)
    found: dict[str, Array] = {}

    def done(features: Features) -> None:
        for name, rows in features.items():
            found[name] = np.concatenate([np.empty((0, rows.dims), rows.dtype), *rows.blocks()])

    deck = Deck(recipe, recipe.feature_specs(), in_memory, frontend=lambda: frontend, clock=Stopwatch())
    deck.begin()
    blocks = (samples[start : start + _BLOCK_SAMPLES] for start in range(0, len(samples), _BLOCK_SAMPLES))
    prepared = prepare(blocks, recipe.signal, key=key, dtype=recipe.precision)
    for block in with_edges(prepared, recipe.rule):
        deck.write(block)
    deck.end(recipe.rule.n_frames(prepared_samples(len(samples), recipe.signal)), done=done)
    deck.flush()
    return found
