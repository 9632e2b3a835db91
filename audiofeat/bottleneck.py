"""What bounds a run, and what would help: from what its lanes did all the while it took.

The wall time falls into three: until the workers are started, while they run, and after. What each lane did meanwhile
is known by its own clock, so that the middle one is shared out by the lanes' time; all shares add up to the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audiofeat.config.wording import counted

PLAN, START_UP, DECODE, COMPUTE, WRITE, COPY, IDLE, PUBLISH = (
    "scan and plan",
    "start-up",
    "decode",
    "compute",
    "write",
    "copy",
    "idle lanes",
    "publish",
)
LEAST_SHOWN = 0.05
"""Of the run's time; smaller parts are not told."""

_MOSTLY = 0.5
_WAITING = 0.6
"""Lanes that work are on a processor for nearly all of it; below this share they wait, for a disk or for each other."""
_FEW_CLIPS_A_LANE = 4


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What a run's time went into. ``lane_seconds`` are summed over the lanes; the others are wall time."""

    wall_seconds: float
    plan_seconds: float
    """Until the workers were asked for."""
    engine_seconds: float
    """From then until the last one ended."""
    lane_seconds: Mapping[str, float]
    """By :data:`START_UP`, :data:`DECODE`, :data:`COMPUTE`, :data:`WRITE` and :data:`COPY`."""
    cpu_seconds: float
    """Processor time of the workers and their decoders."""
    workers: int
    cores: int
    clips: int
    ffmpeg_share: float = 0.0
    """Of the decoded audio, by its length, what ffmpeg decoded."""
    store_format: str = "hdf5"
    compression: str = "none"
    is_short_of_memory: bool = False
    """There are fewer lanes than were wanted, because they may take no more memory."""

    @property
    def shares(self) -> dict[str, float]:
        """Of the run's time, by part, largest first; they add up to 1."""
        lanes = max(self.workers, 1)
        worked = {part: seconds / lanes for part, seconds in self.lane_seconds.items()}
        # Clocks of several processes: where they say more than there was, each has its share of what there was.
        scale = min(1.0, self.engine_seconds / (sum(worked.values()) or 1.0))
        parts = {part: seconds * scale for part, seconds in worked.items()}
        parts[PLAN] = self.plan_seconds
        parts[IDLE] = max(0.0, self.engine_seconds - sum(worked.values()))
        parts[PUBLISH] = max(0.0, self.wall_seconds - self.plan_seconds - self.engine_seconds)
        total = sum(parts.values()) or 1.0
        return dict(sorted(((part, seconds / total) for part, seconds in parts.items()), key=lambda item: -item[1]))

    @property
    def processor_share(self) -> float:
        """Of the lanes' work, how much they were on a processor for; start-up, which both have, is in it."""
        worked = sum(self.lane_seconds.values())
        return self.cpu_seconds / worked if worked else 1.0

    @property
    def free_cores(self) -> int:
        return max(0, self.cores - self.workers)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The part that a run spent most of its time in, and what would make it shorter."""

    part: str
    shares: Mapping[str, float]
    advice: str

    def text(self) -> str:
        """``decode 71 % (compute 20 %, start-up 7 %): ...``"""
        told = [
            f"{part} {100 * share:.0f} %"
            for part, share in self.shares.items()
            if part == self.part or share >= LEAST_SHOWN
        ]
        others = f" ({', '.join(told[1:])})" if told[1:] else ""
        return f"{told[0]}{others}: {self.advice}"


def bottleneck_of(run: Occupancy) -> Bottleneck:
    """What bounds ``run``."""
    shares = run.shares
    part = next(iter(shares))
    return Bottleneck(part, shares, _ADVICE[part](run))


def _for_planning(_: Occupancy) -> str:
    return "reading the folders and hashing files whose time of change says nothing; a faster disk"


def _for_start_up(_: Occupancy) -> str:
    return "a run pays this once, so more clips in one run cost little more"


def _for_decoding(run: Occupancy) -> str:
    if run.free_cores:
        return _more_workers(run)
    if run.processor_share < _WAITING:
        return (
            f"lanes were on a processor for {100 * run.processor_share:.0f} % of their work (a slow disk, or other "
            f"programs): more --workers than cores may help"
        )
    if run.ffmpeg_share >= _MOSTLY:
        return "ffmpeg's share of it is large: WAV, FLAC, MP3 and OGG are decoded faster, without ffmpeg"
    return "more cores; WAV takes least to decode, then FLAC"


def _for_computing(run: Occupancy) -> str:
    return _more_workers(run) if run.free_cores else "more cores, or a GPU"


def _for_writing(run: Occupancy) -> str:
    if run.compression != "none":
        others = "none" if run.compression == "blosc2" else "none, or blosc2"
        return f"store.compression is {run.compression}: {others} takes less time"
    if run.store_format == "npy":
        return "a file for each clip: store.format hdf5 writes one for a thousand"
    return "a faster disk, or float16 (store.dtype)"


def _for_copying(_: Occupancy) -> str:
    return "unchanged rows go into new shards: smaller ones (store.shard_clips) leave more of them alone"


def _for_idling(run: Occupancy) -> str:
    if run.clips < _FEW_CLIPS_A_LANE * run.workers:
        clips = counted(run.clips, "clip")
        return f"one lane works on a clip, and there were {clips} for {run.workers}: fewer --workers"
    return "lanes waited for the last shards: smaller ones (store.shard_clips) end more evenly"


def _for_publishing(_: Occupancy) -> str:
    return "manifest and store.json are written and synced once a run: a faster disk, or more clips in one run"


def _more_workers(run: Occupancy) -> str:
    remedy = "more --memory" if run.is_short_of_memory else f"--workers {run.cores}"
    return f"{counted(run.free_cores, 'core')} had no lane: {remedy}"


_ADVICE = {
    PLAN: _for_planning,
    START_UP: _for_start_up,
    DECODE: _for_decoding,
    COMPUTE: _for_computing,
    WRITE: _for_writing,
    COPY: _for_copying,
    IDLE: _for_idling,
    PUBLISH: _for_publishing,
}
