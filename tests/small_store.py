"""Finished stores of random features, made by the package's own writers without audio or TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from store_suite import FEATURES, random_arrays, shard_clip

from audiofeat.borders import shard_borders
from audiofeat.config import load_config
from audiofeat.finish import finish_store
from audiofeat.plan import Plan
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint
from audiofeat.settings import Settings
from audiofeat.shard import ClipResult, FinishedClip, ShardWork
from audiofeat.source import Listing
from audiofeat.store.digests import clip_digest
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import packing_of
from audiofeat.store.rows import RowBudget
from audiofeat.store.shard_format import Array
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ClipTask, Commit, ShardTask

DECODER = "soundfile 0.14"
FINGERPRINT = Fingerprint(1_000, 1, 1)


def settings_for(*overrides: str, store_format: str | None = None) -> Settings:
    config = load_config("kaldi-fbank80", overrides=overrides, store_format=store_format)
    return Settings(config=config, device="cpu", versions={"tensorflow": "2.21"})


def seconds_of(n_frames: int) -> float:
    """The length of a clip that has so many frames with the settings of :func:`settings_for`."""
    return (240 + 160 * n_frames) / 16_000


def small_arrays(n_clips: int) -> dict[str, dict[str, Array]]:
    """Key -> feature -> rows; the frames are 1, 2, 3, ... in number."""
    return {f"folder/{number:03d}": random_arrays(number + 1, seed=number) for number in range(n_clips)}


def write_shards(
    paths: StorePaths,
    settings: Settings,
    arrays: Mapping[str, Mapping[str, Array]],
    *,
    failing: Sequence[str] = (),
    reason: str = "input.truncated",
) -> tuple[list[Clip], list[ShardTask], list[Commit]]:
    """Write and record the shards, as a run does that is killed before it publishes them."""
    for folder in (paths.shards, paths.commits, paths.spool):
        make_folder(folder)
    budget = RowBudget(paths.spool)
    clips = [Clip(key, f"{key}.wav", 1_000, 1, 1) for key in sorted({*arrays, *failing})]
    tasks, commits = [], []
    for slot, group in shard_borders(clips, shard_clips=4):
        work = ShardWork(ShardTask(slot, tuple(ClipTask(clip.key, clip.path) for clip in group)))
        for index, clip in enumerate(group):
            if clip.key in failing:
                failure = Failure(clip.key, clip.path, reason, "cut off", "", "f" * 64, DECODER)
                work.hand_in(index, ClipResult((), (failure,), FINGERPRINT))
                continue
            features = shard_clip(clip.key, arrays[clip.key], budget).features
            row = ClipRow(
                key=clip.key,
                source=clip.path,
                start_seconds=None,
                end_seconds=None,
                channel=None,
                sample_rate=16_000,
                channels=1,
                duration_seconds=seconds_of(next(iter(features.values())).n_rows),
                frames=next(iter(features.values())).n_rows,
                row_offset=0,
                source_digest="d" * 64,
                decoder=DECODER,
                peak=0.0,
                rms=0.0,
                clipped_share=0.0,
                silent_share=0.0,
                feature_digest=clip_digest(features),
            )
            work.hand_in(index, ClipResult((FinishedClip(row, features),), (), FINGERPRINT))
        tasks.append(work.task)
        commits.append(
            work.write(
                paths,
                FEATURES,
                packing=packing_of(settings.config.store),
                stamp=settings.stamp,
            )
        )
    return clips, tasks, commits


def listing_of(clips: Sequence[Clip], root: Path) -> Listing:
    """The listing of a folder that holds these clips and nothing else."""
    return Listing(str(root), list(clips))


def make_store(
    root: Path,
    settings: Settings,
    arrays: Mapping[str, Mapping[str, Array]],
    *,
    failing: Sequence[str] = (),
    reason: str = "input.truncated",
) -> StorePaths:
    """A finished store at ``root``."""
    paths = StorePaths(root)
    clips, tasks, _ = write_shards(paths, settings, arrays, failing=failing, reason=reason)
    plan = Plan(tuple(tasks), (), {}, decoded=(), deleted=())
    finish_store(
        paths, settings, plan, listing=listing_of(clips, root), features=FEATURES, decoders={"soundfile": DECODER}
    )
    return paths
