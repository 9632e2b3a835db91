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
from audiofeat.dsp.levels import LARGEST_PEAK
from audiofeat.engine.child import worker_environment
from audiofeat.errors import ClipError, ConfigError, SourceError
from audiofeat.parity.check import check
from audiofeat.parity.signals import Clips
from audiofeat.parity.silence import silence
from audiofeat.parity.verdicts import Verdict


def presets_and_audio(names: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Tell presets from files of audio; without a preset, all are meant.

    Raises:
        ConfigError: a name is neither.
    """
    known = preset_names()
    presets = list(dict.fromkeys(name for name in names if name in known))
    audio = [name for name in names if name not in known]
    for name in audio:
        if os.path.isdir(name):
            raise ConfigError(f"{name} is a folder: name files", hint=f"{name}/*.wav")
        if os.path.exists(name) and not os.path.isfile(name):
            raise ConfigError(f"{name} is no regular file, and is read more than once", hint="write it to a file first")
        if not os.path.exists(name):
            near = did_you_mean(name, known)
            raise ConfigError(f"{name!r} is neither a preset nor a file{near}", hint="audiofeat presets")
    return presets or known, [Path(name) for name in audio]


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
    with silence():
        from audiofeat.frontend.program import use_device
    use_device(device)


def _clips(audio: Sequence[Path], preset: str) -> Clips:
    rate = load_config(preset).audio.sample_rate
    return {str(path): partial(decoded, path, sample_rate_hz=int(rate)) for path in audio}


def decoded(path: Path, *, sample_rate_hz: int | None) -> Samples:
    """The mean of a file's channels, at a sample rate or, with None, at its own: (n,) float32.

    Raises:
        SourceError: it cannot be decoded, or ``extract`` would refuse its samples.
    """
    try:
        with open_clip(str(path), sample_rate=sample_rate_hz, limits=Limits(), ffmpeg=find_ffmpeg()) as clip:
            samples = np.concatenate([block[:, 0] for block in clip])
    except ClipError as error:
        raise SourceError(f"{path}: {error.reason}, {error.problem}", hint=error.hint) from error
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak <= LARGEST_PEAK:
        raise SourceError(f"{path}: input.non-finite, samples reach {peak:.3g}", hint="write it again within -1..1")
    return samples
