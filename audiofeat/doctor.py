"""What this machine has and lacks: TensorFlow, GPU, decoders, formats that work, free disk."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import soundfile

from audiofeat.config import Limits
from audiofeat.decode import decoder_versions, find_ffmpeg, open_clip
from audiofeat.device import gpu_is_visible, usable_cores
from audiofeat.engine.child import worker_environment
from audiofeat.errors import AudioFeatError, ClipError

_PACKAGES = (
    "tensorflow",
    "numpy",
    "soundfile",
    "soxr",
    "h5py",
    "pyarrow",
    "pydantic",
    "blake3",
    "ffmpeg-python",
    "imageio-ffmpeg",
)
_SYSTEMS = ("Linux", "Darwin")

# One program of the kind that audiofeat compiles, on each device.
_TENSORFLOW_PROBE = """
import tensorflow as tf
tf.config.experimental.enable_tensor_float_32_execution(False)
program = tf.function(lambda x: tf.abs(tf.signal.rfft(x)), jit_compile=True)
for kind in ("CPU", "GPU"):
    for number, device in enumerate(tf.config.list_physical_devices(kind)):
        with tf.device(f"/{kind}:{number}"):
            program(tf.zeros([8, 512])).numpy()
        details = tf.config.experimental.get_device_details(device)
        print(kind, details.get("device_name", "XLA works"), sep="\\t")
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    text: str
    is_problem: bool = False
    """Whether extract would fail, or lose some kind of input, because of it."""
    is_fine: bool = True
    """False for what is neither a problem nor found to work."""


def examine(folder: Path) -> Iterator[Finding]:
    """Examine this machine, and the disk that ``folder`` is on; the slow parts come last."""
    system = platform.system()
    supported = system in _SYSTEMS
    yield Finding("system", f"{platform.platform()}, Python {platform.python_version()}", is_problem=not supported)
    if not supported:
        yield Finding("system", f"audiofeat does not run on {system}: use Linux, or WSL 2 on Windows", is_problem=True)
    yield Finding("cores", f"{usable_cores()}")
    usage = shutil.disk_usage(folder)
    yield Finding("disk", f"{usage.free / 1e9:,.1f} GB free at {folder}", is_problem=usage.free < 1e8)
    yield from _packages()
    yield from _decoders()
    yield from _tensorflow()


def _packages() -> Iterator[Finding]:
    for package in _PACKAGES:
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, f"not installed: pip install {package}", is_problem=True)


def _decoders() -> Iterator[Finding]:
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        yield Finding(
            "ffmpeg", "not found: pip install imageio-ffmpeg, or name one in AUDIOFEAT_FFMPEG", is_problem=True
        )
    try:
        for program, version in decoder_versions(ffmpeg).items():
            yield Finding("decoder", version + (f" at {ffmpeg}" if program == "ffmpeg" else ""))
    except AudioFeatError as error:
        yield Finding("ffmpeg", str(error), is_problem=True)
        ffmpeg = None
    with tempfile.TemporaryDirectory() as folder:
        for name, make in _samples(Path(folder), ffmpeg):
            yield _try_format(name, make, ffmpeg)


def _samples(folder: Path, ffmpeg: str | None) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Formats, each with a function that makes a file of it: half a second of a tone."""
    tone = (0.5 * np.sin(2 * np.pi * 440 / 16_000 * np.arange(8_000))).astype(np.float32)
    source = folder / "tone.wav"
    soundfile.write(source, tone, 16_000)
    yield "wav", lambda: source
    for suffix, subtype in (
        ("flac", "PCM_16"),
        ("ogg", "VORBIS"),
        ("opus", "OPUS"),
        ("mp3", "MPEG_LAYER_III"),
        ("aiff", "PCM_16"),
    ):

        def by_soundfile(suffix: str = suffix, subtype: str = subtype) -> Path:
            kind = {"opus": "OGG"}.get(suffix, suffix.upper())
            soundfile.write(folder / f"tone.{suffix}", tone, 16_000, format=kind, subtype=subtype)
            return folder / f"tone.{suffix}"

        yield suffix, by_soundfile
    if ffmpeg is None:
        return
    for suffix, codec in (("m4a", "aac"), ("wma", "wmav2"), ("webm", "libopus"), ("mkv", "flac"), ("mp4", "aac")):

        def by_ffmpeg(suffix: str = suffix, codec: str = codec) -> Path:
            target = folder / f"tone.{suffix}"
            command = [ffmpeg, "-nostdin", "-v", "error", "-y", "-i", str(source), "-c:a", codec, str(target)]
            subprocess.run(command, check=True, capture_output=True)
            return target

        yield suffix, by_ffmpeg


def _try_format(name: str, make: Callable[[], Path], ffmpeg: str | None) -> Finding:
    try:
        path = make()
    except (OSError, RuntimeError, subprocess.CalledProcessError):
        return Finding("format", f"{name}: not tried, since this machine cannot write a sample of it", is_fine=False)
    try:
        with open_clip(str(path), sample_rate=16_000, limits=Limits(), ffmpeg=ffmpeg) as clip:
            seconds = sum(len(block) for block in clip) / 16_000
            return Finding("format", f"{name}: works ({clip.decoder}, {seconds:.2f} s)")
    except ClipError as error:
        return Finding("format", f"{name}: {error.reason}, {error}", is_problem=True)


def _tensorflow() -> Iterator[Finding]:
    """Compile and run a program in a process of its own: a broken installation may end its process."""
    environment = worker_environment(os.environ, device="gpu" if gpu_is_visible(os.environ) else "cpu")
    answer = subprocess.run(
        [sys.executable, "-c", _TENSORFLOW_PROBE], env=environment, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no word"])[-1]
        yield Finding("TensorFlow", f"cannot compute (exit status {answer.returncode}): {last}", is_problem=True)
        return
    devices = [line.split("\t") for line in answer.stdout.splitlines() if "\t" in line]
    yield Finding("TensorFlow", "compiles and runs on " + ", ".join(f"{kind} ({name})" for kind, name in devices))
    if all(kind != "GPU" for kind, _ in devices):
        yield Finding(
            "GPU", "none that TensorFlow sees; pip install 'audiofeat[gpu]' where there is one", is_fine=False
        )
