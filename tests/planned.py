"""A folder of files, and what an earlier run left of them, for tests of planning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audiofeat.borders import shard_borders
from audiofeat.config import Limits, Select
from audiofeat.identity import identify
from audiofeat.known import Known
from audiofeat.plan import Plan, make_plan
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint
from audiofeat.tasks import Reuse, ShardEntry

NOW_NS = 4_000_000_000_000_000_000  # in the year 2096: whatever a test writes now lies in the past of its scan
DECODER = "soundfile 0.14"


class Source:
    """A folder of files, and the results that an earlier run left of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known = Known()
        self.clips: list[Clip] = []

    def add(self, key: str, content: bytes = b"sound") -> Clip:
        path = self.root / f"{key}.wav"
        path.write_bytes(content)
        return self.list(key)

    def list(self, key: str) -> Clip:
        """Put the file on the listing as it is now."""
        status = (self.root / f"{key}.wav").stat()
        clip = Clip(key, f"{key}.wav", status.st_size, status.st_ctime_ns, status.st_ino)
        self.clips = sorted([*(each for each in self.clips if each.key != key), clip], key=lambda each: each.key)
        return clip

    def finish(self, *, failing: Sequence[str] = (), reason: str = "input.truncated", name: str = "shard.h5") -> None:
        """As if a run had done all clips in one shard, ``failing`` excepted."""
        (slot, _), *others = shard_borders(self.clips, shard_clips=1_000_000)
        assert not others
        done = [clip for clip in self.clips if clip.key not in failing]
        for clip in self.clips:
            found = identify(str(self.root / clip.path))
            assert found is not None
            digest = found[0]
            if clip.key in failing:
                failure = Failure(clip.key, clip.path, reason, "broken", "", digest, DECODER)
                self.known.clips[clip.key] = Reuse(None, (), (failure,), None)
            else:
                self.known.clips[clip.key] = Reuse(name, (row_of(clip, digest),), (), None)
            self.known.fingerprints[clip.key] = Fingerprint(clip.size_bytes, clip.ctime_ns, clip.inode)
            self.known.keys.add(clip.key)
        if done:
            self.known.shards[name] = ShardEntry(name, slot, 100, "00", len(done), 10 * len(done), "hdf5-3")

    def plan(
        self,
        *,
        decoders: Sequence[str] = (DECODER,),
        packing: str = "hdf5-3",
        limits: Limits | None = None,
        select: Select | None = None,
        now_ns: int = NOW_NS,
    ) -> Plan:
        return make_plan(
            self.clips,
            self.known,
            root=str(self.root),
            features=(),
            shard_clips=1_000_000,
            packing=packing,
            decoders=decoders,
            limits=limits or Limits(),
            select=select or Select(),
            now_ns=now_ns,
        )


def row_of(clip: Clip, source_digest: str) -> ClipRow:
    return ClipRow(
        key=clip.key,
        source=clip.path,
        start_seconds=None,
        end_seconds=None,
        channel=None,
        sample_rate=16_000,
        channels=1,
        duration_seconds=1.0,
        frames=10,
        row_offset=0,
        source_digest=source_digest,
        decoder=DECODER,
        peak=0.5,
        rms=0.1,
        clipped_share=0.0,
        silent_share=0.0,
        feature_digest="00",
    )


def to_decode(plan: Plan) -> list[str]:
    clips = [clip for task in plan.tasks for clip in task.clips]
    return [clip.key for clip in clips if clip.is_decoded]
