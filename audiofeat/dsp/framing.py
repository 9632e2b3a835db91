"""Where the frames of a clip lie: how many there are, where each starts, what fills the edges.

A frame here is the ``win_samples`` samples that the window sees, never the zeros that pad it to the FFT. So
every alignment rule comes down to two things: the (possibly negative) sample at which frame 0 starts, and the
number of frames for a clip of N samples. Frame ``i`` starts at ``first_start + i * hop_samples``.

Rules, with W = win_samples, H = hop_samples, F = n_fft:

=============  ============================  ==========================  =========================================
align          first start                   frames                      who does it
=============  ============================  ==========================  =========================================
``left``       0                             1 + (N - W) // H, or 0      tf.signal, Kaldi (snip-edges), VGGish
``center``     -(F // 2) + (F - W) // 2      1 + (N + 2 (F//2) - F) // H  librosa, torch.stft, Whisper
``hop_center`` H // 2 - W // 2               (N + H // 2) // H           Kaldi with snip-edges=false
``same``       -((F - H) // 2) + (F-W) // 2  1 + (N + 2 P - F) // H,     HiFi-GAN, BigVGAN
                                             P = (F - H) // 2
=============  ============================  ==========================  =========================================

References: librosa.stft; torch.stft; kaldi/src/feat/feature-window.cc (FirstSampleOfFrame, NumFrames);
hifi-gan/meldataset.py (mel_spectrogram).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FrameRule:
    """The geometry of a clip's frames; all lengths in samples."""

    win_samples: int
    hop_samples: int
    n_fft: int
    align: str = "left"
    pad: str = "zero"
    drop_last: bool = False

    @property
    def first_start(self) -> int:
        """The sample at which frame 0 starts; negative where the edge is filled."""
        window_at = (self.n_fft - self.win_samples) // 2
        if self.align == "center":
            return -(self.n_fft // 2) + window_at
        if self.align == "hop_center":
            return self.hop_samples // 2 - self.win_samples // 2
        if self.align == "same":
            return -((self.n_fft - self.hop_samples) // 2) + window_at
        return 0

    @property
    def window_at(self) -> int:
        """Where the window begins inside the FFT frame: centred for centred frames, else at the left."""
        return (self.n_fft - self.win_samples) // 2 if self.align in ("center", "same") else 0

    @property
    def span_samples(self) -> int:
        """Samples from a frame's start after which it is sure that the clip has this frame.

        The window's length, but more where a rule counts a frame only when the clip goes on behind its window.
        """
        return max(self.win_samples, self.shortest_clip_samples - self.first_start)

    def n_frames(self, n_samples: int) -> int:
        """The number of frames of a clip of ``n_samples``; 0 where it is too short for one."""
        if n_samples <= 0:
            return 0
        if self.align == "left":
            spare = n_samples - self.win_samples
        elif self.align == "hop_center":
            return (n_samples + self.hop_samples // 2) // self.hop_samples
        else:
            edge = (self.n_fft - self.hop_samples) // 2 if self.align == "same" else self.n_fft // 2
            spare = n_samples + 2 * edge - self.n_fft
        frames = 1 + spare // self.hop_samples if spare >= 0 else 0
        return max(0, frames - 1) if self.drop_last else frames

    @property
    def shortest_clip_samples(self) -> int:
        """The smallest number of samples that makes one frame."""
        high = self.n_fft + 2 * self.hop_samples
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.n_frames(middle) else (middle, high)
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
        blocks of (n,) float32, in order -> blocks of (m,) float32.
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
    if frames and last_needed > n_samples:
        right = np.arange(n_samples, last_needed)
        yield _fill(tail, right, first_position=n_samples - len(tail), n_samples=n_samples, rule=rule)


def _fill(
    known: Samples, positions: npt.NDArray[np.int64], *, first_position: int, n_samples: int, rule: FrameRule
) -> Samples:
    if rule.pad == "zero" or n_samples == 0:
        return np.zeros(len(positions), np.float32)
    return known[edge_indices(positions, n_samples, pad=rule.pad) - first_position]
