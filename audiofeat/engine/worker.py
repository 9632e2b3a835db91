"""A worker process, started by an engine and spoken to over its pipes (see ``messages``).

The main thread listens; a second one imports TensorFlow and compiles the programs; the lanes decode meanwhile. The
process ends when its standard input does, whatever else is going on: no worker outlives its run.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

from audiofeat.config import with_features
from audiofeat.decode import Shared
from audiofeat.engine.feed import ShardFeed
from audiofeat.engine.lane_feed import Hand, LaneFeed
from audiofeat.engine.loading import begin, commands_from, compiled, import_tensorflow, load_tensorflow, log_to
from audiofeat.engine.messages import WorkerJob, encode, fault_of
from audiofeat.engine.remote_programs import RemotePrograms
from audiofeat.errors import MissingToolError
from audiofeat.frontend.programs import Programs
from audiofeat.frontend.recipe import Recipe, feature_specs, recipe_of
from audiofeat.lane import Lane, LaneJob
from audiofeat.memory import Memory
from audiofeat.peak_memory import peak_rss_bytes
from audiofeat.shard import ShardWork
from audiofeat.store.checked_json import read_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import packing_of
from audiofeat.store.rows import CLIP_BYTES, RowBudget
from audiofeat.tasks import ShardTask

_TALLY_SECONDS = 0.25
_MOST_FRONTENDS = 32
"""With the files' own sample rates each rate has programs of its own; so many are kept at a time."""


