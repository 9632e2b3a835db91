"""A whole configuration's slow twin: from samples to stored rows, in plain float64, by what the YAML itself says.

It shares no code with audiofeat.dsp and audiofeat.frontend, and no defaults with audiofeat.config. Order: peak,
quantise, pad, cut, scale, pre-emphasis of the signal, frames up to the cepstrum (``twins``), deltas, normalisation,
joined rows, fixed length (``tail_twins``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tail_twins
import twins
import yaml
from twins import Array, Knobs, Real

from audiofeat.config import preset_text

KNOBS: Knobs = {
    **twins.KNOBS,
    "audio.peak": None,
    "audio.quantize": "none",
    "length.pad_to_seconds": None,
    "length.pad_step_seconds": None,
    "length.pad_with": "zero",
    "length.cut_to_seconds": None,
    "length.frames": None,
    "length.pad_value": 0.0,
    "preemphasis.scope": "frame",
    "deltas.orders": 0,
    "deltas.window": 2,
    "deltas.form": "sequential",
    "deltas.edge": "replicate",
    "cmvn.mode": "none",
    "cmvn.over": "clip",
    "cmvn.ddof": 0,
    "cmvn.eps": 0.0,
    "cmvn.eps_at": "std_add",
    "stack.left": 0,
    "stack.right": 0,
    "stack.stride": 1,
    "stack.edge": "replicate",
    "stack.tail": "pad",
    "stack.order": "rows",
}
WITHOUT_NUMBERS = {"mel.empty"}
"""Knobs that change no number."""


def preset_twin(preset: str, samples: Array) -> Array:
    """The rows of a preset's one feature: samples (n,) in -1..1 -> (frames, dims)."""
    return config_twin(yaml.safe_load(preset_text(preset)), samples)


def config_twin(config: Mapping[str, Any], samples: Array) -> Array:
    """The rows of a configuration's one feature: samples (n,) in -1..1 -> (frames, dims)."""
    feature, k = knobs_of(config)
    signal = laid_out(samples.astype(np.float64), k)
    if k["preemphasis.scope"] == "signal":
        signal, k = twins.preemphasized(signal, k), {**k, "preemphasis.coeff": 0.0}
    rows = twins.twin(signal, feature, {name: k[name] for name in twins.KNOBS})
    return with_tail(rows, k)


def knobs_of(config: Mapping[str, Any]) -> tuple[str, Knobs]:
    """The one feature and every knob by its dotted name; KeyError for a knob that the twin does not have."""
    groups = dict(config)
    ((feature, own),) = groups.pop("features").items()
    given = {f"{group}.{key}": value for group, keys in groups.items() for key, value in keys.items()}
    given |= {f"{group}.{key}": value for group, keys in (own or {}).items() for key, value in keys.items()}
    unknown = sorted(given.keys() - KNOBS.keys() - WITHOUT_NUMBERS)
    if unknown:
        raise KeyError(f"the twin does not know {', '.join(unknown)}")
    return feature, {**KNOBS, **given}


def laid_out(signal: Real, k: Knobs) -> Real:
    """The signal at its peak, on its steps and of its length."""
    peak, rate_hz = float(np.abs(signal).max()), k["audio.sample_rate"]
    if k["audio.peak"] is not None and peak > 0:
        signal = signal * (k["audio.peak"] / peak)
    if k["audio.quantize"] == "int16":
        signal = np.trunc(np.clip(signal, -1.0, 1.0) * 32767.0) / 32767.0
    if k["length.pad_to_seconds"] is not None:
        length = round(k["length.pad_to_seconds"] * rate_hz)
        while k["length.pad_step_seconds"] is not None and length < len(signal):
            length += round(k["length.pad_step_seconds"] * rate_hz)
        missing = max(0, length - len(signal))
        n_whole = 0 if k["length.pad_with"] == "zero" else missing // len(signal)
        parts = [signal] * (1 + n_whole)
        rest = missing - n_whole * len(signal)
        parts.append(signal[:rest] if k["length.pad_with"] == "repeat" else np.zeros(rest))
        signal = np.concatenate(parts)
    if k["length.cut_to_seconds"] is not None:
        signal = signal[: round(k["length.cut_to_seconds"] * rate_hz)]
    return signal


def with_tail(rows: Array, k: Knobs) -> Array:
    """The rows with deltas, normalised, joined and of their number, each where it is wanted."""
    deltas, cmvn, stack, length = (group(k, name) for name in ("deltas", "cmvn", "stack", "length"))
    if deltas["edge"] != "replicate":
        raise KeyError(f"the twin does not know deltas.edge {deltas['edge']}")
    if cmvn["over"] not in ("clip", "clip_all"):
        raise KeyError(f"the twin does not know cmvn.over {cmvn['over']}")
    orders, window = deltas["orders"], deltas["window"]
    if orders and deltas["form"] == "composed":
        rows = tail_twins.kaldis_deltas(rows, window, orders)
    elif orders:
        first = tail_twins.regression(rows, window)
        second = {
            "sequential": lambda: tail_twins.regression(first, window),
            "open_end": lambda: tail_twins.open_ended(rows, window),
            "savgol": lambda: tail_twins.parabolas(rows, window),
        }[deltas["form"]]()
        rows = np.concatenate([rows, first, second][: orders + 1], axis=1)
    if cmvn["mode"] != "none":
        rows = tail_twins.normalised(rows, **cmvn)
    rows = tail_twins.joined(rows, **stack)
    return rows if length["frames"] is None else tail_twins.of_length(rows, length["frames"], length["pad_value"])


def group(k: Knobs, name: str) -> dict[str, Any]:
    """A group's knobs by their short names."""
    return {key.removeprefix(f"{name}."): value for key, value in k.items() if key.startswith(f"{name}.")}
