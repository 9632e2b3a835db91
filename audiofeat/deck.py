"""A deck: the tapes of one lane, and the programs that run on them.

::

    samples ─▶ sample tape ─▶ frame program ─▶ cut ─┬───────────────────────────────────▶ tail ─▶ rows done
                                                    └▶ row tape ─▶ clip program ─▶ cut ─▶ tail ─▶ rows done

Rows on which no step waits for the clip's end are computed with their tape. The others wait, in memory or spooled,
until the clip's statistics are known, and go on over the row tape. The tail (deltas, normalisation, stacking) looks
along time, so it begins when the clip's last row is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from audiofeat.dsp.tail import apply_tail
from audiofeat.frontend.programs import Array, ClipRows, FrameRows, Programs, UnderWay, fault_of_no_clip
from audiofeat.frontend.recipe import Recipe
from audiofeat.records import FeatureSpec
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.tape import Segment, Tape

Features = Mapping[str, Rows]
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _OpenClip:
    """A clip between its first sample and its last row."""

    features: dict[str, Rows]
    pending: Rows | None
    maxima: list[float]
    """Of the pending columns that a later step needs the clip's maximum of."""
    done: Callable[[Features], None] | None = None


class Deck:
    """Lay clips one after another; each is handed on, with its features, when the last of its rows is done.

    For each clip: ``begin()``, ``write(samples)`` as often as they come, then ``end(n_frames, done=...)``; or
    ``abandon()`` when the clip cannot be finished. ``flush()`` gets done what has been laid so far.
    """

    def __init__(
        self,
        recipe: Recipe,
        features: Sequence[FeatureSpec],
        budget: RowBudget,
        *,
        frontend: Callable[[], Programs],
        clock: Stopwatch,
    ) -> None:
        """
        Args:
            frontend: gives the compiled programs, waiting for them if need be; first called when a tape is full.
            clock: is told what is computing and what is waiting for the programs.
        """
        self._recipe = recipe
        self._features = features
        self._budget = budget
        self._frontend = frontend
        self._clock = clock
        self._pending = recipe.pending
        self._dims = {spec.name: recipe.program_dims(spec.name) for spec in features}
        self._has_tails = any(recipe.tails.values())
        self._open: _OpenClip | None = None
        self._frames_under_way: UnderWay[FrameRows, _OpenClip] = UnderWay(self._take_frames)
        self._rows_under_way: UnderWay[ClipRows, _OpenClip] = UnderWay(self._take_rows)
        rule = recipe.rule
        self._samples: Tape[_OpenClip] = Tape(
            self._run_frame_program,
            slots=recipe.tape_slots,
            hop=rule.hop_samples,
            span=rule.span_samples,
            dtype=recipe.precision,
        )
        self._rows: Tape[_OpenClip] | None = None
        if self._pending.width:
            self._rows = Tape(
                self._run_clip_program,
                slots=recipe.tape_slots,
                hop=1,
                span=1,
                item_shape=(self._pending.width,),
                dtype=recipe.precision,
            )

    def begin(self) -> None:
        """Open a clip."""
        features = {
            spec.name: Rows(
                self._dims[spec.name],
                self._budget,
                dtype=self._recipe.program_dtype(spec.name) if self._recipe.tails[spec.name] else spec.dtype,
                is_digested=not self._recipe.tails[spec.name],
            )
            for spec in self._features
        }
        pending = None
        if self._rows is not None:
            pending = Rows(self._pending.width, self._budget, dtype=self._recipe.precision, is_digested=False)
        self._open = _OpenClip(features, pending, [-np.inf] * len(self._pending.maxima))
        self._samples.begin(self._open)

    def write(self, samples: Array) -> None:
        """Lay the open clip's next samples: (n,), its edges included. Raises StorageError from spooling."""
        self._samples.write(samples)

    def end(self, n_frames: int, *, done: Callable[[Features], None]) -> None:
        """Close the clip; ``done(features)`` is called once all its rows are, now or during a later call."""
        if self._open is None:
            raise ValueError("no clip is open; begin() one first")
        self._open.done = done
        self._samples.end(n_frames)

    def abandon(self) -> None:
        """Forget the open clip and all its rows."""
        self._samples.abandon()
        if self._open is not None:
            if self._frames_under_way.holds(self._open):  # rows that come later would never be released
                with fault_of_no_clip():
                    self._frames_under_way.catch_up()
            for rows in self._open.features.values():
                rows.release()
            if self._open.pending is not None:
                self._open.pending.release()

    def flush(self) -> None:
        """Compute what lies on the tapes: it must not wait for clips that may never come."""
        self._samples.flush()
        with fault_of_no_clip():
            self._frames_under_way.catch_up()
        if self._rows is not None:
            self._rows.flush()
            with fault_of_no_clip():
                self._rows_under_way.catch_up()

    def _run_frame_program(self, tape: Array, segments: Sequence[Segment[_OpenClip]]) -> None:
        with fault_of_no_clip():
            with self._clock.stage("start_up"):
                frontend = self._frontend()
            with self._clock.stage("compute"):
                rows = frontend.start_frame_program(tape)
            self._frames_under_way.add(self._timed(rows), segments, ahead=frontend.tapes_ahead)

    def _take_frames(self, rows: FrameRows, segments: Sequence[Segment[_OpenClip]]) -> None:
        """Cut a tape's rows into those of its clips."""
        finished, pending = rows
        for segment in segments:
            clip = segment.owner
            here = slice(segment.slot, segment.slot + segment.count)
            for name, values in finished.items():
                clip.features[name].append(values[here])
            if clip.pending is not None and pending is not None and segment.count:
                clip.pending.append(pending[here])
                for number, columns in enumerate(self._pending.maxima):
                    clip.maxima[number] = max(clip.maxima[number], pending[here, columns].max())
            if segment.is_last:
                self._lay_rows(clip)

    def _lay_rows(self, clip: _OpenClip) -> None:
        """The clip's end is known, and so are its statistics: on to the clip program, if there is one."""
        if clip.pending is None or self._rows is None:
            self._hand_on(clip)
            return
        n_frames = clip.pending.n_rows
        self._rows.begin(clip)
        for block in clip.pending.blocks():
            self._rows.write(block)
        clip.pending.release()
        self._rows.end(n_frames)

    def _run_clip_program(self, tape: Array, segments: Sequence[Segment[_OpenClip]]) -> None:
        with fault_of_no_clip():
            statistics = np.zeros((len(tape), len(self._pending.maxima)), tape.dtype)
            for segment in segments:
                statistics[segment.slot : segment.slot + segment.count] = segment.owner.maxima
            frontend = self._frontend()
            with self._clock.stage("compute"):
                rows = frontend.start_clip_program(tape, statistics)
            self._rows_under_way.add(self._timed(rows), segments, ahead=frontend.tapes_ahead)

    def _take_rows(self, finished: ClipRows, segments: Sequence[Segment[_OpenClip]]) -> None:
        for segment in segments:
            for name, values in finished.items():
                segment.owner.features[name].append(values[segment.slot : segment.slot + segment.count])
            if segment.is_last:
                self._hand_on(segment.owner)

    def _timed(self, result: Callable[[], Result]) -> Callable[[], Result]:
        """The same, charged to the stage that computes."""

        def timed() -> Result:
            with self._clock.stage("compute"):
                return result()

        return timed

    def _hand_on(self, clip: _OpenClip) -> None:
        if clip.done is None:
            raise ValueError("a clip's last row came before its last sample")
        if self._has_tails:
            with self._clock.stage("compute"):
                for spec in self._features:
                    clip.features[spec.name] = self._with_tail(clip.features[spec.name], spec)
        clip.done(clip.features)

    def _with_tail(self, rows: Rows, spec: FeatureSpec) -> Rows:
        """The rows of a feature after its last steps, which look along time."""
        tail = self._recipe.tails[spec.name]
        if not tail:
            return rows
        finished = Rows(spec.dims, self._budget, dtype=spec.dtype)
        for block in apply_tail(tail, rows.blocks, n_rows=rows.n_rows, dims=rows.dims, dtype=spec.dtype):
            finished.append(block)
        rows.release()
        return finished
