"""A batch laid on one tape: each clip with its edges filled, all in as many slots as the longest one takes.

The rule for edges is that of :func:`audiofeat.dsp.framing.with_edges`. A clip's last slots, whose frames would reach
into the next clip, are computed and dropped, as on any tape (:mod:`audiofeat.tape`).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from audiofeat.dsp.framing import FrameRule
from audiofeat.serving.counts import is_within


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A batch on its tape."""

    tape: tf.Tensor
    """(clips * clip_slots * hop,)."""
    frames: tf.Tensor
    """Of each clip: (clips,)."""
    most_frames: tf.Tensor
    clip_slots: tf.Tensor

    def of_clips(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows of the tape, (slots or more, dims), as those of its clips: (clips, most_frames, dims)."""
        n_clips = tf.shape(self.frames)[0]
        own = rows[: n_clips * self.clip_slots]
        return tf.reshape(own, [n_clips, self.clip_slots, rows.shape[1]])[:, : self.most_frames]


def laid(signal: tf.Tensor, counts: tf.Tensor, frames: tf.Tensor, rule: FrameRule) -> Laid:
    """Lay a batch.

    Shape:
        signal (clips, n), zeros behind each clip's end; counts and frames (clips,).
    """
    overlap_slots = -(-rule.span_samples // rule.hop_samples) - 1
    most_frames = tf.reduce_max(tf.concat([frames, [0]], axis=0))
    clip_slots = most_frames + overlap_slots
    length = clip_slots * rule.hop_samples
    if rule.pad == "zero":
        seen = _shifted(signal, rule.first_start, length)
    else:
        seen = _mirrored(signal, counts, tf.range(length) + rule.first_start, pad=rule.pad)
    return Laid(tf.reshape(seen, [-1]), frames, most_frames, clip_slots)


def _shifted(signal: tf.Tensor, first_start: int, length: tf.Tensor) -> tf.Tensor:
    """(clips, length) from sample ``first_start`` on, zeros beyond both ends."""
    signal = tf.pad(signal[:, max(0, first_start) :], [[0, 0], [max(0, -first_start), 0]])[:, :length]
    return tf.pad(signal, [[0, 0], [0, length - tf.shape(signal)[1]]])


def _mirrored(signal: tf.Tensor, counts: tf.Tensor, positions: tf.Tensor, *, pad: str) -> tf.Tensor:
    """(clips, positions): as :func:`audiofeat.dsp.framing.edge_indices`, each clip by its own count."""
    n_samples = tf.maximum(counts, 1)[:, None]
    shared = 1 if pad == "reflect" else 0  # whether the outermost sample is its own mirror image
    period = tf.maximum(1, 2 * (n_samples - shared))
    folded = tf.math.floormod(positions[None, :], period)
    inside = tf.where(folded < n_samples, folded, period - 1 + shared - folded)
    filled = tf.pad(signal, [[0, 0], [0, 1]])  # something to gather from, if all clips are empty
    found = tf.gather(filled, inside, batch_dims=1)
    return tf.where(is_within(counts, 1), found, tf.zeros([], signal.dtype))
