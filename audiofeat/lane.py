"""A lane: one thread that takes clips all the way from file to finished rows, on a tape of its own.

::

    decode ─▶ levels ─▶ edges ─▶ sample tape ─▶ frame program ─▶ cut ─┬──────────────────────────────▶ rows done
                                                                      └▶ row tape ─▶ clip program ─▶ cut ─▶ rows done

The tape stays in the cache of the core that fills it, and a lane waits for nothing but the compiled programs. Two
lanes share no data but the shards that they hand results in to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from audiofeat.config import Limits
from audiofeat.decode import open_clip
from audiofeat.dsp.framing import with_edges
from audiofeat.dsp.levels import Levels
from audiofeat.errors import ClipError, DamageError
from audiofeat.frontend.recipe import Recipe
from audiofeat.plan import is_trusted, source_digest_of
from audiofeat.records import ClipRow, ClipTask, Failure, FeatureSpec, Fingerprint, Reuse
from audiofeat.shard import ClipDone, ClipFailed, ShardWork, manifest_row
from audiofeat.source import source_text
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.copying import EarlierShards
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.tape import Segment, Tape

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class LaneJob:
    """What all lanes of a run work with."""

    root: str
    paths: StorePaths
    recipe: Recipe
    features: tuple[FeatureSpec, ...]
    limits: Limits
    ffmpeg: str | None
    budget: RowBudget


class Feed(Protocol):
    """Where a lane gets its clips from."""

    def next(self, *, wait: bool) -> tuple[ShardWork, int] | None:
        """The next clip, as a shard and the clip's index in it; None when there is none (now; with ``wait``: ever)."""


@dataclass(slots=True)
class Tally:
    """What a lane has done so far; read by others while it runs."""

    clips_done: int = 0
    clips_failed: int = 0
    audio_seconds: float = 0.0


@dataclass(slots=True, eq=False)
class _OpenClip:
    """A clip between its first sample and its last row."""

    shard: ShardWork
    index: int
    task: ClipTask
    features: dict[str, Rows]
    pending: Rows | None
    maxima: list[float] = field(default_factory=list)
    finish: Callable[[], ClipDone] | None = None
    """Set once the clip is decoded: makes its result of the rows."""


