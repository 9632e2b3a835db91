"""One clip: whether its known result stands or it is decoded, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from audiofeat.config import Limits, Select
from audiofeat.decode import Shared
from audiofeat.errors import ClipError
from audiofeat.identity import identify, is_trusted
from audiofeat.known import Known
from audiofeat.records import Clip, ClipRow, Failure, Fingerprint, Member, excerpt_text
from audiofeat.selection import is_wanted
from audiofeat.source import source_name
from audiofeat.tasks import ClipTask, Reuse


class Reason(NamedTuple):
    """Why a clip is decoded."""

    kind: Literal["new", "changed", "stale config", "tried again"]
    """The source has it for the first time; has changed it; its result was made with other settings, decoders or
    limits; or the same is to be tried once more."""
    words: str


_NEW = Reason("new", "new")
_CHANGED = Reason("changed", "changed")
_EXCERPT = Reason("changed", "span or channel changed")
_LIMITS = Reason("stale config", "limits changed")
_SELECT = Reason("stale config", "select or limits changed")
_UNREADABLE = Reason("changed", "cannot be read any more")
_LOST = Reason("tried again", "lost or damaged in the store")
_RETRIED = Reason("tried again", "failed before, tried again")


def _stale(because: Sequence[str]) -> Reason | None:
    """What is said of a clip whose result was made with other settings."""
    if not because:
        return None
    lines = "; ".join(because)
    is_more = all(line.startswith("feature ") and line.endswith(" added") for line in because)
    return Reason("stale config", lines if is_more else f"settings changed ({lines})")


class Chooser:
    """Decides for each clip: use its known result, or decode it, and why."""

    def __init__(
        self,
        known: Known,
        *,
        root: str,
        decoders: set[str],
        limits: Limits,
        select: Select,
        now_ns: int,
        is_repair: bool,
    ) -> None:
        self._known = known
        self._root = root
        self._decoders = decoders
        self._limits = limits
        self._select = select
        self._now_ns = now_ns
        self._is_repair = is_repair
        self._stale = _stale(known.stale_because)
        self._shared = Shared()
        self._identified: dict[str, tuple[str | None, Fingerprint] | None] = {}
        """By key; only what :meth:`identify_rows` has looked at."""
        self.decoded: list[tuple[Clip, Reason]] = []
        self.lost: list[str] = []
        self.fingerprints: dict[str, Fingerprint] = {}

    def identify_rows(self, clips: Iterable[Clip], *, checkpoint: Callable[[], None]) -> None:
        """Hash what must be hashed of Parquet files, in the order of their rows: going back in one is slow."""
        rows = [
            (clip.path, clip.member.offset, clip.member, clip.key)
            for clip in clips
            if clip.member is not None
            and clip.member.column is not None
            and clip.key in self._known.clips
            and self._known.fingerprints.get(clip.key) != clip.fingerprint
        ]
        for path, _, member, key in sorted(rows, key=lambda row: row[:2]):
            checkpoint()
            self._identified[key] = self._identity(path, member)

    def choose(self, clip: Clip) -> ClipTask:
        known = self._known.clips.get(clip.key)
        reason = self._reason_to_decode(clip, known)
        if known is None or reason is not None:
            self.decoded.append((clip, reason or _NEW))
            return ClipTask(clip.key, clip.path, clip.excerpt, clip.member)
        if known.missing:
            self.decoded.append(
                (clip, self._stale or Reason("stale config", f"{', '.join(known.missing)} not made yet"))
            )
        # The name may have changed where the key has not: x.wav is now x.wave.
        source = source_name(clip.path, clip.member)
        reuse = replace(
            known,
            rows=tuple(row if row.source == source else replace(row, source=source) for row in known.rows),
            failures=tuple(replace(failure, source=source) for failure in known.failures),
            fingerprint=self.fingerprints.get(clip.key),
        )
        return ClipTask(clip.key, clip.path, clip.excerpt, clip.member, reuse)

    def _reason_to_decode(self, clip: Clip, known: Reuse | None) -> Reason | None:
        """Why a clip must be decoded for all features; None where its known result stands, be it for some of them."""
        if known is None:
            return (self._stale or _LOST) if clip.key in self._known.keys else _NEW
        results: tuple[ClipRow | Failure, ...] = (*known.rows, *known.failures)
        if self._is_repair:
            return self._reason_to_repair(clip, results)
        if clip.key in self._known.unlisted:
            self._keep_fingerprint(clip)
            return None
        if clip.key in self._known.again:
            return Reason("tried again", self._known.again[clip.key])
        excerpt = excerpt_text(clip.excerpt)
        if any(result.excerpt != excerpt for result in results):
            return _EXCERPT
        if any(_may_pass_now(failure) for failure in known.failures):
            if clip.key not in self._known.settled:
                return _RETRIED
            if results[0].source_digest is None:  # nothing was read that could have changed
                return None
        if not all(self._is_within_limits(row) for row in known.rows):
            return _LIMITS
        if known.rows and self._is_too_large(clip):
            return _LIMITS if self._known.fingerprints.get(clip.key) == clip.fingerprint else _CHANGED
        if clip.key in self._known.judged_otherwise or not all(self._is_selected(row) for row in known.rows):
            return _SELECT
        other = self._other_decoder(results)
        if other is not None:
            return Reason("stale config", f"decoder changed (was {other})")
        if self._is_unchanged(clip, results[0].source_digest):
            return None
        if known.rows and self._identify(clip) is None:
            self.lost.append(clip.key)
            return _UNREADABLE
        return _CHANGED

    def _reason_to_repair(self, clip: Clip, results: Sequence[ClipRow | Failure]) -> Reason | None:
        """Only what is damaged is made again, and only of the very bytes and by the decoder that it was made of."""
        if clip.key not in self._known.again:
            self._keep_fingerprint(clip)
            return None
        if not self._is_unchanged(clip, results[0].source_digest) or self._other_decoder(results) is not None:
            self.lost.append(clip.key)
        return Reason("tried again", self._known.again[clip.key])

    def _keep_fingerprint(self, clip: Clip) -> None:
        fingerprint = self._known.fingerprints.get(clip.key)
        if fingerprint is not None:
            self.fingerprints[clip.key] = fingerprint

    def _other_decoder(self, results: Iterable[ClipRow | Failure]) -> str | None:
        """A decoder of the results that is not at hand any more."""
        used = {result.decoder for result in results if result.decoder is not None}
        return min(used - self._decoders, default=None)

    def _is_within_limits(self, row: ClipRow) -> bool:
        limits = self._limits
        return (
            (row.source_seconds or row.duration_seconds) <= limits.max_seconds
            and row.channels <= limits.max_channels
            and limits.min_sample_rate <= row.sample_rate <= limits.max_sample_rate
        )

    def _is_too_large(self, clip: Clip) -> bool:
        if clip.member is None:
            return clip.size_bytes > self._limits.max_bytes
        return clip.member.column is None and clip.member.size_bytes > self._limits.max_bytes  # in Parquet, a mean

    def _is_selected(self, row: ClipRow) -> bool:
        return is_wanted(row.duration_seconds, self._select)

    def _is_unchanged(self, clip: Clip, source_digest: str | None) -> bool:
        now = clip.fingerprint
        if self._known.fingerprints.get(clip.key) != now:
            found = self._identify(clip) if source_digest else None
            if found is None or found[0] != source_digest:
                return False
            now = found[1]
        if is_trusted(now, read_at_ns=self._now_ns):
            self.fingerprints[clip.key] = now
        return True

    def _identify(self, clip: Clip) -> tuple[str | None, Fingerprint] | None:
        if clip.key in self._identified:
            return self._identified[clip.key]
        return self._identity(clip.path, clip.member)

    def _identity(self, path: str, member: Member | None) -> tuple[str | None, Fingerprint] | None:
        place = os.path.join(self._root, path)
        return identify(place, member, shared=self._shared, max_bytes=self._limits.max_bytes)


def _may_pass_now(failure: Failure) -> bool:
    """Whether a failure may be none this time, though the file is the same: the machine's fault."""
    return ClipError(failure.reason, failure.message).is_transient
