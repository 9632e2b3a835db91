"""Which part of a file is decoded: seconds as asked for, frames as found.

A second becomes a frame at the file's own rate, ``round(seconds * rate)`` with halves rounded up, so that neighbouring
spans share a border and neither lose nor repeat a sample. A span may end a little behind the file's end, and is cut
there: Kaldi's ``extract-segments`` allows the same half second, because listings round.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from audiofeat.errors import ClipError

_OVERHANG_SECONDS = 0.5


class Span(NamedTuple):
    """From ``start_seconds`` up to ``end_seconds``, or to the file's end where that is None."""

    start_seconds: float = 0.0
    end_seconds: float | None = None

    def start_frame(self, sample_rate: int) -> int:
        """The first frame at ``sample_rate`` Hz."""
        return math.floor(self.start_seconds * sample_rate + 0.5)

    def end_frame(self, sample_rate: int) -> int | None:
        """The frame behind the last one at ``sample_rate`` Hz; None: the file's end.

        Raises:
            ClipError: ``input.no-samples``: the span is shorter than a sample.
        """
        if self.end_seconds is None:
            return None
        end = math.floor(self.end_seconds * sample_rate + 0.5)
        if end <= self.start_frame(sample_rate):
            raise ClipError(
                "input.no-samples", f"the span {self} holds no sample at {sample_rate} Hz", hint="correct the span"
            )
        return end

    def end_within(self, file_frames: int, *, sample_rate: int) -> int:
        """The frame behind the last one, of a file with ``file_frames`` frames.

        Raises:
            ClipError: ``input.span-outside``: it begins behind the file's end, or ends more than 0.5 s behind it.
        """
        if self == WHOLE:
            return file_frames
        file_seconds = file_frames / sample_rate
        end = self.end_frame(sample_rate)
        if self.start_frame(sample_rate) >= file_frames:
            raise self._outside(f"begins behind the file's end at {file_seconds:.10g} s")
        if end is None or end <= file_frames:
            return file_frames if end is None else end
        if end - file_frames > _OVERHANG_SECONDS * sample_rate:
            raise self._outside(
                f"ends more than {_OVERHANG_SECONDS:g} s behind the file's end at {file_seconds:.10g} s"
            )
        return file_frames

    def _outside(self, found: str) -> ClipError:
        return ClipError("input.span-outside", f"the span {self} {found}", hint="correct the span or its file")

    def __str__(self) -> str:
        if self.end_seconds is None:
            return f"from {self.start_seconds:.10g} s on"
        return f"{self.start_seconds:.10g}-{self.end_seconds:.10g} s"


WHOLE = Span()
"""All of a file."""
