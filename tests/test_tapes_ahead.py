"""Tapes that a GPU computes while the next one is filled: stood in for by programs that compute when they are asked.

The rows must be those of programs that compute when they are called, clip by clip and byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from laying import Array, frontend_of
from signals import noise

from audiofeat.deck import Deck, Features
from audiofeat.dsp.framing import Samples
from audiofeat.errors import AudioFeatError, MissingToolError
from audiofeat.frontend import program
from audiofeat.frontend.gpu_memory import gpu_memory_errors
from audiofeat.frontend.program import Frontend
from audiofeat.frontend.programs import ClipRows, FrameRows
from audiofeat.one_clip import all_rows, lay
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.rows import RowBudget
from audiofeat.tape import Tape

PLENTY_BYTES = 1 << 30


class Later:
    """Programs that take copies when they are called and compute when they are asked for the rows."""

    def __init__(self, frontend: Frontend, *, tapes_ahead: int, fails_at: int | None = None) -> None:
        self.tapes_ahead = tapes_ahead
        self.events: list[str] = []
        self._frontend, self._fails_at, self._started = frontend, fails_at, 0

    def start_frame_program(self, tape: Array) -> Callable[[], FrameRows]:
        number, copied = self._started, tape.copy()
        self._started += 1
        self.events.append(f"start {number}")

        def rows() -> FrameRows:
            self.events.append(f"take {number}")
            if number == self._fails_at:
                raise RuntimeError("the device is gone")
            return self._frontend.frame_program(copied)

        return rows

    def start_clip_program(self, rows: Array, statistics: Array) -> Callable[[], ClipRows]:
        copies = rows.copy(), statistics.copy()
        return lambda: self._frontend.clip_program(*copies)


class Desk:
    """A deck in front of such programs, with what comes off it."""

    def __init__(self, programs: Later | Frontend, frontend: Frontend, *, memory_bytes: int = PLENTY_BYTES) -> None:
        self.recipe = frontend.recipe
        self.budget = RowBudget(Path(), process_bytes=memory_bytes, clip_bytes=memory_bytes)
        specs = self.recipe.feature_specs()
        self.deck = Deck(self.recipe, specs, self.budget, frontend=lambda: programs, clock=Stopwatch())
        self.found: dict[int, dict[str, bytes]] = {}

    def lay(self, number: int, samples: Samples) -> None:
        def done(features: Features) -> None:
            self.found[number] = {name: rows.tobytes() for name, rows in all_rows(features).items()}
            for rows in features.values():
                rows.release()

        lay(self.deck, samples, self.recipe, done=done)


@pytest.fixture(scope="module")
def frontend() -> Frontend:
    """With a feature that is complete frame by frame, one that waits for its clip's maximum, and one with a tail."""
    return frontend_of(
        "librosa-mfcc", "features={mel: {}, mfcc: {deltas: {orders: 1, window: 2}}}", "compute.tape_slots=256"
    )


@pytest.fixture(scope="module")
def clips(frontend: Frontend) -> list[Samples]:
    """Many to a tape, some over several tapes, one without a frame's worth of samples behind them all."""
    hop = frontend.recipe.rule.hop_samples
    hops = [30, 40, 700, 12, 255, 256, 257, 20, 1_500, 15, 60, 20]
    return [noise(count * hop + 7 * number, seed=number) for number, count in enumerate(hops)]


@pytest.fixture(scope="module")
def wanted(frontend: Frontend, clips: list[Samples]) -> dict[int, dict[str, bytes]]:
    desk = Desk(frontend, frontend)
    for number, samples in enumerate(clips):
        desk.lay(number, samples)
    desk.deck.flush()
    return desk.found


@pytest.mark.parametrize("tapes_ahead", [0, 1, 2])
def test_a_tape_is_started_before_the_rows_of_the_one_before_are_taken(
    frontend: Frontend, clips: list[Samples], wanted: dict[int, dict[str, bytes]], tapes_ahead: int
) -> None:
    programs = Later(frontend, tapes_ahead=tapes_ahead)
    desk = Desk(programs, frontend)
    for number, samples in enumerate(clips):
        desk.lay(number, samples)
    desk.deck.flush()
    n_tapes = sum(event.startswith("start") for event in programs.events)
    assert n_tapes > 10
    order = []
    for number in range(n_tapes + tapes_ahead):
        order += [f"start {number}"] if number < n_tapes else []
        order += [f"take {number - tapes_ahead}"] if number >= tapes_ahead else []
    assert programs.events == order
    assert desk.found == wanted
    assert len(wanted) == len(clips)


def test_a_clip_that_is_dropped_amid_its_tapes_leaves_nothing_behind(
    frontend: Frontend, clips: list[Samples], wanted: dict[int, dict[str, bytes]]
) -> None:
    desk = Desk(Later(frontend, tapes_ahead=1), frontend)
    desk.lay(0, clips[0])
    desk.deck.begin()
    desk.deck.write(np.concatenate([clips[8], clips[2]]))  # eight tapes, the last of them under way
    desk.deck.abandon()
    desk.lay(1, clips[1])
    desk.deck.flush()
    assert desk.found == {number: wanted[number] for number in (0, 1)}
    assert desk.budget.take(PLENTY_BYTES)  # every byte that the dropped clip's rows took has been given back


def test_what_fails_later_is_no_clips_fault_either(frontend: Frontend, clips: list[Samples]) -> None:
    desk = Desk(Later(frontend, tapes_ahead=1, fails_at=2), frontend)
    with pytest.raises(AudioFeatError, match="a program failed: RuntimeError: the device is gone"):
        desk.lay(8, clips[8])
    last = Desk(Later(frontend, tapes_ahead=1, fails_at=0), frontend)
    last.lay(0, clips[0])
    with pytest.raises(AudioFeatError, match="a program failed"):
        last.deck.flush()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2147483648 bytes."),
        RuntimeError("failed call to cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    ],
)
def test_want_of_a_gpus_memory_names_the_option_and_takes_no_smaller_tape_unasked(error: Exception) -> None:
    with pytest.raises(MissingToolError, match="tape of 65,536 slots") as caught, gpu_memory_errors(slots=65_536):
        raise error
    assert "compute.tape_slots=16384" in caught.value.hint
    assert "--device cpu" in caught.value.hint
    assert caught.value.exit_code == 13


def test_another_fault_of_a_gpu_is_told_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="illegal address"), gpu_memory_errors(slots=256):
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal address was encountered (illegal address)")


@pytest.mark.usefixtures("frontend")
@pytest.mark.parametrize("is_on_gpu", [False, True])
def test_a_tape_is_shared_with_programs_that_are_done_with_it_and_copied_for_others(
    monkeypatch: pytest.MonkeyPatch, is_on_gpu: bool
) -> None:
    monkeypatch.setattr(program, "on_gpu", lambda: is_on_gpu)
    shared: list[bool] = []
    tape = Tape(lambda array, _: shared.append(is_same_memory(array)), slots=8, hop=1, span=1)
    tape.begin("clip")
    tape.write(np.ones(8, np.float32))
    tape.end(8)
    tape.flush()
    assert shared == [not is_on_gpu]


def is_same_memory(array: Array) -> bool:
    return np.shares_memory(np.asarray(program._tensor(array)), array)


def test_programs_on_the_cpu_are_taken_at_once(frontend: Frontend) -> None:
    assert frontend.tapes_ahead == 0
