"""What a recording looks like: waveform, spectrum and the features of a configuration, for a browser to draw.

A browser's MediaRecorder makes WebM with Opus in it, which comes here as bytes and goes through ffmpeg by pipes, as far
as it has got: nothing touches the disk while somebody is still speaking. Features are those of ``audiofeat.Frontend``,
which are those that ``extract`` writes.
"""

from __future__ import annotations

import base64
import io
import math
import subprocess
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

import audiofeat

Samples = npt.NDArray[np.float32]

MOST_SECONDS = 30
"""Of a recording: what page.js stops at, and a little more. Eight megabytes of silence would be hours of samples."""
PATIENCE_SECONDS = 10
"""With ffmpeg, which takes tenths of one: meanwhile nobody else is served."""
MOST_COLUMNS, MOST_ROWS, N_POINTS = 600, 256, 300
LOWEST_HZ = 20
TINY = 1e-14
RANGES = {"dB": 80.0, "ln": 18.4, "log10": 8.0}
"""80 dB: how far below the loudest there is something to see."""


class NotASound(Exception):
    """Bytes that cannot be shown, with a word why."""


def decoded(webm: bytes) -> tuple[Samples, int]:
    """The samples of a recording, mixed to one channel as ``extract`` mixes them, and their rate in Hz.

    Raises:
        NotASound: it holds none (yet), or more than MOST_SECONDS.
    """
    # ffmpeg opens playlists and networks as readily as sound: it may take one format, and from the pipe alone.
    stream = ffmpeg.input("pipe:0", format="matroska", protocol_whitelist="pipe", codec_whitelist="opus,libopus")
    # AU: its header, unlike that of WAV, need not say how much will follow.
    stream = stream["a:0"].output("pipe:1", format="au", acodec="pcm_f32be", t=MOST_SECONDS + 1)
    command = ffmpeg.compile(stream, imageio_ffmpeg.get_ffmpeg_exe())
    try:
        done = subprocess.run(command, input=webm, capture_output=True, check=False, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotASound(f"ffmpeg was not done with it in {PATIENCE_SECONDS} s") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotASound(f"ffmpeg finds no sound in it: {last}")
    samples, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float32", always_2d=True)
    if not len(samples):
        raise NotASound("there is nothing in it yet")
    if len(samples) > MOST_SECONDS * rate_hz:
        raise NotASound(f"it is longer than {MOST_SECONDS} seconds")
    return samples.mean(axis=1), rate_hz


class Panels:
    """Draws for one configuration; its program is traced once, so that a refresh takes milliseconds."""

    def __init__(self, config: str | Path) -> None:
        self.frontend = audiofeat.Frontend(config)
        self.of(np.zeros(self.frontend.sample_rate_hz, np.float32), self.frontend.sample_rate_hz)

    def features(self, samples: Samples, rate_hz: int) -> dict[str, npt.NDArray[Any]]:
        """The features of one clip: (frames, dims) by name."""
        resampled = soxr.resample(samples, rate_hz, self.frontend.sample_rate_hz)  # does nothing to equal rates
        found = self.frontend(resampled)
        return {spec.name: found[spec.name].numpy() for spec in self.frontend.features}

    def of(self, samples: Samples, rate_hz: int) -> dict[str, Any]:
        """All panels as JSON."""
        seconds = len(samples) / rate_hz
        panels = [_waveform(samples, seconds), _spectrum(samples, rate_hz)]
        features = self.features(samples, rate_hz)
        for spec in sorted(
            self.frontend.features, key=lambda spec: -spec.dims
        ):  # mel bands after what they are made of
            if spec.name != "waveform" and len(features[spec.name]):  # a clip may be too short for a frame
                panels.append(_image(spec, features[spec.name], seconds, self.frontend.sample_rate_hz))
        return {"seconds": round(seconds, 3), "panels": panels}


def _waveform(samples: Samples, seconds: float) -> dict[str, Any]:
    """Of the samples that lie on one dot, the lowest and the highest."""
    starts = np.arange(0, len(samples), max(1, math.ceil(len(samples) / MOST_COLUMNS)))
    lows, highs = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    reach = max(0.01, float(np.abs(samples).max()))
    scaled = [(0.5 + values / reach / 2).round(4).tolist() for values in (lows, highs)]
    return {
        "name": "waveform", "unit": "amplitude", "lows": scaled[0], "highs": scaled[1],
        "x": _seconds(seconds), "y": [[0, f"{-reach:.2f}"], [0.5, "0"], [1, f"{reach:.2f}"]],
    }  # fmt: skip


def _spectrum(samples: Samples, rate_hz: int) -> dict[str, Any]:
    """One FFT of all of it, the loudest line of each of N_POINTS steps that are equally wide for the ear."""
    n_fft = 2 ** math.ceil(math.log2(max(len(samples), 2 * N_POINTS)))
    power = np.square(np.abs(np.fft.rfft(samples, n_fft)) * 2 / len(samples))
    edges_hz = np.geomspace(LOWEST_HZ, rate_hz / 2, N_POINTS + 1)
    starts = np.minimum((edges_hz[:-1] / rate_hz * n_fft).astype(int), n_fft // 2)
    levels_db = 10 * np.log10(np.maximum(np.maximum.reduceat(power, starts), TINY))
    high_db = float(levels_db.max())
    heights = np.clip(1 + (levels_db - high_db) / RANGES["dB"], 0, 1)
    decades = [hz for hz in (100, 1_000, 10_000) if hz < rate_hz / 2]
    ticks = [[math.log(hz / LOWEST_HZ) / math.log(rate_hz / 2 / LOWEST_HZ), f"{hz:,} Hz"] for hz in decades]
    return {
        "name": "spectrum", "unit": "dB full scale", "heights": heights.round(4).tolist(),
        "x": ticks, "y": [[0, f"{high_db - RANGES['dB']:.0f}"], [1, f"{high_db:.0f}"]],
    }  # fmt: skip


def _image(spec: Any, rows: npt.NDArray[Any], seconds: float, rate_hz: int) -> dict[str, Any]:
    """A feature as bytes from dark to bright; of frames and columns that share a dot, the loudest."""
    kind, values, unit = spec.unit.partition(" ")[0], np.abs(rows) if np.iscomplexobj(rows) else rows, spec.unit
    if kind in ("power", "magnitude", "complex"):  # of what is no logarithm nothing but the loudest would be seen
        kind, unit = "dB", f"dB of {unit}"
        values = (10 if spec.unit == "power" else 20) * np.log10(np.maximum(values, TINY))
    for axis, most in ((0, MOST_COLUMNS), (1, MOST_ROWS)):
        step = math.ceil(values.shape[axis] / most)
        values = np.maximum.reduceat(values, np.arange(0, values.shape[axis], step), axis=axis)
    high = float(values.max())
    low = max(float(values.min()), high - (math.inf if "*" in unit else RANGES.get(kind, math.inf)))  # *: scaled
    pixels = np.clip((values.T[::-1] - low) / max(high - low, TINY) * 255, 0, 255).astype(np.uint8)
    is_linear_in_hz = spec.name in ("spectrogram", "stft")
    top = f"{rate_hz / 2_000:g} kHz" if is_linear_in_hz else f"{spec.dims}"
    return {
        "name": spec.name, "unit": f"{unit}, {low:.3g} to {high:.3g}",
        "width": pixels.shape[1], "height": pixels.shape[0],
        "pixels": base64.b64encode(pixels.tobytes()).decode(), "x": _seconds(seconds), "y": [[0, "0"], [1, top]],
    }  # fmt: skip


def _seconds(seconds: float) -> list[list[Any]]:
    return [[0, "0"], [1, f"{seconds:.1f} s"]]
