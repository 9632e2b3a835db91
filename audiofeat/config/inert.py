"""Which settings change no number while others are as they are: what leaves them out has one digest a meaning.

A step that is off is left out with all its keys, so that a step which is new in some version of audiofeat, and off,
leaves the stores of the versions before it as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Values: TypeAlias = Mapping[str, Any]
"""Dotted key -> value."""

_WINDOW_FORMULA = ("window.type", "window.sampling", "window.coefficient", "window.power")
_SLIDING = ("cmvn.window_frames", "cmvn.min_frames", "cmvn.center")
_ENERGY = ("energy.source", "energy.floor", "energy.column")


def _has(key: str, *wanted: Any) -> Callable[[Values], bool]:
    return lambda values: values.get(key) in wanted


def _lacks(key: str, wanted: Any) -> Callable[[Values], bool]:
    return lambda values: values.get(key) != wanted


def _only_waveform(values: Values) -> bool:
    """It is taken before the window and all that comes behind."""
    return bool(values["features"] == ("waveform",))


def _no_frame_needs_n_fft(values: Values) -> bool:
    """The FFT is not taken, and frames lie and count by their windows alone."""
    by_window = values.get("frame.count_by") == "win" or values.get("frame.n_fft") == values.get("frame.win_samples")
    align = values.get("frame.align")
    return _only_waveform(values) and (align == "hop_center" or (align == "left" and by_window))


def _has_even_bins(values: Values) -> bool:
    """Then k*rate/n_fft and k*(rate/2)/(n_fft/2) are the same fraction, rounded once."""
    rate_hz, n_fft = values.get("audio.sample_rate"), values.get("frame.n_fft")
    return isinstance(rate_hz, int) and isinstance(n_fft, int) and rate_hz % 2 == n_fft % 2 == 0


_INERT: tuple[tuple[Callable[[Values], bool], tuple[str, ...]], ...] = (
    # Where this holds,                      these keys, or all keys of these groups, change nothing.
    (_has("audio.channels", "mix"), ("audio.channels",)),
    (_has("audio.trim_db", None), ("audio.trim_db",)),
    (_has("audio.chunk_seconds", None), ("audio.chunk_seconds",)),
    (_has("audio.peak", None), ("audio.peak",)),
    (_has("audio.quantize", "none"), ("audio.quantize",)),
    (_has("audio.dither", 0.0), ("audio.dither", "audio.dither_seed")),
    (_has("length.pad_to_seconds", None), ("length.pad_to_seconds", "length.pad_step_seconds", "length.pad_with")),
    (_has("length.pad_step_seconds", None), ("length.pad_step_seconds",)),
    (_has("length.cut_to_seconds", None), ("length.cut_to_seconds",)),
    (_has("length.frames", None), ("length.frames", "length.pad_value")),
    (_has("frame.count_by", "win"), ("frame.count_by",)),
    (lambda values: values.get("frame.n_fft") == values.get("frame.win_samples"), ("frame.count_by",)),
    (_has("frame.tail", "drop"), ("frame.tail",)),
    (_only_waveform, ("frame.remove_dc", "window")),
    (_no_frame_needs_n_fft, ("frame.n_fft",)),
    (_has("window.values", None), ("window.values",)),
    (_lacks("window.values", None), _WINDOW_FORMULA),
    (_has("window.type", "rect"), ("window.sampling", "window.power")),
    (_has("window.type", "rect", "hann", "sine"), ("window.coefficient",)),
    (_has("preemphasis.coeff", 0.0), ("preemphasis",)),
    (lambda values: _only_waveform(values) and values.get("preemphasis.scope") == "frame", ("preemphasis",)),
    (_has("spectrum.norm", "none"), ("spectrum.norm",)),
    (_has("spectrum.guard", "none"), ("spectrum.guard", "spectrum.floor")),
    (_has("spectrum.output", "magnitude", "power"), ("spectrum.power", "log")),
    (_has("mel.grid", "exact"), ("mel.grid",)),
    (_has("mel.sides", "bin_floor"), ("mel.grid",)),
    (_has_even_bins, ("mel.grid",)),
    (_has("mel.edge_bins", "all"), ("mel.edge_bins",)),
    (_has("mel.sqrt", False), ("mel.sqrt",)),
    # At one rate it decides only whether there are any numbers; at native rates, of which clips.
    (_has("mel.empty", "warn"), ("mel.empty",)),
    (lambda values: values.get("audio.sample_rate") != "native", ("mel.empty",)),
    (_has("log.ref", 1.0), ("log.ref",)),
    (_has("mfcc.lifter", 0.0), ("mfcc.lifter_base",)),
    (_has("energy.column", "none"), ("energy.column",)),
    (lambda values: values.get("energy.column") == "none" and values.get("mfcc.c0") != "energy", _ENERGY),
    (_has("deltas.orders", 0), ("deltas",)),
    (_has("deltas.orders", 1), ("deltas.form",)),  # all forms have the same slope
    (_has("cmvn.mode", "none"), ("cmvn",)),
    (_has("cmvn.mode", "mean"), ("cmvn.variance", "cmvn.ddof", "cmvn.eps", "cmvn.eps_at")),
    (_has("cmvn.eps", 0.0), ("cmvn.eps_at",)),
    (_has("cmvn.over", "global"), ("cmvn.ddof",)),
    (_lacks("cmvn.over", "global"), ("cmvn.mean", "cmvn.variance")),
    (_lacks("cmvn.over", "sliding"), _SLIDING),
    (_has("cmvn.center", True), ("cmvn.min_frames",)),
    (lambda values: True, ("cmvn.file",)),  # what is in it stands in mean and variance
    (lambda values: values.get("stack.left") == values.get("stack.right") == 0, ("stack.edge", "stack.order")),
    (_has("stack.right", 0), ("stack.tail",)),
    (_has("stack.order", "rows"), ("stack.order",)),
    (
        lambda values: (values.get("stack.left"), values.get("stack.right"), values.get("stack.stride")) == (0, 0, 1),
        ("stack",),
    ),
)

_HAMMING, _BLACKMAN = 0.54, 0.42


def acting_values(
    groups: Mapping[str, Mapping[str, Any]], *, features: tuple[str, ...], beside: Values | None = None
) -> dict[str, Any]:
    """The groups without what changes no number, and with the numbers that null stands for.

    Args:
        groups: the shared groups of signal and rows, or one feature's own.
        features: the names of the features that they are for.
        beside: settings of other groups that decide what acts in these: for a feature's groups, ``audio.sample_rate``
            and ``frame.n_fft``.
    """
    flat = {f"{group}.{key}": value for group, keys in groups.items() for key, value in keys.items()}
    known = {**flat, **(beside or {}), "features": features}
    flat |= {key: value for key, value in _stood_for(known).items() if key in flat}
    inert = {key for is_so, keys in _INERT if is_so({**known, **flat}) for key in keys}
    return {
        group: {key: flat[f"{group}.{key}"] for key in keys if not {group, f"{group}.{key}"} & inert}
        for group, keys in groups.items()
        if not _vanishes(group, keys, inert)
    }


def _stood_for(known: Values) -> dict[str, Any]:
    meant: dict[str, Any] = {}
    rate_hz = known.get("audio.sample_rate")
    if known.get("mel.fmax_hz", 0) is None and isinstance(rate_hz, int):
        meant["mel.fmax_hz"] = rate_hz / 2
    if known.get("window.coefficient", 0) is None:
        meant["window.coefficient"] = {"hamming": _HAMMING, "blackman": _BLACKMAN}.get(known["window.type"])
    return meant


def _vanishes(group: str, keys: Mapping[str, Any], inert: set[str]) -> bool:
    return group in inert or all(f"{group}.{key}" in inert for key in keys)
