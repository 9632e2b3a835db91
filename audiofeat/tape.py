"""The tape: clips of any length laid end to end on one fixed-length buffer, so that one compiled program fits all.

The buffer holds ``slots`` frame positions, a hop apart; frame ``i`` starts at item ``i * hop`` and sees at most
``span`` items. Each clip starts on a multiple of the hop::

        slot     0     1     2     3     4     5     6     7
               ┌─────┬─────┬─────┬─────┬─────┬─────┬─────┬─────┬ ─ ─ ┐
        tape   │ clip A: 3 frames      │ clip B: goes on, on the next tape
               └─────┴─────┴─────┴─────┴─────┴─────┴─────┴─────┴ ─ ─ ┘
        frame    A0    A1    A2    ✗     B0    B1    B2    B3    └ overlap, moved to the front of the next tape

The frames marked ✗ straddle two clips: they are computed and dropped, ``ceil((span - hop) / hop)`` a clip. No
padding to a common length, no buckets, no second shape. And since a program treats all frames alike, no value
depends on what else lies on the tape; a test holds that for every bit.

A tape knows nothing of audio. Laid with samples (hop = the frame hop, span = the window) it feeds the frame
program; laid with rows (hop = span = 1) it feeds the clip program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Owner = TypeVar("Owner")
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Segment(Generic[Owner]):
    """A run of consecutive frames of one clip on one tape."""

    owner: Owner
    slot: int
    """Where on the tape its first frame lies."""
    count: int
    is_last: bool
    """Whether the clip ends with this segment."""


ALIGNMENT_BYTES = 64
"""Of the buffer in memory: so the programs take it as it is, without a copy."""

Compute = Callable[[Array, Sequence[Segment[Owner]]], None]


class Tape(Generic[Owner]):
    """Lay clips, and hand each full tape with its segments to ``compute``.

    Usage, for each clip: ``begin(owner)``, ``write(items)`` as often as they come, then ``end(n_frames)``; or
    ``abandon()`` when the clip cannot be finished. ``flush()`` computes what has been laid so far.

    The buffer handed to ``compute`` has ``length`` items, is valid during the call only, and holds leftovers of
    earlier tapes where nothing was laid.
    """

    def __init__(
        self,
        compute: Compute[Owner],
        *,
        slots: int,
        hop: int,
        span: int,
        item_shape: tuple[int, ...] = (),
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self._compute = compute
        self._slots = slots
        self._hop = hop
        self._overlap_slots = -(-span // hop) - 1
        self._buffer = _aligned_zeros((tape_length(slots=slots, hop=hop, span=span), *item_shape), np.dtype(dtype))
        self._segments: list[Segment[Owner]] = []
        self._owner: Owner | None = None
        self._slot = 0  # where the open clip's next frame lies, or the next clip will begin
        self._position = 0  # the next item to write
        self._frames_done = 0  # of the open clip, on earlier tapes

    def begin(self, owner: Owner) -> None:
        """Open a clip. Raises ValueError while another is open."""
        if self._owner is not None:
            raise ValueError("begin() while another clip is open; end() or abandon() it first")
        if self._slot >= self._slots:
            self.flush()
        self._owner, self._frames_done = owner, 0
        self._position = self._slot * self._hop

    def write(self, items: Array) -> None:
        """Lay the open clip's next items: (n, *item_shape)."""
        start = 0
        while start < len(items):
            if self._position == len(self._buffer):
                self._turn()
            count = min(len(items) - start, len(self._buffer) - self._position)
            self._buffer[self._position : self._position + count] = items[start : start + count]
            self._position += count
            start += count

    def end(self, n_frames: int) -> None:
        """Close the clip, which has ``n_frames`` frames in all; what was laid beyond the last one is ignored."""
        count = n_frames - self._frames_done
        if count < 0:
            raise ValueError(f"{self._frames_done} frames were computed of a clip said to have {n_frames}")
        # Items behind its last frame may have turned the tape: then an empty segment says that the clip is complete.
        self._segments.append(Segment(self._open(), self._slot, count, is_last=True))
        self._slot += count + self._overlap_slots if count else 0
        self._owner = None

    def abandon(self) -> None:
        """Forget the open clip; frames of it that earlier tapes computed are its owner's to discard."""
        self._owner = None

    def flush(self) -> None:
        """Compute the frames of the clips closed since the last tape. Raises ValueError while a clip is open."""
        if self._owner is not None:
            raise ValueError("flush() while a clip is open; end() or abandon() it first")
        if self._segments:
            self._run()
        self._slot = 0

    def _turn(self) -> None:
        """Compute a full tape in the middle of a clip, and carry the overlap over to the next one."""
        count = self._slots - self._slot
        self._segments.append(Segment(self._open(), self._slot, count, is_last=False))
        self._run()
        self._frames_done += count
        overlap = self._overlap_slots * self._hop
        # One hop may be longer than the span; then nothing overlaps and nothing is carried.
        self._buffer[:overlap] = self._buffer[len(self._buffer) - overlap :]
        self._slot, self._position = 0, overlap

    def _run(self) -> None:
        segments, self._segments = self._segments, []
        self._compute(self._buffer, segments)

    def _open(self) -> Owner:
        if self._owner is None:
            raise ValueError("no clip is open; begin() one first")
        return self._owner


def _aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    size_bytes = math.prod(shape) * dtype.itemsize
    room = np.zeros(size_bytes + ALIGNMENT_BYTES, np.uint8)
    start = -room.ctypes.data % ALIGNMENT_BYTES
    return room[start : start + size_bytes].view(dtype).reshape(shape)


def tape_length(*, slots: int, hop: int, span: int) -> int:
    """Items of a tape on which ``slots`` frames of ``span`` items start ``hop`` apart."""
    return (slots - 1 + -(-span // hop)) * hop
