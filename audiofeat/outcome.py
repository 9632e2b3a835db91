"""One clip of the source between its first sample and its last row: what it was cut into, until all of that is done.

The tapes give rows back when they are full, which may be long after a clip's last sample; and what a clip's file is
(whole, unchanged, so long) is known only when its last sample has been read. An outcome is handed in when both are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from audiofeat.config import Audio
from audiofeat.decode import ClipAudio
from audiofeat.dsp.levels import Levels
from audiofeat.errors import ClipError
from audiofeat.pieces import Piece
from audiofeat.records import ClipRow, Failure, Fingerprint, excerpt_text
from audiofeat.selection import LeftOutError
from audiofeat.shard import ClipResult, FinishedClip
from audiofeat.source import source_name
from audiofeat.store.digests import clip_digest
from audiofeat.store.rows import Rows
from audiofeat.tasks import ClipTask


@dataclass(slots=True, eq=False)
class _Part:
    """A piece on its way through the programs."""

    piece: Piece
    levels: Levels
    features: Mapping[str, Rows] | None = None


def failure_of(task: ClipTask, error: ClipError, *, source_digest: str | None) -> Failure:
    """What the quarantine says of a clip of the source that could not be done."""
    return Failure(
        key=task.key,
        source=source_name(task.path, task.member),
        reason=error.reason,
        message=error.problem,
        hint=error.hint,
        source_digest=source_digest,
        decoder=error.decoder,
        excerpt=excerpt_text(task.excerpt),
    )


class Outcome:
    """Gathers the clips that one clip of the source becomes."""

    def __init__(self, task: ClipTask, settings: Audio, *, hand_in: Callable[[ClipResult], None]) -> None:
        self.task = task
        self._settings = settings
        self._hand_in = hand_in
        self._parts: list[_Part] = []
        self._left_out: list[tuple[_Part, LeftOutError]] = []
        self._missing = 0
        self._is_dropped = False
        self._audio: ClipAudio | None = None
        self._fingerprint: Fingerprint | None = None

    def expect(self, piece: Piece, levels: Levels) -> Callable[[Mapping[str, Rows]], None]:
        """A piece has been laid; what is returned takes its features when they are done."""
        part = _Part(piece, levels)
        self._parts.append(part)
        self._missing += 1

        def done(features: Mapping[str, Rows]) -> None:
            part.features = features
            self._missing -= 1
            if self._is_dropped:
                _release(part)
            else:
                self._hand_in_if_complete()

        return done

    def leave_out(self, piece: Piece, levels: Levels, error: LeftOutError) -> None:
        """The configuration does not want a piece."""
        self._left_out.append((_Part(piece, levels), error))

    def close(self, audio: ClipAudio, *, fingerprint: Fingerprint | None) -> None:
        """All of the clip has been decoded without a fault. ``fingerprint`` where it may be trusted."""
        self._audio, self._fingerprint = audio, fingerprint
        self._hand_in_if_complete()

    def drop(self) -> None:
        """Forget the clip: decoding failed, so what it gave before does not count."""
        self._is_dropped = True
        for part in self._parts:
            _release(part)

    def duration_of(self, piece: Piece, levels: Levels, audio: ClipAudio) -> float:
        """The length of a piece in seconds, once it has been read."""
        return levels.n_samples / audio.sample_rate if self._is_cut else audio.duration_seconds

    def _hand_in_if_complete(self) -> None:
        audio = self._audio
        if audio is None or self._missing:
            return
        finished = tuple(self._finished(part, audio) for part in self._parts)
        failures = tuple(self._failure(part, error, audio) for part, error in self._left_out)
        if not finished and not failures:
            raise ValueError(f"nothing became of {self.task.key!r}")
        self._hand_in(ClipResult(finished, failures, self._fingerprint))

    def _finished(self, part: _Part, audio: ClipAudio) -> FinishedClip:
        if part.features is None:
            raise ValueError("a piece's features are missing")
        start_seconds, end_seconds = self._span(part, audio)
        key = self._key(part, audio)
        levels = part.levels
        row = ClipRow(
            key=key,
            source=source_name(self.task.path, self.task.member),
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            channel=part.piece.channel,
            sample_rate=audio.native_sample_rate,
            channels=audio.channels,
            duration_seconds=self.duration_of(part.piece, levels, audio),
            frames=next(iter(part.features.values())).n_rows,
            row_offset=0,
            source_digest=audio.source_digest,
            decoder=audio.decoder,
            peak=levels.peak,
            rms=levels.rms,
            clipped_share=levels.clipped_share,
            silent_share=levels.silent_share,
            feature_digest=clip_digest(part.features),
            parent=self._parent(key),
            excerpt=excerpt_text(self.task.excerpt),
            source_seconds=audio.duration_seconds if self._is_cut else None,
        )
        return FinishedClip(row, part.features)

    def _failure(self, part: _Part, error: LeftOutError, audio: ClipAudio) -> Failure:
        key = self._key(part, audio)
        return replace(
            failure_of(self.task, error, source_digest=audio.source_digest),
            key=key,
            decoder=audio.decoder,
            parent=self._parent(key),
            duration_seconds=self.duration_of(part.piece, part.levels, audio),
        )

    @property
    def _is_cut(self) -> bool:
        """Whether a clip of the store may be less than what was decoded."""
        return self._settings.chunk_seconds is not None or self._settings.trim_db is not None

    def _parent(self, key: str) -> str | None:
        return self.task.key if key != self.task.key else None

    def _key(self, part: _Part, audio: ClipAudio) -> str:
        key = self.task.key
        if self._settings.chunk_seconds is not None:
            start_seconds, end_seconds = self._place(part, audio)
            key += f"@{round(start_seconds * 1000)}-{round(end_seconds * 1000)}"
        if self._settings.channels == "each" and part.piece.channel is not None:
            key += f"#{part.piece.channel}"
        return key

    def _span(self, part: _Part, audio: ClipAudio) -> tuple[float | None, float | None]:
        """Where in the file a piece lies; (None, None) for all of it."""
        return self._place(part, audio) if self._is_cut else (audio.start_seconds, audio.end_seconds)

    def _place(self, part: _Part, audio: ClipAudio) -> tuple[float, float]:
        start_seconds = (audio.start_seconds or 0.0) + part.piece.start_sample / audio.sample_rate
        return start_seconds, start_seconds + part.levels.n_samples / audio.sample_rate


def _release(part: _Part) -> None:
    for rows in (part.features or {}).values():
        rows.release()
