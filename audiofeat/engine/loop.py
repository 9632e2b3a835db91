"""The loop that brings shards to their commit records: it hands them out, listens, judges deaths, reports and stops.

What it hands them to is an engine's (see ``engine``): processes on this machine, or a cluster. A worker that dies
costs its shards an attempt; the inquest says what is done with them then (see ``inquest``). One that says nothing for
minutes, as if it were frozen, is ended and has died.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from audiofeat.engine.engine import Engine, Speaker
from audiofeat.engine.inquest import Inquest
from audiofeat.engine.messages import error_of
from audiofeat.errors import AudioFeatError, Interrupted
from audiofeat.lane import MOST_EXAMPLES
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ShardTask

DRAIN_SECONDS = 5.0
"""How long a stopped run waits for the shards that have been begun."""

_LISTEN_SECONDS = 0.2


@dataclass(slots=True)
class EngineReport:
    """What the engine's workers did, in sum."""

    tally: dict[str, float] = field(default_factory=dict)
    """Clips done and failed, seconds of audio, and seconds by stage over all lanes."""
    start_up_seconds: float = 0.0
    waiting_seconds: float = 0.0
    """Lanes' time until their programs were ready, less what they had done by then."""
    peak_rss_bytes: int = 0
    deaths: int = 0
    examples: list[str] = field(default_factory=list)
    """The first few clips that failed, with their reasons."""
    warnings: set[str] = field(default_factory=set)


