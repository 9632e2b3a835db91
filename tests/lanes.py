"""A lane in this process: from source files to rows, without worker processes and without a finished store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from laying import on_cpu

from audiofeat.config import Config, load_config
from audiofeat.decode import Shared, find_ffmpeg
from audiofeat.engine.feed import ShardFeed
from audiofeat.engine.lane_feed import LaneFeed
from audiofeat.frontend.program import Frontend
from audiofeat.frontend.recipe import Recipe, feature_specs
from audiofeat.lane import Lane, LaneJob
from audiofeat.records import Clip, ClipRow, Failure
from audiofeat.shard import ShardWork
from audiofeat.store.layout import StorePaths
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ClipTask, ShardTask

Array = npt.NDArray[Any]


class Outcomes(NamedTuple):
    """What became of the clips, by key."""

    rows: dict[str, ClipRow]
    features: dict[str, dict[str, Array]]
    failures: dict[str, Failure]


def config_of(text: str | dict[str, Any], *overrides: str) -> Config:
    return load_config(text, overrides=overrides)


def run_lane(root: Path, clips: Sequence[Clip | ClipTask], config: Config, *, scratch: Path) -> Outcomes:
    """Take ``clips`` of the source at ``root`` through one lane."""
    on_cpu()
    paths = StorePaths(scratch)
    make_folder(paths.spool)
    finished: list[ShardWork] = []
    job = LaneJob(
        root=str(root),
        paths=paths,
        config=config,
        features=feature_specs(config),
        ffmpeg=find_ffmpeg(),
        budget=RowBudget(paths.spool),
        shared=Shared(),
    )
    feed = ShardFeed()
    feed.add(ShardWork(ShardTask("0" * 12, tuple(map(_task, clips)))))
    feed.close()
    Lane(job, LaneFeed(feed), frontend=programs_of, complete=finished.append).run()
    (shard,) = finished
    results = shard.results
    done = [clip for result in results for clip in result.finished]
    return Outcomes(
        rows={clip.row.key: clip.row for clip in done},
        features={clip.row.key: {name: array_of(rows) for name, rows in clip.features.items()} for clip in done},
        failures={failure.key: failure for result in results for failure in result.failures},
    )


def programs_of(recipe: Recipe) -> Frontend:
    return Frontend(recipe)


def array_of(rows: Rows) -> Array:
    return np.concatenate([np.zeros((0, rows.dims), rows.dtype), *rows.blocks()])


def clip_at(root: Path, path: str, **more: Any) -> Clip:
    """The clip of a file, as a scan would list it."""
    status = (root / path).stat()
    key = more.pop("key", Path(path).with_suffix("").as_posix())
    return Clip(key, path, status.st_size, status.st_ctime_ns, status.st_ino, **more)


def _task(clip: Clip | ClipTask) -> ClipTask:
    return clip if isinstance(clip, ClipTask) else ClipTask(clip.key, clip.path, clip.excerpt, clip.member)
