"""A lane: one thread that takes clips all the way from file to finished rows, on a deck of its own.

::

    decode ─▶ pieces ─▶ levels ─▶ signal steps ─▶ edges ─▶ deck (tapes and programs) ─▶ outcome ─▶ shard

Its tapes stay in the cache of the core that fills them, and a lane waits for nothing but the compiled programs.
Two lanes share the programs, a budget of memory, what is remembered of files that many clips are cut out of, and the
shards that they hand results in to.
"""

from __future__ import annotations

import os
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from audiofeat.ahead import Ahead
from audiofeat.config import Config, FeatureName, with_features
from audiofeat.deck import Deck
from audiofeat.decode import MOST_GROUP_BYTES, ClipAudio, EarlyClip, Shared, open_clip
from audiofeat.dsp.framing import with_edges
from audiofeat.dsp.levels import Levels
from audiofeat.dsp.signal import prepare, prepared_samples
from audiofeat.errors import AudioFeatError, ClipError, DamageError
from audiofeat.frontend.programs import Programs
from audiofeat.frontend.recipe import Recipe, empty_band_warnings, recipe_of
from audiofeat.identity import fingerprint_of, identify, is_trusted
from audiofeat.outcome import Outcome, failure_of
from audiofeat.pieces import Piece, pieces_of
from audiofeat.records import FeatureSpec, Fingerprint
from audiofeat.reuse import EarlierClips
from audiofeat.selection import LeftOutError, check_length, too_short_a_rest
from audiofeat.shard import ClipResult, ShardWork
from audiofeat.stopwatch import Stopwatch
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget
from audiofeat.tasks import ClipTask, Reuse
from audiofeat.unfit import check_samples, too_short, unforeseen

MOST_EXAMPLES = 5

_MOST_DECKS = 8
"""With the files' own sample rates each rate has a deck of its own; so many are kept at a time."""


@dataclass(frozen=True, slots=True)
class LaneJob:
    """What all lanes of a run work with."""

    root: str
    paths: StorePaths
    config: Config
    features: tuple[FeatureSpec, ...]
    ffmpeg: str | None
    budget: RowBudget
    shared: Shared
    early_bytes: int = MOST_GROUP_BYTES
    """The most that clips which are decoded before their turn may take in memory, for each lane."""


class Feed(Protocol):
    """Where a lane gets its clips from."""

    def next(self, *, wait: bool) -> tuple[ShardWork, int] | None:
        """The next clip, as a shard and the clip's index in it; None when there is none (now; with ``wait``: ever)."""

    def again(self, shard: ShardWork, index: int) -> None:
        """Take back a clip that has been handed out: it is to be done once more, before all others."""

    def put_off(self, shard: ShardWork, index: int, *, reason: str) -> bool:
        """Take back a clip that failed, for a later attempt; False where another one would be in vain."""

    def ahead(self, shard: ShardWork, *, most: int) -> Sequence[int]:
        """Further clips of a shard, which ``next`` will give, and to nobody else; possibly none."""


@dataclass(slots=True)
class Tally:
    """What a lane has done so far; read by others while it runs."""

    clips_done: int = 0
    clips_failed: int = 0
    retries: int = 0
    """Further attempts at clips that failed for a reason that may pass."""
    audio_seconds: float = 0.0
    ffmpeg_audio_seconds: float = 0.0
    """Of them, what ffmpeg decoded."""
    examples: list[str] = field(default_factory=list)
    """The first few failures, each as path and reason."""
    warnings: list[str] = field(default_factory=list)
    """What a clip's own sample rate does to its features."""