class Loop:
    """Runs shards on an engine. Use as a context manager: on leaving, the engine has no worker left.

    Args:
        source: the folder that clips' paths go from.
        on_change: called a few times a second with the report so far.
        stop: gives the signal that asks the run to stop, or None.
        meanwhile: called once all workers have been started and given work: they are loading, so there is time.
    """

    def __init__(
        self,
        engine: Engine,
        paths: StorePaths,
        *,
        source: str,
        on_change: Callable[[EngineReport], None],
        stop: Callable[[], int | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._paths = paths
        self._on_change = on_change
        self._stop = stop
        self._meanwhile = meanwhile
        self._waiting: deque[ShardTask] = deque()
        self._suspects: deque[ShardTask] = deque()
        self._ended: dict[str, float] = {}
        """Tallies of those that are gone."""
        self._inquest = Inquest(paths, source=source)
        self.report = EngineReport()

    def __enter__(self) -> Loop:
        self._engine.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._engine.__exit__(*error)

    def run(self, tasks: Sequence[ShardTask]) -> EngineReport:
        """Run all shards to their commit records.

        Raises:
            Interrupted: ``stop`` gave a signal; finished shards stay.
            MissingToolError: the engine cannot do what is wanted.
            StorageError, AudioFeatError: a worker could not go on.
        """
        for folder in (self._paths.logs, self._paths.spool, self._paths.tasks):
            make_folder(folder)
        # The largest first, so that the workers end together.
        self._waiting.extend(sorted(tasks, key=lambda task: len(task.clips), reverse=True))
        self._engine.prepare(n_shards=len(tasks))
        self._engine.add_workers(n_waiting=len(tasks))
        for task in tasks:  # while the workers start
            write_checked_json(self._paths.task(task.slot), task.to_json())
        self._hand_out()
        self._meanwhile()
        while self._waiting or self._suspects or any(worker.shards for worker in self._engine.workers):
            self._hand_out()
            self._turn()
        while self._engine.close():
            self._turn()
        self.report.warnings |= self._engine.warnings
        return self.report

    def _hand_out(self) -> None:
        """Give each worker as much as it should hold; what one has died of before comes last, and apart."""
        if self._waiting:
            self._engine.add_workers(n_waiting=len(self._waiting))
        usual = [worker for worker in self._engine.workers if not worker.is_careful]
        for worker in usual:
            while self._waiting and worker.wants_more(is_scarce=len(self._waiting) < len(usual)):
                worker.give(self._waiting.popleft())
        if self._suspects and not self._waiting and not any(worker.shards for worker in self._engine.workers):
            alone = next((worker for worker in self._engine.workers if worker.is_careful), None)
            alone = alone or self._engine.add_careful()
            if alone is not None:
                alone.give(self._suspects.popleft())

    def _turn(self) -> None:
        """Hear what the workers say, and stop if asked to."""
        begun = time.monotonic()
        self._listen(_LISTEN_SECONDS)
        # No more than it should take: this process, too, may have been stopped, and the workers with it.
        self._end_the_silent(min(time.monotonic() - begun, 2 * _LISTEN_SECONDS))
        total = dict(self._ended)
        for speaker in self._engine.speakers:
            _add(total, speaker.tally())
        self.report.tally = total
        self.report.warnings |= self._engine.warnings
        self._on_change(self.report)
        number = self._stop()
        if number is not None:
            self._drain()
            raise Interrupted(f"stopped by {signal.Signals(number).name}", signal_number=number)

    def _drain(self) -> None:
        """Let the workers finish the shards that they have begun, for a while."""
        deadline = time.monotonic() + DRAIN_SECONDS
        for worker in self._engine.workers:
            worker.drain()
        with suppress(AudioFeatError):  # what a worker cannot do any more is not done: the run stops anyway
            while self._engine.workers and time.monotonic() < deadline:
                self._listen(_LISTEN_SECONDS)

    def _listen(self, timeout_seconds: float) -> None:
        for speaker, messages in self._engine.listen(timeout_seconds):
            if messages is None:
                self._bury(speaker)
                continue
            for message in messages:
                self._heed(speaker, message)

    def _end_the_silent(self, seconds: float) -> None:
        """``seconds`` have been spent listening."""
        for speaker in self._engine.speakers:
            speaker.silent_seconds += seconds
            if speaker.silent_seconds > speaker.patience_seconds:
                speaker.is_frozen = True
                speaker.strike()

    def _heed(self, speaker: Speaker, message: Mapping[str, Any]) -> None:
        if "tally" in message:
            speaker.note_tally(message["tally"])
            self._note_examples(message["examples"])
            self.report.warnings.update(message["warnings"])
        elif "done" in message:
            speaker.note_finished(message["done"], message["counts"])
            self._inquest.note_finished()
            self._engine.note_finished()
        elif "ready" in message:
            self.report.waiting_seconds += speaker.note_ready(worked_seconds=message["worked_seconds"])
            self.report.start_up_seconds = max(self.report.start_up_seconds, message["ready"])
        elif "bye" in message:
            speaker.said_bye = True
            self.report.peak_rss_bytes += message["bye"]["peak_rss_bytes"]
        elif "fault" in message:
            raise error_of(message["fault"], log=speaker.log)

    def _bury(self, speaker: Speaker) -> None:
        """One is dead: as it should be, or not."""
        end = self._engine.bury(speaker)
        _add(self._ended, speaker.tally())
        if speaker.said_bye:
            return
        if speaker.has_lost_ground:
            (self._suspects if speaker.is_careful else self._waiting).extendleft(speaker.shards.values())
            return
        self.report.deaths += 1
        if speaker.shards:
            self._judge(speaker, end)

    def _judge(self, worker: Speaker, end: str) -> None:
        """What becomes of the shards that a dead worker held."""
        if worker.was_killed and not worker.is_frozen:
            self._engine.note_killed()
        verdict = self._inquest.hold(worker, end)
        if verdict.failure is not None:
            _add(self._ended, {"clips_failed": 1})  # no lane will count it
            self._note_examples([f"{verdict.failure.source}: {verdict.failure.reason}"])
        self._suspects.extend(verdict.suspects)
        self._waiting.extend(verdict.others)
        if self._inquest.trusts_nothing:
            self._suspects.extend(self._waiting)
            self._waiting.clear()

    def _note_examples(self, examples: Sequence[str]) -> None:
        new = [example for example in examples if example not in self.report.examples]
        self.report.examples = [*self.report.examples, *new][:MOST_EXAMPLES]


def _add(total: dict[str, float], tally: Mapping[str, float]) -> None:
    for name, value in tally.items():
        total[name] = total.get(name, 0) + value