class Lane:
    """Runs clips through the programs until its feed is closed."""

    def __init__(
        self, job: LaneJob, *, frontend: Callable[[], Frontend], complete: Callable[[ShardWork], None]
    ) -> None:
        """
        Args:
            frontend: gives the compiled programs, waiting for them if need be; first called when a tape is full.
            complete: called, in this lane's thread, with a shard that all results have been handed in to.
        """
        self.tally = Tally()
        self.clock = Stopwatch()
        self._job = job
        self._frontend = frontend
        self._complete = complete
        rule = job.recipe.rule
        self._samples: Tape[_OpenClip] = Tape(
            self._run_frame_program,
            slots=job.recipe.tape_slots,
            hop=rule.hop_samples,
            span=rule.span_samples,
        )
        self._rows: Tape[_OpenClip] | None = None
        self._earlier = EarlierShards(job.paths, features=job.features, budget=job.budget)

    def run(self, feed: Feed) -> None:
        """Work until the feed has no more. Raises StorageError when the store cannot be written."""
        while True:
            item = feed.next(wait=False)
            if item is None:
                # Nothing to go on with now: what lies on the tapes must not wait for what may never come.
                self._flush()
                item = feed.next(wait=True)
                if item is None:
                    return
            self._do(*item)

    def _do(self, shard: ShardWork, index: int) -> None:
        task = shard.task.clips[index]
        if task.failure is not None:
            fingerprint = Fingerprint.from_json(task.fingerprint) if task.fingerprint else None
            self._hand_in(shard, index, ClipFailed(Failure.from_json(task.failure), fingerprint))
            return
        if task.reuse is not None and self._copy(shard, index, task, Reuse.from_json(task.reuse)):
            return
        with self.clock.stage("decode"):
            try:
                self._decode(shard, index, task)
            except ClipError as error:
                self._fail(shard, index, task, error)

    def _copy(self, shard: ShardWork, index: int, task: ClipTask, reuse: Reuse) -> bool:
        """Copy an unchanged clip's rows out of its old shard; False where they are not what was written."""
        row = ClipRow.from_json(reuse.row)
        try:
            with self.clock.stage("copy"):
                features = self._earlier.copy(reuse.shard, row)
        except DamageError:
            return False  # then the clip is simply decoded again
        fingerprint = Fingerprint.from_json(task.fingerprint) if task.fingerprint else None
        self._hand_in(shard, index, ClipDone(row, features, fingerprint))
        return True

    def _decode(self, shard: ShardWork, index: int, task: ClipTask) -> None:
        """Decode a clip onto the tape. Raises ClipError; then nothing of the clip goes further."""
        job = self._job
        rule = job.recipe.rule
        path = os.path.join(job.root, task.path)
        opened_at_ns = time.time_ns()
        decoder: str | None = None
        with open_clip(path, sample_rate=job.recipe.sample_rate_hz, limits=job.limits, ffmpeg=job.ffmpeg) as audio:
            decoder = audio.decoder
            clip = self._open_clip(shard, index, task)
            levels = Levels()
            self._samples.begin(clip)
            try:
                for block in with_edges(levels.watch(audio), rule):
                    self._samples.write(block)
                n_frames = rule.n_frames(levels.n_samples)
                if not levels.is_finite:
                    raise ClipError(
                        "input.non-finite",
                        "some samples are NaN or infinite",
                        hint="write the file again from its source",
                    )
                if n_frames == 0:
                    raise ClipError(
                        "input.too-short",
                        f"{levels.n_samples} samples at {job.recipe.sample_rate_hz} Hz are too short for a frame, "
                        f"which takes {rule.shortest_clip_samples}",
                        hint="a longer clip, or frame.align: center",
                    )
            except BaseException as error:
                self._samples.abandon()
                _release(clip)
                if isinstance(error, ClipError):
                    error.decoder = decoder
                raise
            fingerprint = Fingerprint(audio.size_bytes, audio.mtime_ns, audio.inode)

            def finish() -> ClipDone:
                row = manifest_row(
                    key=task.key,
                    source=source_text(task.path),
                    sample_rate=audio.native_sample_rate,
                    channels=audio.channels,
                    duration_seconds=audio.duration_seconds,
                    source_digest=audio.source_digest,
                    decoder=audio.decoder,
                    levels=levels,
                    features=clip.features,
                )
                trusted = is_trusted(fingerprint, read_at_ns=opened_at_ns)
                return ClipDone(row, clip.features, fingerprint if trusted else None)

            clip.finish = finish
            self._samples.end(n_frames)

    def _open_clip(self, shard: ShardWork, index: int, task: ClipTask) -> _OpenClip:
        job = self._job
        features = {spec.name: Rows(spec.dims, job.budget, dtype=spec.dtype) for spec in job.features}
        pending = None
        layout = job.recipe.pending
        if layout.width:
            pending = Rows(layout.width, job.budget, dtype=job.recipe.precision)
        return _OpenClip(shard, index, task, features, pending, [-np.inf] * len(layout.maxima))

    def _run_frame_program(self, tape: Array, segments: Sequence[Segment[_OpenClip]]) -> None:
        with self.clock.stage("start_up"):
            frontend = self._frontend()
        with self.clock.stage("compute"):
            finished, pending = frontend.frame_program(tape)
        for segment in segments:
            clip = segment.owner
            rows = slice(segment.slot, segment.slot + segment.count)
            for name, columns in finished.items():
                clip.features[name].append(columns[rows])
            if clip.pending is not None and pending is not None and segment.count:
                clip.pending.append(pending[rows])
                for number, wanted in enumerate(self._job.recipe.pending.maxima):
                    clip.maxima[number] = max(clip.maxima[number], pending[rows, wanted].max())
            if segment.is_last:
                self._lay_rows(clip) if clip.pending is not None else self._finish(clip)

    def _lay_rows(self, clip: _OpenClip) -> None:
        """The clip's end is known, and so are its statistics: on to the clip program."""
        if self._rows is None:
            self._rows = Tape(
                self._run_clip_program,
                slots=self._job.recipe.tape_slots,
                hop=1,
                span=1,
                item_shape=(self._job.recipe.pending.width,),
                dtype=self._job.recipe.precision,
            )
        pending = clip.pending
        if pending is None:
            raise ValueError("a clip without pending rows has no place on the row tape")
        n_frames = pending.n_rows
        self._rows.begin(clip)
        for block in pending.blocks():
            self._rows.write(block)
        pending.release()
        self._rows.end(n_frames)

    def _run_clip_program(self, tape: Array, segments: Sequence[Segment[_OpenClip]]) -> None:
        statistics = np.zeros((len(tape), len(self._job.recipe.pending.maxima)), tape.dtype)
        for segment in segments:
            statistics[segment.slot : segment.slot + segment.count] = segment.owner.maxima
        with self.clock.stage("compute"):
            finished = self._frontend().clip_program(tape, statistics)
        for segment in segments:
            for name, columns in finished.items():
                segment.owner.features[name].append(columns[segment.slot : segment.slot + segment.count])
            if segment.is_last:
                self._finish(segment.owner)

    def _finish(self, clip: _OpenClip) -> None:
        if clip.finish is None:
            raise ValueError("a clip's last row came before its last sample")
        done = clip.finish()
        self.tally.clips_done += 1
        self.tally.audio_seconds += done.row.duration_seconds
        self._hand_in(clip.shard, clip.index, done)

    def _fail(self, shard: ShardWork, index: int, task: ClipTask, error: ClipError) -> None:
        path = os.path.join(self._job.root, task.path)
        failure = Failure(
            key=task.key,
            source=source_text(task.path),
            reason=error.reason,
            message=error.problem,
            hint=error.hint,
            source_digest=None if error.is_transient else source_digest_of(path),
            decoder=error.decoder,
        )
        self.tally.clips_failed += 1
        self._hand_in(shard, index, ClipFailed(failure, None))

    def _hand_in(self, shard: ShardWork, index: int, result: ClipDone | ClipFailed) -> None:
        if shard.hand_in(index, result):
            with self.clock.stage("write"):
                self._complete(shard)

    def _flush(self) -> None:
        self._samples.flush()
        if self._rows is not None:
            self._rows.flush()


def _release(clip: _OpenClip) -> None:
    for rows in (*clip.features.values(), *([clip.pending] if clip.pending else [])):
        rows.release()