class Worker:
    """The lanes of one process and what they share."""

    def __init__(self, job: WorkerJob, out: IO[bytes]) -> None:
        self._job = job
        self._out = out
        self._out_lock = threading.Lock()
        self._started = time.perf_counter()
        self._config = job.load_config()
        self._paths = StorePaths(Path(job.store), run=job.run)
        self._features = feature_specs(self._config)
        self._all = tuple(self._config.features)
        self._feed = ShardFeed(lanes=job.lanes)
        self._frontends: Memory[Programs] = Memory(most=_MOST_FRONTENDS)
        """By sample rate and features."""
        self._ready: Future[None] = Future()
        """TensorFlow, and the programs where their sample rate is known beforehand."""
        self._is_starting = threading.Lock()
        self._door = None
        """To the process that computes for this one."""
        if job.door is not None:
            os.set_inheritable(job.door, False)
            self._door = socket.socket(fileno=job.door)
        self._hands = os.open(job.hands, os.O_WRONLY | os.O_CLOEXEC)
        lane_job = LaneJob(
            root=job.source,
            paths=self._paths,
            config=self._config,
            features=self._features,
            ffmpeg=job.ffmpeg,
            budget=RowBudget(
                self._paths.spool,
                process_bytes=job.row_bytes,
                clip_bytes=min(CLIP_BYTES, job.row_bytes // (2 * max(1, job.lanes))),
            ),
            shared=Shared(),
            early_bytes=job.early_bytes,
        )
        hands = [Hand(self._hands, number, place=Path(job.hands)) for number in range(job.lanes)]
        feeds = [LaneFeed(self._feed, note=hand.note, may_look_ahead=not job.is_careful) for hand in hands]
        self._lanes = [Lane(lane_job, feed, frontend=self._programs, complete=self._complete) for feed in feeds]

    def run(self, commands: Iterator[Mapping[str, Any]]) -> None:
        """Work until told that no more will come."""
        threads = [
            threading.Thread(target=self._run_lane, args=(number,), daemon=True) for number in range(len(self._lanes))
        ]
        threading.Thread(target=self._obey, args=(commands,), daemon=True).start()
        threading.Thread(target=self._report, daemon=True).start()
        if self._job.is_careful:
            self._start_up(self._all)
            self._ready.result()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._send_tally()
        # Decoder processes are left out: Linux counts the memory of the process that they were forked from as theirs.
        self._send({"bye": {"peak_rss_bytes": peak_rss_bytes()}})

    def _obey(self, commands: Iterator[Mapping[str, Any]]) -> None:
        for command in commands:
            if "shard" in command:
                self._add(command["shard"])
            elif "drain" in command:
                self._feed.drain()
            else:
                self._feed.close()
        _end_with_decoders()  # the pipe has ended: the run is gone, and nobody will read what would be written

    def _add(self, slot: str) -> None:
        values = read_checked_json(self._paths.task(slot))
        if values is None:
            self._fault(MissingToolError(f"the task of shard {slot} cannot be read", hint="run the same command again"))
            return
        task = ShardTask.from_json(values)
        first = next((clip for clip in task.clips if clip.is_decoded), None)
        if first is not None:
            self._start_up((first.reuse and first.reuse.missing) or self._all)
        self._feed.add(ShardWork(task))

    def _start_up(self, features: Collection[str]) -> None:
        """Load TensorFlow in the background, once, when the first clip comes in sight that is to be computed."""
        if self._is_starting.acquire(blocking=False):
            threading.Thread(target=self._load_programs, args=(features,), daemon=True).start()

    def _programs(self, recipe: Recipe) -> Programs:
        """The programs of a recipe, compiled by the first lane that asks for them."""
        self._start_up(recipe.chains)
        self._ready.result()
        return self._frontends.get(_name_of(recipe), lambda: self._made(recipe))

    def _made(self, recipe: Recipe) -> Programs:
        return compiled(recipe) if self._door is None else RemotePrograms(recipe, self._door)

    def _load_programs(self, features: Collection[str]) -> None:
        try:
            if self._door is None:
                load_tensorflow(self._job.device, threads=self._job.lanes)
            else:
                gc.enable()
            if self._config.audio.sample_rate != "native":  # else nobody knows yet which programs will be wanted
                recipe = recipe_of(with_features(self._config, features))
                self._frontends.get(_name_of(recipe), lambda: self._made(recipe))
            self._ready.set_result(None)
            ready_seconds = time.perf_counter() - self._started
            self._send({"ready": ready_seconds, "worked_seconds": self._worked_seconds()})
        except BaseException as error:  # noqa: BLE001  # of any library below: the run must hear of it, not hang
            self._ready.set_exception(error)
            self._fault(error)

    def _run_lane(self, number: int) -> None:
        try:
            self._lanes[number].run()
        except BaseException as error:  # noqa: BLE001  # a lane that dies unheard leaves the run waiting for ever
            self._fault(error)

    def _complete(self, shard: ShardWork) -> None:
        record = shard.write(
            self._paths,
            self._features,
            packing=packing_of(self._config.store),
            stamp=self._job.stamp,
        )
        to_decode = {clip.key for clip in shard.task.clips if clip.is_decoded}
        failed = [failure for failure in record.failures if failure.key in to_decode and not failure.is_by_choice]
        rows = zip(record.clip_keys, record.rows["duration_seconds"], record.rows["decoder"], strict=True)
        decoded = [(seconds, decoder) for key, seconds, decoder in rows if key in to_decode]
        counts = {
            "clips_done": len(to_decode) - len(failed),
            "clips_failed": len(failed),
            "audio_seconds": math.fsum(seconds for seconds, _ in decoded),
            "ffmpeg_audio_seconds": math.fsum(seconds for seconds, name in decoded if name.startswith("ffmpeg")),
        }
        self._send_tally()  # so that whoever hears of a shard knows what it took
        self._send({"done": record.slot, "counts": counts})

    def _report(self) -> None:
        while True:
            time.sleep(_TALLY_SECONDS)
            self._send_tally()

    def _send_tally(self) -> None:
        examples = [example for lane in self._lanes for example in lane.tally.examples]
        warnings = sorted({warning for lane in self._lanes for warning in lane.tally.warnings})
        self._send({"tally": self._tally(), "examples": examples, "warnings": warnings})

    def _tally(self) -> dict[str, float]:
        """Sums over the lanes."""
        total: Counter[str] = Counter()  # whose update() adds, floats as well
        for lane in self._lanes:
            tally = lane.tally
            total.update(clips_done=tally.clips_done, clips_failed=tally.clips_failed)
            total.update({"audio_seconds": tally.audio_seconds, "ffmpeg_audio_seconds": tally.ffmpeg_audio_seconds})
            total.update(retries=tally.retries)
            total.update({f"{stage}_seconds": seconds for stage, seconds in lane.clock.seconds.items()})
        used = os.times()  # by the process and its decoders
        cpu_seconds = used.user + used.system + used.children_user + used.children_system
        total.update({"cpu_seconds": cpu_seconds})
        return dict(total)

    def _worked_seconds(self) -> float:
        """What the lanes have done so far, waiting apart."""
        tally = self._tally()
        return sum(tally.get(f"{stage}_seconds", 0.0) for stage in ("decode", "copy", "write"))

    def _fault(self, error: BaseException) -> None:
        self._send(fault_of(error))

    def _send(self, message: Mapping[str, Any]) -> None:
        with self._out_lock:
            self._out.write(encode(message))
            self._out.flush()


def _end_with_decoders() -> None:
    """End this process, and the decoders in its process group, which may wait for what never comes."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _name_of(recipe: Recipe) -> tuple[int, tuple[str, ...]]:
    """What tells one run's programs apart."""
    return recipe.sample_rate_hz, tuple(recipe.chains)


def main() -> None:
    """Read the job from standard input and work."""
    out = begin()
    commands = commands_from(sys.stdin.buffer)
    first = next(commands, None)
    if first is not None and "load" in first:
        threading.Thread(target=import_tensorflow, daemon=True).start()
        first = next(commands, None)
    if first is None:
        os._exit(0)  # nobody wants this process
    job = WorkerJob.from_json(first)
    if job.log:
        log_to(job.log)
    Worker(job, out).run(commands)
    # Skips the interpreter's and TensorFlow's own clean-up: all that matters is durable and reported.
    os._exit(0)
