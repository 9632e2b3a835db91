"""What a deck asks of compiled programs, wherever they run: in this process or in another, on a CPU or on a GPU.

A call is started, and its result asked for later. A processor computes when it is called; a GPU goes on by itself
while the next tape is filled, so that neither waits for the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy.typing as npt

from audiofeat.errors import AudioFeatError, MissingToolError
from audiofeat.tape import Segment

Array: TypeAlias = npt.NDArray[Any]
FrameRows: TypeAlias = tuple[Mapping[str, Array], Array | None]
"""Features that are finished, by name, and the columns that wait for their clip's end."""
ClipRows: TypeAlias = Mapping[str, Array]

Result = TypeVar("Result")
Owner = TypeVar("Owner")


class Programs(Protocol):
    """The programs of a recipe. What they are given may change as soon as a call has been started."""

    @property
    def tapes_ahead(self) -> int:
        """How many calls are worth starting before the first one's result is asked for; 0: a call computes."""

    def start_frame_program(self, tape: Array) -> Callable[[], FrameRows]:
        """Start the frame program on (length,) samples; what it gives waits for the rows, (slots, dims) each."""

    def start_clip_program(self, rows: Array, statistics: Array) -> Callable[[], ClipRows]:
        """Start the clip program on (slots, width) rows and (slots, maxima) statistics, likewise."""


class UnderWay(Generic[Result, Owner]):
    """Calls of one program that have been started, taken in the order in which they were started."""

    def __init__(self, take: Callable[[Result, Sequence[Segment[Owner]]], None]) -> None:
        """``take`` gets each result with the segments of its tape."""
        self._take = take
        self._calls: deque[tuple[Callable[[], Result], Sequence[Segment[Owner]]]] = deque()

    def add(self, result: Callable[[], Result], segments: Sequence[Segment[Owner]], *, ahead: int) -> None:
        """Note a call, and take what is more than ``ahead`` of them."""
        self._calls.append((result, segments))
        self._take_all_but(ahead)

    def catch_up(self) -> None:
        """Take all results."""
        self._take_all_but(0)

    def holds(self, owner: Owner) -> bool:
        """Whether frames of a clip are under way."""
        return any(segment.owner is owner for _, segments in self._calls for segment in segments)

    def _take_all_but(self, count: int) -> None:
        while len(self._calls) > count:
            result, segments = self._calls.popleft()
            self._take(result(), segments)


@contextmanager
def fault_of_no_clip() -> Iterator[None]:
    """What goes wrong with a tape concerns all that lies on it, and not the clip that is just being decoded."""
    try:
        yield
    except AudioFeatError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's own
            raise MissingToolError(
                "there is not enough memory for the programs", hint="fewer --workers, or a smaller compute.tape_slots"
            ) from error
        raise AudioFeatError(f"a program failed: {type(error).__name__}: {error}") from error
