"""The tape: every frame of every clip is computed exactly once, in order, from its own items alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.tape import Segment, Tape, tape_length

Array = npt.NDArray[Any]


@dataclass(eq=False)
class Owner:
    """A clip's frames, as they came off the tapes."""

    name: str
    frames: list[Array] = field(default_factory=list)
    lasts: list[bool] = field(default_factory=list)


class Recorder:
    """A program that copies each frame: ``frames[i]`` is what frame i of a tape sees."""

    def __init__(self, *, slots: int, hop: int, span: int) -> None:
        self.slots, self.hop, self.span = slots, hop, span
        self.runs: list[list[Segment[Owner]]] = []
        self.tape: Tape[Owner] = Tape(self.compute, slots=slots, hop=hop, span=span, dtype=np.int64)

    def compute(self, buffer: Array, segments: Sequence[Segment[Owner]]) -> None:
        assert len(buffer) == tape_length(slots=self.slots, hop=self.hop, span=self.span)
        self.runs.append(list(segments))
        for segment in segments:
            assert 0 <= segment.slot <= segment.slot + segment.count <= self.slots
            for slot in range(segment.slot, segment.slot + segment.count):
                segment.owner.frames.append(buffer[slot * self.hop : slot * self.hop + self.span].copy())
            segment.owner.lasts.append(segment.is_last)

    def lay(self, name: str, items: Array, *, cuts: Sequence[int] = ()) -> Owner:
        owner = Owner(name)
        self.tape.begin(owner)
        for block in np.split(items, sorted(cuts)):
            self.tape.write(block)
        self.tape.end(n_frames(len(items), hop=self.hop, span=self.span))
        return owner


def n_frames(n_items: int, *, hop: int, span: int) -> int:
    return max(0, 1 + (n_items - span) // hop)


def frames_alone(items: Array, *, hop: int, span: int) -> list[list[int]]:
    return [items[start : start + span].tolist() for start in range(0, len(items) - span + 1, hop)]


@st.composite
def tapes_and_clips(draw: st.DrawFn) -> tuple[Recorder, list[tuple[int, list[int]]]]:
    """A small tape, and clips as (length, where the writing is cut)."""
    slots, hop, span = draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 12))
    lengths = st.integers(0, 3 * tape_length(slots=slots, hop=hop, span=span))
    clips = draw(st.lists(lengths.flatmap(_with_cuts), max_size=8))
    return Recorder(slots=slots, hop=hop, span=span), clips


def _with_cuts(length: int) -> st.SearchStrategy[tuple[int, list[int]]]:
    return st.tuples(st.just(length), st.lists(st.integers(0, length), max_size=4))


@given(tapes_and_clips(), st.sets(st.integers(0, 7)))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_any_clips_come_off_the_tape_as_each_would_alone(
    tape_and_clips: tuple[Recorder, list[tuple[int, list[int]]]], flushed_after: set[int]
) -> None:
    recorder, clips = tape_and_clips
    generator = np.random.default_rng(0)
    laid = []
    for number, (length, cuts) in enumerate(clips):
        items = generator.integers(1, 1 << 40, length)
        laid.append((recorder.lay(str(number), items, cuts=cuts), items))
        if number in flushed_after:
            recorder.tape.flush()
    recorder.tape.flush()
    for owner, items in laid:
        assert [frame.tolist() for frame in owner.frames] == frames_alone(items, hop=recorder.hop, span=recorder.span)
        assert owner.lasts == [False] * (len(owner.lasts) - 1) + [True]


@given(tapes_and_clips())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_no_tape_holds_two_clips_in_one_place(tape_and_clips: tuple[Recorder, list[tuple[int, list[int]]]]) -> None:
    recorder, clips = tape_and_clips
    for number, (length, cuts) in enumerate(clips):
        recorder.lay(str(number), np.arange(length), cuts=cuts)
    recorder.tape.flush()
    for segments in recorder.runs:
        taken = [slot for each in segments for slot in range(each.slot, each.slot + each.count)]
        assert taken == sorted(set(taken))


