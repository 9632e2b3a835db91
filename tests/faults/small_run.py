"""Whole runs of the pipeline, real but for its engine: rows come out of the clips' names, not of TensorFlow.

All that touches the store is what ``audiofeat extract`` has: lock, plan, tasks, spool, shards, commit records,
publication, links, sweep. A run takes some 20 ms in a forked child. As a script, it is a target for strace::

    python tests/faults/small_run.py SOURCE STORE FORMAT
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from audiofeat import identity, job, pipeline
from audiofeat.config import load_config
from audiofeat.engine import workplace
from audiofeat.engine.loop import EngineReport
from audiofeat.engine.messages import WorkerJob
from audiofeat.errors import AudioFeatError
from audiofeat.frontend.recipe import feature_specs
from audiofeat.identity import identify
from audiofeat.part import Part
from audiofeat.records import ClipRow, Failure, FeatureSpec
from audiofeat.report import RunReport
from audiofeat.run_options import RunOptions
from audiofeat.shard import ClipResult, FinishedClip, ShardWork
from audiofeat.store import fingerprints, hdf5, manifest
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.digests import clip_digest
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import packing_of
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ClipTask, ShardTask

DECODER = "soundfile 0.14"
LOADED_EARLY = (fingerprints, hdf5, manifest)
"""Else each child would import pyarrow and h5py anew."""

_ROW_SECONDS = 0.01

Reported = Callable[[str], None]
"""Hears of each shard that a run says is finished, by its slot, and of the end of the run, as ``""``."""


def run_small(
    source: Path,
    store: Path,
    store_format: str,
    *overrides: str,
    part: Part | None = None,
    options: RunOptions | None = None,
    reported: Reported = lambda slot: None,
) -> RunReport:
    """One run, or a part of one, from ``source`` into ``store``. Raises AudioFeatError."""
    config = load_config(
        "kaldi-fbank80",
        overrides=["store.shard_clips=2", *overrides],
        store_format=store_format,
        source=str(source),
        store_path=str(store),
    )
    with small_engine(reported):
        report = pipeline.run(config, replace(options or RunOptions(), device="cpu", part=part))
    reported("")
    return report


@contextmanager
def small_engine(reported: Reported = lambda slot: None) -> Iterator[None]:
    """Let runs in this process compute with the engine of this file."""

    def engine(worker_job: WorkerJob, paths: StorePaths, **_: object) -> _Engine:
        return _Engine(worker_job, paths, reported)

    with (
        patch.object(workplace, "LocalEngine", engine),
        patch.object(pipeline, "Loop", lambda engine, paths, **_: engine),
        patch.object(job, "find_ffmpeg", lambda: None),
        patch.object(job, "decoder_versions", lambda ffmpeg: {"soundfile": DECODER}),
        # Else a source made a second ago is no file to trust, and no run could be the shortest.
        patch.object(identity, "TRUSTED_AGE_NS", -(10**18)),
    ):
        yield


def write_source(folder: Path, *, clips: Sequence[str]) -> Path:
    """Files that stand for clips: each holds its own name. Those called ``bad`` fail."""
    for name in clips:
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


class _Engine:
    """Does in this process, with made-up rows, what the loop has an engine's workers do."""

    def __init__(self, worker_job: WorkerJob, paths: StorePaths, reported: Reported) -> None:
        self._job, self._paths, self._reported = worker_job, paths, reported
        self._features = feature_specs(worker_job.load_config())
        self._packing = packing_of(worker_job.load_config().store)

    def __enter__(self) -> _Engine:
        return self

    def __exit__(self, *error: object) -> None:
        """No process is left: there was none."""

    def run(self, tasks: Sequence[ShardTask]) -> EngineReport:
        for folder in (self._paths.logs, self._paths.spool, self._paths.tasks):
            make_folder(folder)
        for task in tasks:
            write_checked_json(self._paths.task(task.slot), task.to_json())
        budget = RowBudget(self._paths.spool, process_bytes=700)  # so that some rows wait on disk
        for task in tasks:
            work = ShardWork(task)
            for index, clip in enumerate(task.clips):
                work.hand_in(index, self._result(clip, budget))
            work.write(self._paths, self._features, packing=self._packing, stamp=self._job.stamp)
            self._reported(task.slot)
        return EngineReport()

    def _result(self, clip: ClipTask, budget: RowBudget) -> ClipResult:
        path = os.path.join(self._job.source, clip.path)
        found = identify(path)
        assert found is not None
        digest, fingerprint = found
        content = Path(path).read_text()
        if "bad" in clip.key:
            failure = Failure(clip.key, clip.path, "input.truncated", "cut off", "", digest, DECODER)
            return ClipResult((), (failure,), fingerprint)
        features = {spec.name: _rows(content, spec, budget) for spec in self._features}
        frames = next(iter(features.values())).n_rows
        row = ClipRow(
            key=clip.key,
            source=clip.path,
            start_seconds=None,
            end_seconds=None,
            channel=None,
            sample_rate=16_000,
            channels=1,
            duration_seconds=frames * _ROW_SECONDS,
            frames=frames,
            row_offset=0,
            source_digest=digest,
            decoder=DECODER,
            peak=0.0,
            rms=0.0,
            clipped_share=0.0,
            silent_share=0.0,
            feature_digest=clip_digest(features),
        )
        return ClipResult((FinishedClip(row, features),), (), fingerprint)


def _rows(content: str, spec: FeatureSpec, budget: RowBudget) -> Rows:
    seed = zlib.crc32(content.encode())
    rows = Rows(spec.dims, budget, dtype=spec.dtype)
    rows.append(np.random.default_rng(seed).standard_normal((2 + seed % 3, spec.dims)).astype(spec.dtype))
    return rows


if __name__ == "__main__":
    try:
        run_small(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except AudioFeatError as error:
        with suppress(OSError):  # a disk may be full for what is said too
            os.write(2, f"{error}\n".encode())
        sys.exit(error.exit_code)
