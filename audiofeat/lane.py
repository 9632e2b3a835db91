"""A lane: one thread that takes clips all the way from file to finished rows, on a deck of its own.

::

    decode ─▶ levels ─▶ edges ─▶ deck (tapes and programs) ─▶ manifest row ─▶ shard

Its tapes stay in the cache of the core that fills them, and a lane waits for nothing but the compiled programs.
Two lanes share no data but the shards that they hand results in to.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from audiofeat.config import Limits
from audiofeat.deck import Deck, Features
from audiofeat.decode import open_clip
from audiofeat.dsp.framing import FrameRule, with_edges
from audiofeat.dsp.levels import Levels
from audiofeat.errors import AudioFeatError, ClipError, DamageError
from audiofeat.frontend.recipe import Recipe
from audiofeat.identity import fingerprint_of, identify, is_trusted
from audiofeat.records import ClipRow, ClipTask, Failure, FeatureSpec, Fingerprint, Reuse
from audiofeat.shard import ClipDone, ClipFailed, ShardWork, manifest_row
from audiofeat.source import source_text
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.copying import EarlierShards
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend


MOST_EXAMPLES = 5


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
    examples: list[str] = field(default_factory=list)
    """The first few failures, each as path and reason."""


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
        self._complete = complete
        self._deck = Deck(job.recipe, job.features, job.budget, frontend=frontend, clock=self.clock)
        self._earlier = EarlierShards(job.paths, features=job.features, budget=job.budget)

    def run(self, feed: Feed) -> None:
        """Work until the feed has no more. Raises StorageError when the store cannot be written."""
        while True:
            item = feed.next(wait=False)
            if item is None:
                # Nothing to go on with now: what lies on the tapes must not wait for what may never come.
                self._deck.flush()
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
        seen = fingerprint_of(os.path.join(self._job.root, task.path))
        with self.clock.stage("decode"):
            try:
                self._decode(shard, index, task)
            except ClipError as error:
                self._fail(shard, index, task, error, seen=seen)
            except AudioFeatError:
                raise  # of the store or the programs: no clip's fault
            except Exception as error:  # noqa: BLE001  # one clip never stops a run, whatever its decoder raises
                traceback.print_exc()
                unforeseen = ClipError(
                    "decoder.failed",
                    f"decoding raised {type(error).__name__}, which nobody foresaw",
                    hint="the traceback is in the store's .state/logs; please report it",
                )
                self._fail(shard, index, task, unforeseen, seen=seen)

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
        """Decode a clip onto the deck. Raises ClipError; then nothing of the clip goes further."""
        job, rule = self._job, self._job.recipe.rule
        sample_rate = job.recipe.sample_rate_hz
        path = os.path.join(job.root, task.path)
        opened_at_ns = time.time_ns()
        with open_clip(path, sample_rate=sample_rate, limits=job.limits, ffmpeg=job.ffmpeg) as audio:
            levels = Levels()
            self._deck.begin()
            try:
                for block in with_edges(levels.watch(audio), rule):
                    self._deck.write(block)
                _check(levels, rule, sample_rate=sample_rate)
            except BaseException as error:
                self._deck.abandon()
                if isinstance(error, ClipError):
                    error.decoder = audio.decoder
                raise

            def done(features: Features) -> None:
                row = manifest_row(
                    key=task.key,
                    source=source_text(task.path),
                    sample_rate=audio.native_sample_rate,
                    channels=audio.channels,
                    duration_seconds=audio.duration_seconds,
                    source_digest=audio.source_digest,
                    decoder=audio.decoder,
                    levels=levels,
                    features=features,
                )
                fingerprint = Fingerprint(audio.size_bytes, audio.ctime_ns, audio.inode)
                is_sure = is_trusted(fingerprint, read_at_ns=opened_at_ns)
                self.tally.clips_done += 1
                self.tally.audio_seconds += row.duration_seconds
                self._hand_in(shard, index, ClipDone(row, features, fingerprint if is_sure else None))

            self._deck.end(rule.n_frames(levels.n_samples), done=done)

    def _fail(
        self, shard: ShardWork, index: int, task: ClipTask, error: ClipError, *, seen: Fingerprint | None
    ) -> None:
        begun_ns = time.time_ns()
        # What could not be read this time says nothing of the next, and neither does a file that is being written.
        found = None if error.is_transient else identify(os.path.join(self._job.root, task.path))
        if found is not None and seen != found[1]:
            found = None
        failure = Failure(
            key=task.key,
            source=source_text(task.path),
            reason=error.reason,
            message=error.problem,
            hint=error.hint,
            source_digest=found[0] if found else None,
            decoder=error.decoder,
        )
        self.tally.clips_failed += 1
        if len(self.tally.examples) < MOST_EXAMPLES:
            self.tally.examples.append(f"{failure.source}: {failure.reason}")
        is_sure = found is not None and is_trusted(found[1], read_at_ns=begun_ns)
        self._hand_in(shard, index, ClipFailed(failure, found[1] if found and is_sure else None))

    def _hand_in(self, shard: ShardWork, index: int, result: ClipDone | ClipFailed) -> None:
        if shard.hand_in(index, result):
            with self.clock.stage("write"):
                try:
                    self._complete(shard)
                except AudioFeatError:
                    raise
                except Exception as error:
                    # Not to be taken for a fault of the clip that this lane happens to be decoding.
                    raise AudioFeatError(f"a shard cannot be written: {type(error).__name__}: {error}") from error


def _check(levels: Levels, rule: FrameRule, *, sample_rate: int) -> None:
    """Refuse samples of which no features can be made. Raises ClipError."""
    if not levels.is_finite:
        hint = "write the file again from its source"
        raise ClipError("input.non-finite", "some samples are NaN or infinite", hint=hint)
    if not levels.is_in_range:
        raise ClipError(
            "input.non-finite",
            f"samples reach {levels.peak:.3g}, whose power would not be finite",
            hint="write the file again, with samples between -1 and 1",
        )
    if rule.n_frames(levels.n_samples) == 0:
        raise ClipError(
            "input.too-short",
            f"{levels.n_samples} samples at {sample_rate} Hz are too short for a frame, which takes "
            f"{rule.shortest_clip_samples}",
            hint="a longer clip, or frame.align: center",
        )
