"""What a run did: the figures of its summary, of ``--metrics`` and of its exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from audiofeat.bottleneck import COMPUTE, COPY, DECODE, START_UP, WRITE, Bottleneck, Occupancy, bottleneck_of
from audiofeat.config.wording import counted
from audiofeat.part import Part
from audiofeat.plan import Plan
from audiofeat.reading.info import StoreInfo
from audiofeat.records import Failure
from audiofeat.source import Listing


@dataclass(slots=True)
class RunReport:
    """The outcome of ``extract``. Seconds of a stage are summed over all lanes; the others are wall time."""

    store: str
    digest: str = ""
    clips: int = 0
    """In the store when the run ended."""
    decoded: int = 0
    """Clips of the source, each of which may be several of the store; so are the three below."""
    failed_now: int = 0
    """Clips that were tried in this run and could not be done."""
    reused: int = 0
    deleted: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """Clips in quarantine by reason."""
    failure_examples: list[str] = field(default_factory=list)
    """The first few clips that failed in this run, with their reasons."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why clips were decoded: new, changed, settings changed (...)."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Files of the source that are no clips: hidden, not audio, links refused."""
    warnings: list[str] = field(default_factory=list)
    frames: int = 0
    store_audio_seconds: float = 0.0
    """In the whole store."""
    audio_seconds: float = 0.0
    """Decoded by this run."""
    size_bytes: int = 0
    wall_seconds: float = 0.0
    start_up_seconds: float = 0.0
    """From a worker's start until its programs were compiled; decoding goes on meanwhile."""
    busy_seconds: float = 0.0
    """Wall time without that."""
    decode_seconds: float = 0.0
    compute_seconds: float = 0.0
    write_seconds: float = 0.0
    copy_seconds: float = 0.0
    """Of rows that stand, into shards that are written anew."""
    waiting_seconds: float = 0.0
    """Summed over the lanes: for their process, TensorFlow and the programs, less what they decoded meanwhile."""
    plan_seconds: float = 0.0
    """From the run's start until the workers were asked for."""
    engine_seconds: float = 0.0
    """From then until the last one ended."""
    cpu_seconds: float = 0.0
    """Processor time of the workers and their decoders."""
    ffmpeg_audio_seconds: float = 0.0
    """Of ``audio_seconds``, what ffmpeg decoded."""
    device_seconds: float = 0.0
    """Of processes that compute for others, from their first tape on, added up; 0 where workers compute themselves."""
    device_busy_seconds: float = 0.0
    """The part of that in which a tape was under way; in the rest the device waits for decoding."""
    workers: int = 0
    is_short_of_memory: bool = False
    """``workers`` are fewer than were wanted, because of ``--memory``."""
    cores: int = 0
    """That the run might use."""
    device: str = ""
    store_format: str = ""
    compression: str = ""
    worker_deaths: int = 0
    retries: int = 0
    """Further attempts within this run at clips that failed for a reason that may pass."""
    part: str = ""
    """Which of several parts the run was, such as ``2/3``; then all that is said of the store is of this part."""
    shards: int = 0
    """Of the part, all of them finished; or, where parts were published, of the store."""
    shards_in_all: int = 0
    """Of the store that the parts make together."""
    parts: int = 0
    """Where parts were published, how many."""
    peak_rss_bytes: int = 0
    """Of the run's process and its workers, added up: an upper bound of the tree's peak."""

    def note_listing(self, listing: Listing) -> None:
        """What the source holds besides clips, and what is odd about it."""
        self.left_out = {
            "hidden": listing.hidden,
            "not audio": listing.not_audio,
            "links refused": listing.links_refused,
            "link loops": len(listing.loops),
            "unreadable folders": len(listing.unreadable),
        }
        self.warnings += listing_warnings(listing)

    def note_store(self, store: StoreInfo) -> None:
        """What is true of the whole store now."""
        totals = store.description["totals"]
        self.clips = totals["clips"]
        self.frames = totals["frames"]
        self.store_audio_seconds = totals["audio_seconds"]
        self.failures = dict(store.failures)
        self.left_out |= {reason.removeprefix("select."): count for reason, count in store.left_out.items()}
        self.digest = store.digest
        parts = (store.description["manifest"]["size_bytes"], store.description["quarantine"]["size_bytes"])
        self.size_bytes = sum(shard.size_bytes for shard in store.shards.values()) + sum(parts)

    def note_part(self, part: Part, plan: Plan, failures: Iterable[Failure]) -> None:
        """What is true of a part's shards now."""
        self.part = str(part)
        self.clips = plan.clips
        self.shards, self.shards_in_all = len(plan.tasks) + len(plan.kept), len(plan.places)
        reasons = Counter((failure.is_by_choice, failure.reason) for failure in failures)
        self.failures = {reason: count for (is_by_choice, reason), count in reasons.items() if not is_by_choice}
        for (is_by_choice, reason), count in reasons.items():
            if is_by_choice:
                self.left_out[reason.removeprefix("select.")] = count

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def exit_code(self) -> int:
        """0, or 3 where some clips are in quarantine or some of the source could not be listed.

        Of a part 0: whoever starts it again until it ends with 0 would do so in vain. What is published is judged.
        """
        if self.part:
            return 0
        return 3 if self.failures or self.left_out.get("unreadable folders") else 0

    @property
    def bottleneck(self) -> Bottleneck | None:
        """What bounds the run, if it did anything."""
        if not self.decoded or not self.engine_seconds:
            return None
        lane_seconds = {
            START_UP: self.waiting_seconds,
            DECODE: self.decode_seconds,
            COMPUTE: self.compute_seconds,
            WRITE: self.write_seconds,
            COPY: self.copy_seconds,
        }
        run = Occupancy(
            wall_seconds=self.wall_seconds,
            plan_seconds=self.plan_seconds,
            engine_seconds=self.engine_seconds,
            lane_seconds=lane_seconds,
            cpu_seconds=self.cpu_seconds,
            workers=self.workers,
            cores=self.cores,
            clips=self.decoded,
            ffmpeg_share=self.ffmpeg_audio_seconds / self.audio_seconds if self.audio_seconds else 0.0,
            store_format=self.store_format,
            compression=self.compression,
            is_short_of_memory=self.is_short_of_memory,
        )
        return bottleneck_of(run)

    def metrics(self) -> dict[str, Any]:
        """The figures as JSON-ready values, for ``--metrics``."""
        values = asdict(self)
        values["failed"] = self.failed
        values["exit_code"] = self.exit_code
        values["bound_by"] = asdict(self.bottleneck) if self.bottleneck else None
        values["x_real_time"] = self.audio_seconds / self.wall_seconds if self.wall_seconds else 0.0
        return values

    def summary(self) -> str:
        """The text that a run ends with."""
        lines = [self._what()]
        if self.reasons:
            lines.append(f"  decoded   {self.decoded:,} of {sum(self.reasons.values()):,}{_why(self.reasons)}")
        if self.parts:
            lines.append(f"  published {counted(self.shards, 'shard')}, of {counted(self.parts, 'part')}")
        else:
            lines.append(f"  reused    {self.reused:,}{'' if self.reasons or self.deleted else ' (nothing to do)'}")
        if self.deleted and not self.part:
            lines.append(f"  deleted   {self.deleted:,} (no longer in the source)")
        lines.append(f"  failed    {self.failed:,}{_why(self.failures)}")
        lines += [f"            {example}" for example in self.failure_examples]
        if self.retries:
            lines.append(f"  retried   {counted(self.retries, 'time')}, for reasons that may pass")
        left_out = {what: count for what, count in self.left_out.items() if count}
        if left_out:
            lines.append(f"  left out  {sum(left_out.values()):,}{_why(left_out)}")
        if self.decoded:
            lines.append(f"  time      {self._time()}")
        if self.bottleneck:
            lines.append(f"  bound by  {self.bottleneck.text()}")
        lines += [f"  warning   {warning}" for warning in self.warnings]
        if self.part:
            lines.append(f"  next      audiofeat commit {self.store}, once all parts have ended: nothing is published")
            return "\n".join(lines)
        lines.append(f"  digest    {self.digest}")
        if self.failed:
            lines.append(f"  see {self.store}/quarantine.jsonl for all that failed, and what to do about it")
        return "\n".join(lines)

    def _what(self) -> str:
        if self.part:
            shards = f"{counted(self.shards, 'shard')} of {self.shards_in_all:,}"
            return f"{self.store}, part {self.part}: {shards}, all finished, {counted(self.clips, 'clip')}"
        return (
            f"{self.store}: {counted(self.clips, 'clip')}, {duration_text(self.store_audio_seconds)}, "
            f"{counted(self.frames, 'frame')}, {size_text(self.size_bytes)}"
        )

    def _time(self) -> str:
        stages = {"decode": self.decode_seconds, "compute": self.compute_seconds, "write": self.write_seconds}
        total = sum(stages.values()) or 1.0
        shares = ", ".join(f"{name} {100 * seconds / total:.0f} %" for name, seconds in stages.items())
        speed = f"{self.audio_seconds / self.wall_seconds:,.0f} x real time" if self.wall_seconds else ""
        return f"{self.wall_seconds:.1f} s, {speed} (start-up {self.start_up_seconds:.1f} s; {shares})"


def listing_warnings(listing: Listing) -> list[str]:
    """What somebody should know of how the source was listed."""
    return [
        *listing.warnings,
        *(
            f"the folder {name} could not be listed: what the store has of it stays, what is new in it is missing"
            for name in listing.unreadable
        ),
        *(f"the link {name} leads to a folder above itself, and was not followed" for name in listing.loops),
    ]


def _why(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    return " (" + ", ".join(f"{reason} {count:,}" for reason, count in Counter(counts).most_common()) + ")"


def duration_text(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:,.2f} h"


def size_text(size_bytes: float) -> str:
    """A size in the unit that suits it."""
    if size_bytes < 1e3:
        return f"{size_bytes:.0f} B"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 999_950 else f"{size_bytes / 1e6:,.1f} MB"
