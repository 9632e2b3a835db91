"""What of a configuration cannot go into a graph that sees samples and no files, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from audiofeat.config import Config
from audiofeat.errors import ConfigError


def check_fit(config: Config, *, sample_rate_hz: int | None = None) -> None:
    """Refuse a configuration that gives other features, or other clips, than its samples alone tell.

    Resampling, mixing and the choice of clips are done before a graph sees anything, so they are no matter here: it
    takes one channel at the configuration's rate.

    Raises:
        ConfigError: it cuts clips, adds noise that follows from their keys, or leaves their rate open.
    """
    refuse("a graph that is given samples cannot do all of this configuration", _problems(config, sample_rate_hz))


def refuse(what: str, problems: Iterable[tuple[str, str]]) -> None:
    """Raises ConfigError with all problems and their ways out at once, if there are any."""
    told = list(problems)
    if told:
        found = "; ".join(problem for problem, _ in told)
        hint = ", ".join(dict.fromkeys(way_out for _, way_out in told))
        raise ConfigError(f"{what}: {found}", hint=hint)


def check_fit_for_tflite(config: Config) -> None:
    """Refuse what TFLite's operations cannot do.

    Raises:
        ConfigError: its FFT takes float32 and powers of two only, and it hardly knows complex numbers.
    """
    if config.compute.precision != "float32":
        raise ConfigError(
            f"compute.precision is {config.compute.precision}, and TFLite has float32 only",
            hint="--set compute.precision=float32, or --to savedmodel",
        )
    n_fft = config.frame.n_fft
    if n_fft & (n_fft - 1):
        raise ConfigError(
            f"frame.n_fft is {n_fft}, and the FFT of TFLite takes powers of two only", hint="--to savedmodel"
        )
    if "stft" in config.features:
        raise ConfigError("the feature stft is complex, which TFLite cannot cut into clips", hint="--to savedmodel")


def check_rate(sample_rate_hz: Any) -> None:
    """Raises ConfigError where a rate is none."""
    if sample_rate_hz is not None and (not isinstance(sample_rate_hz, int) or sample_rate_hz <= 0):
        raise ConfigError(
            f"sample_rate_hz is {sample_rate_hz!r}; wanted is a whole number above 0", hint="sample_rate_hz=16000"
        )


def _problems(config: Config, sample_rate_hz: int | None) -> Iterator[tuple[str, str]]:
    audio = config.audio
    if audio.sample_rate == "native" and sample_rate_hz is None:
        yield (
            "audio.sample_rate is native, and a graph has one rate",
            "--set audio.sample_rate=16000, or whatever the waveforms have",
        )
    if audio.sample_rate != "native" and sample_rate_hz not in (None, audio.sample_rate):
        yield (
            f"audio.sample_rate is {audio.sample_rate} and {sample_rate_hz} Hz were asked for; it does not resample",
            "resample the waveforms before",
        )
    if audio.chunk_seconds is not None:
        yield (
            f"audio.chunk_seconds is {audio.chunk_seconds:g}, which makes several clips of one",
            "--set audio.chunk_seconds=null and waveforms that are chunks already",
        )
    if audio.trim_db is not None:
        yield (
            f"audio.trim_db is {audio.trim_db:g}, which cuts silence off files",
            "--set audio.trim_db=null and waveforms that are trimmed already",
        )
    if audio.dither:
        yield (
            f"audio.dither is {audio.dither:g}, whose noise follows from each clip's key",
            "--set audio.dither=0",
        )
