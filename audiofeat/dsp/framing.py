"""Where the frames of a clip lie: how many there are, where each starts, what fills the edges.

A frame here is the ``win_samples`` samples that the window sees, never the zeros that pad it to the FFT. So
every alignment rule comes down to two things: the (possibly negative) sample at which frame 0 starts, and the
number of frames for a clip of N samples. Frame ``i`` starts at ``first_start + i * hop_samples``.

Rules, with W = win_samples, H = hop_samples, F = n_fft, and L = W, or F with ``count_by="n_fft"``:

=======================  ============================  ===========================  ===================================
align, tail              first start                   frames                       who does it
=======================  ============================  ===========================  ===================================
``left``                 0, or (F - W) // 2 with L=F   1 + (N - L) // H, or 0       tf.signal, Kaldi (snip-edges),
                                                                                    VGGish; librosa, torch center=False
``left``, ``pad_last``   as ``left``                   1 where N <= L, else         python_speech_features
                                                       1 + ceil((N - L) / H)
``left``, ``pad_hop``    as ``left``                   ceil(N / H)                  tf.signal with pad_end
``center``               -(F // 2) + (F - W) // 2      1 + (N + 2 (F//2) - F) // H  librosa, torch.stft, Whisper
``center``, ``extra``    -((W + 1) // 2)               1 + ceil(N / H)              Essentia
``hop_center``           H // 2 - W // 2               (N + H // 2) // H            Kaldi with snip-edges=false
``same``                 -((F - H) // 2) + (F-W) // 2  1 + (N + 2 P - F) // H,      HiFi-GAN, BigVGAN
                                                       P = (F - H) // 2
=======================  ============================  ===========================  ===================================

References: librosa.stft; torch.stft; kaldi/src/feat/feature-window.cc (FirstSampleOfFrame, NumFrames);
tensorflow/python/ops/signal/shape_ops.py (frame); python_speech_features/sigproc.py (framesig);
essentia/src/algorithms/standard/framecutter.cpp; hifi-gan/meldataset.py (mel_spectrogram).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.floating[Any]]
"""Float32 or float64."""


@dataclass(frozen=True, slots=True)
class FrameRule:
    """The geometry of a clip's frames; all lengths in samples."""

    win_samples: int
    hop_samples: int
    n_fft: int
    align: str = "left"
    pad: str = "zero"
    drop_last: bool = False
    count_by: str = "win"
    tail: str = "drop"

    @property
    def first_start(self) -> int:
        """The sample at which frame 0 starts; negative where the edge is filled."""
        if self.tail == "extra":
            return -((self.win_samples + 1) // 2)
        if self.align == "center":
            return -(self.n_fft // 2) + self.window_at
        if self.align == "hop_center":
            return self.hop_samples // 2 - self.win_samples // 2
        if self.align == "same":
            return -((self.n_fft - self.hop_samples) // 2) + self.window_at
        return self.window_at

    @property
    def window_at(self) -> int:
        """Where the window begins inside the FFT frame: in its middle, or at the left."""
        in_middle = self.align in ("center", "same") or self.count_by == "n_fft"
        return (self.n_fft - self.win_samples) // 2 if in_middle else 0

    @property
    def span_samples(self) -> int:
        """Samples from a frame's start after which it is sure that the clip has this frame.

        The window's length, but more where a rule counts a frame only when the clip goes on behind its window. The
        second frame tells: from it on, one hop more is one frame more.
        """
        return max(self.win_samples, self._shortest_clip(2) - self.hop_samples - self.first_start)

    def n_frames(self, n_samples: int) -> int:
        """The number of frames of a clip of ``n_samples``; 0 where it is too short for one."""
        if n_samples <= 0:
            return 0
        hop = self.hop_samples
        if self.align == "hop_center":
            return (n_samples + hop // 2) // hop
        if self.tail == "pad_hop":
            return -(-n_samples // hop)
        spare = n_samples - self._first_frame_samples
        if self.tail == "extra":
            frames = 1 + -(-n_samples // hop)
        elif self.tail == "pad_last":
            frames = 1 + max(0, -(-spare // hop))
        else:
            frames = 1 + spare // hop if spare >= 0 else 0
        return max(0, frames - 1) if self.drop_last else frames

    @property
    def _first_frame_samples(self) -> int:
        """How much of a clip the first whole frame needs; the edges give the rest."""
        if self.align == "left":
            return self.n_fft if self.count_by == "n_fft" else self.win_samples
        edge = (self.n_fft - self.hop_samples) // 2 if self.align == "same" else self.n_fft // 2
        return self.n_fft - 2 * edge

    @property
    def shortest_clip_samples(self) -> int:
        """The smallest number of samples that makes one frame."""
        return self._shortest_clip(1)

    def _shortest_clip(self, n_frames: int) -> int:
        """The smallest number of samples that makes this many frames, one or two."""
        high = self.n_fft + 3 * self.hop_samples
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.n_frames(middle) >= n_frames else (middle, high)
        return high


def edge_indices(positions: npt.NDArray[np.int64], n_samples: int, *, pad: str) -> npt.NDArray[np.int64]:
    """Map positions outside a clip to positions inside it, as ``reflect`` or ``symmetric`` edges want.

    Both mirror again and again where the clip is shorter than the edge, as ``numpy.pad`` does.

    Shape:
        positions (n,) -> (n,), each in [0, n_samples).
    """
    if pad == "reflect":
        period = max(1, 2 * (n_samples - 1))
        folded = positions % period
        return np.where(folded < n_samples, folded, period - folded)
    period = 2 * n_samples
    folded = positions % period
    return np.where(folded < n_samples, folded, period - 1 - folded)


def with_edges(blocks: Iterable[Samples], rule: FrameRule) -> Iterator[Samples]:
    """Yield a clip's blocks with its edges filled: all the samples that its frames see, from ``first_start`` on.

    Only the two ends of a clip are touched, so a clip of any length goes through block by block. What follows
    the last frame's last sample is not cut off here.

    Shape:
        blocks of (n,), in order, all of one type -> blocks of (m,) of the same type.
    """
    left = max(0, -rule.first_start)
    skip = max(0, rule.first_start)
    source = iter(blocks)
    head: list[Samples] = []
    n_samples = 0
    for block in source:
        head.append(block)
        n_samples += len(block)
        if n_samples > max(left, skip):  # one more than the edge: reflection leaves out the first sample
            break
    first = head[0] if len(head) == 1 else np.concatenate(head) if head else np.zeros(0, np.float32)
    if left:
        yield _fill(first, np.arange(-left, 0), first_position=0, n_samples=n_samples, rule=rule)
    yield first[skip:] if skip else first

    # The right edge mirrors at most this much of the clip's end.
    keep = rule.win_samples + rule.n_fft + rule.hop_samples
    tail = first[-keep:]
    for block in source:
        n_samples += len(block)
        tail = block[-keep:] if len(block) >= keep else np.concatenate([tail, block])[-keep:]
        yield block

    frames = rule.n_frames(n_samples)
    last_needed = rule.first_start + (frames - 1) * rule.hop_samples + rule.win_samples
    first_missing = max(n_samples, skip)
    if frames and first_missing < last_needed:
        right = np.arange(first_missing, last_needed)
        yield _fill(tail, right, first_position=n_samples - len(tail), n_samples=n_samples, rule=rule)


def _fill(
    known: Samples, positions: npt.NDArray[np.int64], *, first_position: int, n_samples: int, rule: FrameRule
) -> Samples:
    if rule.pad == "zero" or n_samples == 0:
        return np.zeros(len(positions), known.dtype)
    return known[edge_indices(positions, n_samples, pad=rule.pad) - first_position]