class Lane:
    """Runs clips through the programs until its feed is closed."""

    def __init__(
        self,
        job: LaneJob,
        feed: Feed,
        *,
        frontend: Callable[[Recipe], Programs],
        complete: Callable[[ShardWork], None],
    ) -> None:
        """
        Args:
            frontend: gives a recipe's programs, waiting for them if need be; first called when a tape is full.
            complete: called, in this lane's thread, with a shard that all results have been handed in to.
        """
        self.tally = Tally()
        self.clock = Stopwatch()
        self._job = job
        self._feed = feed
        self._frontend = frontend
        self._complete = complete
        self._all = tuple(job.config.features)
        self._decks: OrderedDict[tuple[int, tuple[FeatureName, ...]], tuple[Recipe, Deck]] = OrderedDict()
        """By sample rate and features; with the recipe of all features, whose rules hold for each clip."""
        self._ahead = Ahead(
            feed, root=job.root, config=job.config, ffmpeg=job.ffmpeg, shared=job.shared, most_bytes=job.early_bytes
        )
        self._earlier = EarlierClips(job.paths, features=self._all, budget=job.budget)

    def run(self) -> None:
        """Work until the feed has no more. Raises StorageError when the store cannot be written."""
        try:
            while (item := self._next()) is not None:
                self._do(*item)
        finally:
            self._ahead.close()

    def _next(self) -> tuple[ShardWork, int] | None:
        item = self._feed.next(wait=False)
        if item is None:
            # Nothing to go on with now: what lies on the tapes must not wait for what may never come.
            for _, deck in self._decks.values():
                deck.flush()
            item = self._feed.next(wait=True)
        return item

    def _do(self, shard: ShardWork, index: int) -> None:
        task = shard.clip(index)
        if task.reuse is not None and not task.reuse.missing:
            if self._reuse(shard, index, task.reuse):
                return
            task = replace(task, reuse=None)
        seen = fingerprint_of(os.path.join(self._job.root, task.path), task.member)
        with self.clock.stage("decode"):
            try:
                self._decode(shard, index, task)
            except ClipError as error:
                self._fail(shard, index, task, error, seen=seen)
            except AudioFeatError:
                raise  # of the store or the programs: no clip's fault
            except Exception as error:  # noqa: BLE001  # one clip never stops a run, whatever its decoder raises
                traceback.print_exc()
                self._fail(shard, index, task, unforeseen(error), seen=seen)

    def _reuse(self, shard: ShardWork, index: int, reuse: Reuse) -> bool:
        """Copy an unchanged clip's rows out of their old shard; False where they are not what was written."""
        try:
            with self.clock.stage("copy"):
                finished = self._earlier.copied(reuse)
        except DamageError:
            return False  # then the clip is simply decoded again
        self._hand_in(shard, index, ClipResult(finished, reuse.failures, reuse.fingerprint))
        return True

    def _decode(self, shard: ShardWork, index: int, task: ClipTask) -> None:
        """Decode a clip onto a deck. Raises ClipError; then nothing of the clip goes further."""
        early = self._ahead.take(shard, index)
        if early is not None:
            try:
                return self._decode_once(shard, index, task, early=early)
            except ClipError:
                pass  # what is wrong with a clip is said of it alone, and of its file as it is now
        return self._decode_once(shard, index, task, early=None)

    def _decode_once(self, shard: ShardWork, index: int, task: ClipTask, *, early: EarlyClip | None) -> None:
        job, settings = self._job, self._job.config.audio
        outcome = Outcome(task, settings, hand_in=lambda result: self._finish(shard, index, task, result))
        features = self._features_of(task)
        try:
            with open_clip(
                os.path.join(job.root, task.path),
                member=task.member,
                excerpt=task.excerpt,
                channels=settings.channels,
                sample_rate=None if settings.sample_rate == "native" else settings.sample_rate,
                limits=job.config.limits,
                ffmpeg=job.ffmpeg,
                shared=job.shared,
                early=early,
            ) as audio:
                recipe, deck = self._deck_at(audio.sample_rate, features)
                for piece in pieces_of(audio, settings, budget=job.budget):
                    self._lay(piece, outcome, audio, recipe, deck)
        except BaseException:
            outcome.drop()
            raise
        fingerprint = audio.fingerprint.at(task.member)
        is_sure = is_trusted(fingerprint, read_at_ns=audio.opened_at_ns)
        self._ahead.note(audio.decoder)
        outcome.close(audio, fingerprint=fingerprint if is_sure else None)

    def _lay(self, piece: Piece, outcome: Outcome, audio: ClipAudio, recipe: Recipe, deck: Deck) -> None:
        """Lay a piece on the deck, unless it turns out to be unwanted."""
        levels = Levels()
        noise_key = f"{outcome.task.key}#{piece.channel}@{piece.start_sample}"
        deck.begin()
        try:
            watched = levels.watch(piece.blocks)
            samples = prepare(watched, recipe.signal, key=noise_key, gain=piece.gain, dtype=recipe.precision)
            for block in with_edges(samples, recipe.rule):
                deck.write(block)
            check_samples(levels, scale=recipe.scale)
            n_frames = recipe.rule.n_frames(prepared_samples(levels.n_samples, recipe.signal))
            is_too_short = n_frames < recipe.fewest_frames
            try:
                if is_too_short and piece.is_rest:
                    raise too_short_a_rest(n_frames=n_frames, fewest_frames=recipe.fewest_frames)
                check_length(outcome.duration_of(piece, levels, audio), self._job.config.select)
            except LeftOutError as error:
                deck.abandon()
                outcome.leave_out(piece, levels, error)
                return
            if is_too_short:
                raise too_short(levels, recipe, n_frames=n_frames, sample_rate=audio.sample_rate)
        except BaseException:
            deck.abandon()
            raise
        deck.end(n_frames, done=outcome.expect(piece, levels))

    def _features_of(self, task: ClipTask) -> tuple[FeatureName, ...]:
        """What a clip is decoded for: all features, unless some of them are there."""
        missing = task.reuse.missing if task.reuse is not None else ()
        return tuple(name for name in self._all if name in missing or not missing)

    def _deck_at(self, sample_rate: int, features: tuple[FeatureName, ...]) -> tuple[Recipe, Deck]:
        """The recipe of all features and the deck of some, for clips at a sample rate.

        Raises:
            ClipError: the recipe cannot be at this rate.
        """
        found = self._decks.get((sample_rate, features))
        if found is None:
            job = self._job
            recipe = recipe_of(job.config, sample_rate_hz=sample_rate)
            own = recipe_of(with_features(job.config, features), sample_rate_hz=sample_rate)
            specs = [spec for spec in job.features if spec.name in features]
            deck = Deck(own, specs, job.budget, frontend=lambda: self._frontend(own), clock=self.clock)
            found = self._decks[sample_rate, features] = recipe, deck
            if recipe.is_native_rate:
                self.tally.warnings += empty_band_warnings(job.config, native_rate_hz=sample_rate)
            if len(self._decks) > _MOST_DECKS:
                self._decks.popitem(last=False)[1][1].flush()
        self._decks.move_to_end((sample_rate, features))
        return found

    def _finish(self, shard: ShardWork, index: int, task: ClipTask, result: ClipResult) -> None:
        if task.reuse is not None:
            try:
                with self.clock.stage("copy"):
                    result = self._earlier.joined(task.reuse, result)
            except DamageError:
                shard.distrust(index)
                self._feed.again(shard, index)
                return
        self.tally.clips_done += 1
        for clip in result.finished:
            self.tally.audio_seconds += clip.row.duration_seconds
            if clip.row.decoder.startswith("ffmpeg"):
                self.tally.ffmpeg_audio_seconds += clip.row.duration_seconds
        self._hand_in(shard, index, result)

    def _fail(
        self, shard: ShardWork, index: int, task: ClipTask, error: ClipError, *, seen: Fingerprint | None
    ) -> None:
        if self._feed.put_off(shard, index, reason=error.reason):
            self.tally.retries += 1
            return
        begun_ns = time.time_ns()
        # What could not be read this time says nothing of the next, and neither does a file that is being written.
        job = self._job
        path = os.path.join(job.root, task.path)
        found = None
        if not error.is_transient:
            found = identify(path, task.member, shared=job.shared, max_bytes=job.config.limits.max_bytes)
        if found is not None and seen != found[1]:
            found = None
        failure = failure_of(task, error, source_digest=found[0] if found else None)
        self.tally.clips_failed += 1
        if len(self.tally.examples) < MOST_EXAMPLES:
            self.tally.examples.append(f"{failure.source}: {failure.reason}")
        is_sure = found is not None and is_trusted(found[1], read_at_ns=begun_ns)
        self._hand_in(shard, index, ClipResult((), (failure,), found[1] if found and is_sure else None))

    def _hand_in(self, shard: ShardWork, index: int, result: ClipResult) -> None:
        if shard.hand_in(index, result):
            with self.clock.stage("write"):
                try:
                    self._complete(shard)
                except AudioFeatError:
                    raise
                except Exception as error:
                    # Not to be taken for a fault of the clip that this lane happens to be decoding.
                    raise AudioFeatError(f"a shard cannot be written: {type(error).__name__}: {error}") from error
