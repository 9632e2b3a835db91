"""Many presets beside their libraries, on the synthesised signals or on somebody's own files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from audiofeat.config import Limits, did_you_mean, load_config, preset_names
from audiofeat.decode import find_ffmpeg, open_clip
from audiofeat.device import choose_device
from audiofeat.dsp.framing import Samples
from audiofeat.engine.process import worker_environment
from audiofeat.errors import ClipError, ConfigError, SourceError
from audiofeat.parity.check import Clips, Verdict, check
from audiofeat.parity.silence import silent_stderr


def presets_and_audio(names: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Tell presets from files of audio; without a preset, all are meant.

    Raises:
        ConfigError: a name is neither.
    """
    known = preset_names()
    presets = list(dict.fromkeys(name for name in names if name in known))
    audio = [Path(name) for name in names if name not in known]
    for path in audio:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder: name files", hint=f"{path}/*.wav")
        if not path.is_file():
            near = did_you_mean(str(path), known)
            raise ConfigError(f"{str(path)!r} is neither a preset nor a file{near}", hint="audiofeat presets")
    return presets or known, audio


def run(presets: Sequence[str], audio: Sequence[Path], *, device: str, golden_only: bool) -> Iterator[Verdict]:
    """Check presets, one after the other, in this process.

    Args:
        audio: files to compare on instead of the synthesised signals.
        device: ``auto``, ``cpu`` or ``gpu``.
    Raises:
        SourceError: a file cannot be decoded.
        ConfigError, MissingToolError: as :func:`audiofeat.device.choose_device`.
    """
    for path in audio:
        decoded(path, sample_rate_hz=None)  # before anything is computed
    chosen = choose_device(device, stored=None)
    compute_here(chosen)
    for preset in presets:
        yield check(preset, clips=_clips(audio, preset) if audio else None, golden_only=golden_only)


def compute_here(device: str) -> None:
    """Make this process compute as extract's workers do, on ``cpu`` or ``gpu``: before TensorFlow is imported."""
    environment = worker_environment(os.environ, device=device)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    with silent_stderr():
        from audiofeat.frontend.program import use_device
    use_device(device)


def _clips(audio: Sequence[Path], preset: str) -> Clips:
    rate = load_config(preset).audio.sample_rate
    return {str(path): partial(decoded, path, sample_rate_hz=int(rate)) for path in audio}


def decoded(path: Path, *, sample_rate_hz: int | None) -> Samples:
    """The mean of a file's channels, (n,), at a sample rate or at its own. Raises SourceError."""
    try:
        with open_clip(str(path), sample_rate=sample_rate_hz, limits=Limits(), ffmpeg=find_ffmpeg()) as clip:
            return np.concatenate([block[:, 0] for block in clip])
    except ClipError as error:
        raise SourceError(f"{path}: {error.reason}, {error.problem}", hint=error.hint) from error
