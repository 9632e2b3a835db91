"""How many samples, frames and rows each clip of a batch has: (clips,) int32 in and out.

Frames are counted by the rule itself: by its own answers for short clips, in a table, and beyond by what holds for
all rules, that a hop more is a frame more.
"""

from __future__ import annotations

import tensorflow as tf

from audiofeat.dsp.framing import FrameRule
from audiofeat.dsp.signal import SignalSteps


def prepared_counts(n_samples: tf.Tensor, steps: SignalSteps) -> tf.Tensor:
    """As :func:`audiofeat.dsp.signal.prepared_samples`."""
    padded = n_samples
    if steps.pad_to_samples is not None:
        missing = steps.pad_to_samples - n_samples
        beyond = 0 if steps.pad_step_samples is None else tf.math.floormod(missing, steps.pad_step_samples)
        padded += tf.where(missing >= 0, missing, beyond)
    if steps.cut_to_samples is not None:
        padded = tf.minimum(padded, steps.cut_to_samples)
    return tf.where(n_samples > 0, padded, 0)


def frame_counts(n_samples: tf.Tensor, rule: FrameRule) -> tf.Tensor:
    """As :meth:`FrameRule.n_frames`."""
    hop = rule.hop_samples
    settled = rule.n_fft + 2 * hop
    table = tf.constant([rule.n_frames(n) for n in range(settled + hop)], tf.int32)
    beyond = tf.maximum(n_samples - settled, 0) // hop
    return tf.gather(table, n_samples - beyond * hop) + beyond


def is_within(counts: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Which of ``size`` positions each clip has: (clips,) -> (clips, size) bool."""
    return tf.range(size)[None, :] < counts[:, None]
