"""The bounds that a clip must keep, whatever its header claims.

A few kilobytes can decode to hours of sound (a hand-written FLAC reaches 60,000 : 1), so each bound is checked
against the header before decoding and against the decoded samples while they come.
"""

from __future__ import annotations

from typing import Protocol

from audiofeat.errors import ClipError


class Limits(Protocol):
    """The part of the configuration that decoding looks at."""

    @property
    def max_bytes(self) -> int: ...
    @property
    def max_seconds(self) -> float: ...
    @property
    def max_channels(self) -> int: ...
    @property
    def min_sample_rate(self) -> int: ...
    @property
    def max_sample_rate(self) -> int: ...


def check_size(size_bytes: int, *, max_bytes: int) -> None:
    """Refuse a file by its size alone: hashing a sparse file of a terabyte would take an hour, and hold nothing.

    Raises:
        ClipError: ``limit.bytes``.
    """
    if size_bytes > max_bytes:
        raise ClipError(
            "limit.bytes",
            f"{size_bytes:,} bytes; at most {max_bytes:,} are allowed, and it was not read",
            hint="raise limits.max_bytes if the file is right",
        )


def check_format(*, channels: int, sample_rate: int, limits: Limits) -> None:
    """Refuse a channel count or a sample rate (Hz) outside the limits.

    Raises:
        ClipError: ``input.bad-header`` for none at all, ``limit.channels`` or ``limit.sample-rate`` otherwise.
    """
    if channels < 1:
        raise ClipError("input.bad-header", f"the header declares {channels} channels; audio has at least 1")
    if sample_rate < 1:
        raise ClipError("input.bad-header", f"the header declares a sample rate of {sample_rate} Hz")
    if channels > limits.max_channels:
        raise ClipError(
            "limit.channels",
            f"{channels} channels; at most {limits.max_channels} are allowed",
            hint="raise limits.max_channels if the file is right",
        )
    if not limits.min_sample_rate <= sample_rate <= limits.max_sample_rate:
        raise ClipError(
            "limit.sample-rate",
            f"sample rate {sample_rate} Hz; {limits.min_sample_rate} to {limits.max_sample_rate} Hz are allowed",
            hint="change limits.min_sample_rate or limits.max_sample_rate if the file is right",
        )


def max_frames(*, sample_rate: int, limits: Limits) -> int:
    """The most frames that a clip at ``sample_rate`` Hz may hold."""
    # A hair more, since 0.7 s at 22,050 Hz is 15,434.999... in floating point.
    return int(limits.max_seconds * sample_rate + 1e-6)


def check_declared(frames: int, *, sample_rate: int, limits: Limits) -> None:
    """Refuse a clip of which the header promises too much, before any of it is decoded.

    Raises:
        ClipError: ``limit.duration``.
    """
    if frames > max_frames(sample_rate=sample_rate, limits=limits):
        raise too_long(seen_frames=frames, sample_rate=sample_rate, limits=limits, verb="declares")


def too_long(*, seen_frames: int, sample_rate: int, limits: Limits, verb: str) -> ClipError:
    """The error for a clip that ``declares`` or ``holds`` more than the limit."""
    return ClipError(
        "limit.duration",
        f"{verb} {seen_frames / sample_rate:.1f} s; at most {limits.max_seconds:g} s are allowed",
        hint="raise limits.max_seconds if the file is right, or cut it into spans",
    )
