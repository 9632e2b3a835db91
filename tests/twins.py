"""The slow twin of every knob up to the cepstrum: plain float64 loops over formulas, sharing no code with audiofeat.

``twin(samples, knobs)`` computes one feature the way that the libraries' sources say it: the signal is padded as they
pad it and frames are cut by a loop, every triangle is a loop over bins, every cosine a call. ``knobs`` are dotted names
and values; the others are as in ``KNOBS``. Pre-emphasis of the whole signal, and what comes behind the programs, are
not here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from filterbank_twin import triangles

Knobs: TypeAlias = Mapping[str, Any]
Real: TypeAlias = npt.NDArray[np.float64]
Array: TypeAlias = npt.NDArray[Any]

KNOBS: Knobs = {
    "audio.sample_rate": 16_000,
    "audio.scale": 1.0,
    "frame.win_samples": 400,
    "frame.hop_samples": 160,
    "frame.n_fft": 512,
    "frame.align": "left",
    "frame.pad": "zero",
    "frame.count_by": "win",
    "frame.tail": "drop",
    "frame.drop_last": False,
    "frame.remove_dc": False,
    "window.type": "hann",
    "window.sampling": "periodic",
    "window.coefficient": None,
    "window.power": 1.0,
    "window.values": None,
    "preemphasis.coeff": 0.0,
    "preemphasis.first": "replicate",
    "spectrum.power": 2,
    "spectrum.norm": "none",
    "spectrum.guard": "none",
    "spectrum.floor": 1e-10,
    "spectrum.output": "power",
    "mel.bands": 80,
    "mel.fmin_hz": 0.0,
    "mel.fmax_hz": None,
    "mel.scale": "htk",
    "mel.sides": "mel",
    "mel.norm": "none",
    "mel.grid": "exact",
    "mel.edge_bins": "all",
    "mel.sqrt": False,
    "log.kind": "ln",
    "log.guard": "max",
    "log.floor": 1e-10,
    "log.ref": 1.0,
    "log.range": None,
    "log.gain": 1.0,
    "log.offset": 0.0,
    "mfcc.n": 13,
    "mfcc.dct": "ortho",
    "mfcc.lifter": 0.0,
    "mfcc.lifter_base": 0,
    "mfcc.c0": "keep",
    "energy.source": "raw_frame",
    "energy.floor": 2.0**-23,
    "energy.column": "none",
}


def padded_at(signal: Real, positions: npt.NDArray[np.int64], pad: str) -> Real:
    """The samples at any positions: zeros beyond the ends, or the signal mirrored as often as it takes."""
    last = len(signal) - 1
    if pad == "zero":
        inside = (positions >= 0) & (positions <= last)
        return np.where(inside, signal[np.clip(positions, 0, last)], 0.0)
    repeat = 1 if pad == "symmetric" else 0
    while last and (positions.min() < 0 or positions.max() > last):
        positions = np.where(positions < 0, -positions - repeat, positions)
        positions = np.where(positions > last, 2 * last - positions + repeat, positions)
    return signal[positions if last else 0 * positions]


def cut_frames(signal: Real, k: Knobs) -> Real:
    """(T, W), cut as each library does."""
    win, hop, n_fft, n = k["frame.win_samples"], k["frame.hop_samples"], k["frame.n_fft"], len(signal)
    middle = (n_fft - win) // 2
    if k["frame.align"] == "hop_center":  # Kaldi: NumFrames and FirstSampleOfFrame
        starts = [t * hop + hop // 2 - win // 2 for t in range((n + hop // 2) // hop)]
    elif k["frame.tail"] == "extra":  # Essentia: frames begin half a window early, and one more than hops begun
        starts = [t * hop - (win + 1) // 2 for t in range(math.ceil(n / hop) + 1)]
    elif k["frame.tail"] == "pad_last":  # python_speech_features: framesig
        whole = n_fft if k["frame.count_by"] == "n_fft" else win
        count = 1 if n <= whole else 1 + math.ceil((n - whole) / hop)
        starts = [t * hop + (middle if whole == n_fft else 0) for t in range(count)]
    elif k["frame.tail"] == "pad_hop":  # tf.signal.frame with pad_end
        starts = [t * hop + (middle if k["frame.count_by"] == "n_fft" else 0) for t in range(-(-n // hop))]
    else:  # the padded signal is walked through as long as a whole FFT frame, or window, fits
        edge = {"left": 0, "center": n_fft // 2, "same": (n_fft - hop) // 2}[k["frame.align"]]
        by_window = k["frame.align"] == "left" and k["frame.count_by"] == "win"
        starts, start = [], -edge
        while start + (win if by_window else n_fft) <= n + edge:
            starts.append(start if by_window else start + middle)
            start += hop
        if k["frame.drop_last"]:
            starts = starts[:-1]
    pad = "zero" if k["frame.align"] == "left" else k["frame.pad"]
    if not starts:
        return np.zeros((0, win))
    around = padded_at(signal, np.arange(starts[0], starts[-1] + win), pad)
    return np.array([around[start - starts[0] : start - starts[0] + win] for start in starts])


def taper(k: Knobs) -> Real:
    if k["window.values"] is not None:
        return np.array(k["window.values"], np.float64)
    length, sampling = k["frame.win_samples"], k["window.sampling"]
    if length == 1 and sampling != "half_sample":
        return np.ones(1)
    if sampling == "periodic_if_even":
        sampling = "periodic" if length % 2 == 0 else "symmetric"
    values = []
    for n in range(length):
        phase = {"periodic": n / length, "symmetric": n / max(length - 1, 1), "half_sample": (n + 0.5) / length}[
            sampling
        ]
        c1, c2 = math.cos(2 * math.pi * phase), math.cos(4 * math.pi * phase)
        a0 = k["window.coefficient"]
        value = {
            "rect": 1.0,
            "hann": 0.5 - 0.5 * c1,
            "hamming": 0.54 - 0.46 * c1 if a0 is None else a0 - (1 - a0) * c1,
            "blackman": 0.42 - 0.5 * c1 + 0.08 * c2 if a0 is None else a0 - 0.5 * c1 + (0.5 - a0) * c2,
            "sine": math.sin(math.pi * phase),
        }[k["window.type"]]
        values.append(max(value, 0.0) ** k["window.power"] if k["window.power"] != 1.0 else value)
    return np.array(values)


def preemphasized(frame: Real, k: Knobs) -> Real:
    a = k["preemphasis.coeff"]
    if a == 0:
        return frame
    out: Real = frame.copy()
    for n in range(1, len(frame)):
        out[n] = frame[n] - a * frame[n - 1]
    first = k["preemphasis.first"]
    second = frame[1] if len(frame) > 1 else None
    if first == "replicate":
        out[0] = (1 - a) * frame[0]
    elif first == "reflect" and second is not None:
        out[0] = frame[0] - a * second
    elif first == "extrapolate" and second is not None:
        out[0] = 3 * frame[0] - second
    return out


def logarithm(values: Real, k: Knobs, *, kind: str, exponent: float) -> Real:
    factor = {"ln": 1.0, "log10": 1 / math.log(10), "db": 20 / exponent / math.log(10)}[kind]
    floor, ref, span = k["log.floor"], k["log.ref"], k["log.range"]
    guarded = {
        "max": np.maximum(values, floor),
        "add": values + floor,
        "replace_zero": np.where(values == 0, floor, values),
    }[k["log.guard"]]
    out: Real = factor * np.log(guarded)
    if ref == "max":
        out = out - out.max(initial=-np.inf)
    elif ref != 1.0:
        out = out - factor * math.log(max(ref, floor))
    if span is not None:
        out = np.maximum(out, out.max(initial=-np.inf) - span)
    scaled: Real = k["log.gain"] * out + k["log.offset"]
    return scaled


def cepstra(rows: Real, k: Knobs) -> Real:
    bands, lifter = rows.shape[1], k["mfcc.lifter"]
    out = np.zeros((len(rows), k["mfcc.n"]))
    for c in range(k["mfcc.n"]):
        for band in range(bands):
            out[:, c] += rows[:, band] * math.cos(math.pi * c * (band + 0.5) / bands)
        ortho = math.sqrt((2.0 if c else 1.0) / bands)
        out[:, c] *= {"ortho": ortho, "htk": math.sqrt(2.0 / bands), "x2": 2.0, "x1": 1.0}[k["mfcc.dct"]]
        if lifter:
            out[:, c] *= 1 + lifter / 2 * math.sin(math.pi * (c + k["mfcc.lifter_base"]) / lifter)
    return out


def twin(samples: Array, feature: str, knobs: Knobs) -> Array:
    """One feature of a clip: (N,) -> (T, dims)."""
    k = {**KNOBS, **knobs}
    raw = cut_frames(samples.astype(np.float64) * k["audio.scale"], k)
    if feature == "waveform":
        return raw
    centred = np.array([f - f.mean() for f in raw]).reshape(raw.shape) if k["frame.remove_dc"] else raw
    window = taper(k)
    windowed = np.array([preemphasized(f, k) * window for f in centred]).reshape(raw.shape)
    n_fft, in_middle = k["frame.n_fft"], k["frame.align"] in ("center", "same") or k["frame.count_by"] == "n_fft"
    placed = np.zeros((len(raw), n_fft))
    at = (n_fft - raw.shape[1]) // 2 if in_middle else 0
    placed[:, at : at + raw.shape[1]] = windowed
    spectrum = np.fft.rfft(placed)
    norm = {
        "none": 1.0,
        "n_fft": n_fft,
        "win_length": raw.shape[1],
        "window_energy": math.fsum(w * w for w in window),
        "window_sum": (math.fsum(window) / 2) ** 2,
    }[k["spectrum.norm"]]
    if feature == "stft":
        return spectrum / math.sqrt(norm)
    power: Real = np.abs(spectrum) ** 2 / norm
    energy = {"raw_frame": centred, "windowed": windowed}.get(k["energy.source"])
    sums = (power if energy is None else energy**2).sum(axis=1, keepdims=True)
    log_energy = np.log(np.maximum(sums, k["energy.floor"]))
    floor = k["spectrum.floor"]
    power = {"none": power, "max": np.maximum(power, floor), "add": power + floor}[k["spectrum.guard"]]
    inputs = power if k["spectrum.power"] == 2 else np.sqrt(power)
    if feature == "spectrogram":
        output = k["spectrum.output"]
        if output in ("magnitude", "power"):
            return power if output == "power" else np.sqrt(power)
        return logarithm(inputs, k, kind=output, exponent=k["spectrum.power"])
    bands: Real = inputs @ triangles(k)
    exponent = k["spectrum.power"]
    if k["mel.sqrt"]:
        bands, exponent = np.sqrt(bands), exponent / 2
    if feature == "mel":
        return bands
    rows = logarithm(bands, k, kind=k["log.kind"], exponent=exponent)
    if feature == "mfcc":
        rows, c0 = cepstra(rows, k), k["mfcc.c0"]
        if c0 == "energy":
            rows[:, :1] = log_energy
        elif c0 != "keep":
            rows = rows[:, 1:] if c0 == "drop" else np.hstack([rows[:, 1:], rows[:, :1]])
    column = k["energy.column"]
    return rows if column == "none" else np.hstack([log_energy, rows] if column == "first" else [rows, log_energy])