@given(tapes_and_clips(), st.integers(0, 7))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_an_abandoned_clip_disturbs_no_other(
    tape_and_clips: tuple[Recorder, list[tuple[int, list[int]]]], abandoned: int
) -> None:
    recorder, clips = tape_and_clips
    generator = np.random.default_rng(1)
    laid = []
    for number, (length, cuts) in enumerate(clips):
        items = generator.integers(1, 1 << 40, length)
        if number == abandoned:
            lost = Owner("lost")
            recorder.tape.begin(lost)
            recorder.tape.write(items)
            recorder.tape.abandon()
            assert True not in lost.lasts
        else:
            laid.append((recorder.lay(str(number), items, cuts=cuts), items))
    recorder.tape.flush()
    for owner, items in laid:
        assert [frame.tolist() for frame in owner.frames] == frames_alone(items, hop=recorder.hop, span=recorder.span)
        assert owner.lasts.count(True) == 1


def test_the_picture_in_the_docstring() -> None:
    """Three frames, one that straddles, then the next clip goes on, on the next tape."""
    recorder = Recorder(slots=8, hop=2, span=4)
    recorder.lay("A", np.arange(8))
    recorder.lay("B", np.arange(100, 112))
    recorder.tape.flush()
    places = [[(each.owner.name, each.slot, each.count, each.is_last) for each in run] for run in recorder.runs]
    assert places == [[("A", 0, 3, True), ("B", 4, 4, False)], [("B", 0, 1, True)]]


def test_a_clip_that_fills_the_tape_to_its_last_item_does_not_turn_it() -> None:
    recorder = Recorder(slots=4, hop=3, span=5)
    recorder.lay("exact", np.arange(tape_length(slots=4, hop=3, span=5)))
    assert recorder.runs == []
    recorder.tape.flush()
    assert [(segment.slot, segment.count, segment.is_last) for segment in recorder.runs[0]] == [(0, 4, True)]


def test_items_behind_the_last_frame_may_turn_the_tape_and_then_an_empty_segment_ends_the_clip() -> None:
    recorder = Recorder(slots=4, hop=3, span=6)
    owner = recorder.lay("tail", np.arange(tape_length(slots=4, hop=3, span=6) + 1))
    recorder.tape.flush()
    assert [[(each.slot, each.count, each.is_last) for each in run] for run in recorder.runs] == [
        [(0, 4, False)],
        [(0, 0, True)],
    ]
    assert len(owner.frames) == 4


def test_rows_can_be_laid_like_samples() -> None:
    seen: list[Array] = []

    def compute(buffer: Array, segments: Sequence[Segment[str]]) -> None:
        seen.extend(buffer[each.slot : each.slot + each.count].copy() for each in segments)

    tape: Tape[str] = Tape(compute, slots=5, hop=1, span=1, item_shape=(3,), dtype=np.float64)
    rows = np.random.default_rng(2).standard_normal((12, 3))
    tape.begin("clip")
    tape.write(rows)
    tape.end(12)
    tape.flush()
    assert [len(piece) for piece in seen] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate(seen), rows)


def test_an_empty_tape_is_not_computed() -> None:
    recorder = Recorder(slots=4, hop=1, span=1)
    recorder.tape.flush()
    assert recorder.runs == []


def test_calls_out_of_turn_are_refused() -> None:
    tape = Recorder(slots=4, hop=1, span=1).tape
    with pytest.raises(ValueError, match=r"no clip is open; begin\(\) one first"):
        tape.end(1)
    tape.begin(Owner("open"))
    with pytest.raises(ValueError, match=r"begin\(\) while another clip is open"):
        tape.begin(Owner("second"))
    with pytest.raises(ValueError, match=r"flush\(\) while a clip is open"):
        tape.flush()


def test_a_clip_cannot_have_fewer_frames_than_were_computed() -> None:
    recorder = Recorder(slots=4, hop=1, span=1)
    recorder.tape.begin(Owner("clip"))
    recorder.tape.write(np.arange(9))
    with pytest.raises(ValueError, match="8 frames were computed of a clip said to have 3"):
        recorder.tape.end(3)


@pytest.mark.parametrize(
    ("slots", "hop", "span", "length"), [(1, 160, 400, 480), (2048, 160, 400, 2050 * 160), (8, 10, 3, 80), (8, 1, 1, 8)]
)
def test_the_length_of_a_tape_is_whole_hops(slots: int, hop: int, span: int, length: int) -> None:
    assert tape_length(slots=slots, hop=hop, span=span) == length
