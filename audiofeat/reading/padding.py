"""Clips of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiofeat.store.shard_format import Array


def padded(clips: Sequence[Array], *, value: float = 0.0, n_frames: int | None = None) -> Array:
    """One array of several clips, those that are too short filled up behind with ``value``.

    Args:
        n_frames: of each clip in the result; None: as many as the longest has.
    Shape:
        clips each (frames, dims), at least one; returns (clips, n_frames, dims) of their dtype.
    Raises:
        ValueError: there is no clip, or one has more than ``n_frames``.
    """
    if not clips:
        raise ValueError("no clips to put together")
    longest = max(map(len, clips))
    if n_frames is not None and longest > n_frames:
        raise ValueError(f"a clip has {longest} frames, more than the {n_frames} there are to be")
    batch = np.full((len(clips), longest if n_frames is None else n_frames, clips[0].shape[1]), value, clips[0].dtype)
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    return batch
