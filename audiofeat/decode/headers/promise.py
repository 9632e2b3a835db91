"""The sentences that all header checks share: too short, empty, not consistent."""

from __future__ import annotations

from audiofeat.errors import ClipError

_MOST_CHANNELS = 1024  # libsndfile's bound; ffmpeg's is lower
_HIGHEST_RATE_HZ = 2**31 - 1


def truncated(*, declared: int, held: int, unit: str = "frames") -> ClipError:
    """The header promises ``declared`` frames (or bytes) and the file ends after ``held``."""
    if held <= 0:
        return no_samples(f"the header declares {declared} {unit} and none follows")
    return ClipError(
        "input.truncated",
        f"the header declares {declared} {unit}, the file holds {held} ({100 * held // declared} %)",
        hint="fetch or make the file again",
    )


def no_samples(found: str) -> ClipError:
    """The file is a header and nothing more."""
    return ClipError("input.no-samples", f"no samples: {found}", hint="fetch the file again, or leave it out")


def bad_header(found: str) -> ClipError:
    """The header contradicts itself, so that decoding would give noise."""
    return ClipError("input.bad-header", f"the header cannot be right: {found}", hint="make the file again")


def check_channels_and_rate(*, channels: int, sample_rate: float) -> None:
    """Refuse no channels, a rate that is not positive, and more of either than decoders take."""
    if channels < 1:
        raise bad_header(f"{channels} channels")
    if channels > _MOST_CHANNELS:
        raise ClipError(
            "limit.channels",
            f"{channels} channels; decoders take at most {_MOST_CHANNELS}",
            hint="make the file again, with fewer channels",
        )
    if not sample_rate >= 1:  # also NaN, which two formats can write
        raise bad_header(f"sample rate {sample_rate:g} Hz")
    if sample_rate > _HIGHEST_RATE_HZ:
        raise ClipError(
            "limit.sample-rate",
            f"sample rate {sample_rate:.0f} Hz; decoders take at most {_HIGHEST_RATE_HZ} Hz",
            hint="make the file again, with its true sample rate",
        )
