"""A run without audio, TensorFlow or processes: the package's own listing, planning, shards and publication.

What stands in for decoding and computing turns a file's bytes and the configuration into rows, and refuses a file that
begins with ``bad``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from planned import NOW_NS, row_of
from small_store import DECODER, seconds_of, settings_for, shard_clip

from audiofeat.errors import DamageError
from audiofeat.finish import finish_store, is_unchanged
from audiofeat.identity import identify
from audiofeat.known import known_results
from audiofeat.plan import make_plan
from audiofeat.records import Clip, Failure, FeatureSpec
from audiofeat.reuse import EarlierClips
from audiofeat.settings import Settings
from audiofeat.shard import ClipResult, FinishedClip, ShardWork
from audiofeat.source import scan_folder
from audiofeat.store.digests import clip_digest
from audiofeat.store.layout import StorePaths
from audiofeat.store.lock import store_lock
from audiofeat.store.packing import packing_of
from audiofeat.store.publish import roll_forward
from audiofeat.store.rows import RowBudget
from audiofeat.store.shard_format import Array
from audiofeat.store.staging import make_folder, remove
from audiofeat.tasks import ClipTask

SPECS = (FeatureSpec("log_mel", 3, "float32", "ln power", 100.0),)
SHARD_CLIPS = 3
CONFIGS = ("mel.fmin_hz=20", "mel.fmin_hz=50")


def toy_settings(config: str, store_format: str) -> Settings:
    return settings_for(config, f"store.shard_clips={SHARD_CLIPS}", store_format=store_format)


def rows_of_file(content: bytes, config: str) -> Array:
    """What stands in for the features of a file."""
    n_frames = 1 + len(content) % 7
    seed = int.from_bytes(content[-6:] + config.encode(), "big")
    return np.random.default_rng(seed).standard_normal((n_frames, 3)).astype(np.float32)


@dataclass(slots=True)
class ToyRun:
    """One command."""

    source: Path
    store: Path
    config: str
    store_format: str
    has_lock: bool = True
    """Whether it takes the store's lock; nothing may depend on that but work done twice."""
    is_backwards: bool = False
    """The shards come in another order, as with other workers."""
    damaged_clips: Collection[str] = ()
    damaged_shards: Collection[str] = ()

    def __call__(self) -> None:
        """Raises what a run raises."""
        paths, settings = StorePaths(self.store), toy_settings(self.config, self.store_format)
        listing = scan_folder(str(self.source))
        with store_lock(paths) if self.has_lock else nullcontext():
            roll_forward(paths)
            decoders = {"soundfile": DECODER}
            is_asked = bool(self.damaged_clips or self.damaged_shards)
            if not is_asked and is_unchanged(paths, settings, listing, decoders):
                return
            remove(paths.unchanged)
            known = known_results(paths, settings)
            known.again.update((key, "damaged") for key in self.damaged_clips if key in known.clips)
            known.damaged_shards = frozenset(self.damaged_shards)
            config = settings.config
            plan = make_plan(
                listing.clips, known, root=listing.root, features=config.features.keys(), shard_clips=SHARD_CLIPS,
                packing=packing_of(config.store).word, decoders=decoders.values(), limits=config.limits,
                select=config.select, now_ns=NOW_NS,
            )  # fmt: skip
            for folder in (paths.shards, paths.commits, paths.spool):
                make_folder(folder)
            for task in plan.tasks[::-1] if self.is_backwards else plan.tasks:
                self._do(ShardWork(task), paths, settings)
            finish_store(paths, settings, plan, listing=listing, features=SPECS, decoders=decoders)

    def _do(self, work: ShardWork, paths: StorePaths, settings: Settings) -> None:
        budget = RowBudget(paths.spool)
        earlier = EarlierClips(paths, features=settings.config.features.keys(), budget=budget)
        for index, task in enumerate(work.task.clips):
            if task.reuse is not None and not task.reuse.missing:
                try:
                    copied = earlier.copied(task.reuse)
                except DamageError:
                    pass  # then it is decoded
                else:
                    work.hand_in(index, ClipResult(copied, task.reuse.failures, task.reuse.fingerprint))
                    continue
            work.hand_in(index, self._decoded(task, budget))
        work.write(paths, SPECS, packing=packing_of(settings.config.store), stamp=settings.stamp)

    def _decoded(self, task: ClipTask, budget: RowBudget) -> ClipResult:
        found = identify(str(self.source / task.path))
        content = (self.source / task.path).read_bytes()
        if found is None:
            raise RuntimeError(f"{task.path} is gone, which nothing here makes it")
        digest, fingerprint = found
        if content.startswith(b"bad"):
            failure = Failure(task.key, task.path, "input.not-audio", "text, not audio", "", digest, DECODER)
            return ClipResult((), (failure,), fingerprint)
        rows = rows_of_file(content, self.config)
        features = shard_clip(task.key, {"log_mel": rows}, budget).features
        clip = Clip(task.key, task.path, fingerprint.size_bytes, fingerprint.ctime_ns, fingerprint.inode)
        row = row_of(clip, digest)
        changed = {name: getattr(row, name) for name in type(row).__dataclass_fields__}
        changed.update(frames=len(rows), duration_seconds=seconds_of(len(rows)), feature_digest=clip_digest(features))
        return ClipResult((FinishedClip(type(row)(**changed), features),), (), fingerprint)


def files_for(clips: Sequence[str]) -> list[str]:
    """The names of the files that have these keys."""
    return [f"{key}.wav" for key in clips]
