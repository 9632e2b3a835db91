"""What two keys must be to each other: each rule names both, their values, and the way out.

A rule about a feature's group is checked for each feature that uses the group, and reported at the feature's own
key where it has one, else at the shared key.
"""

from __future__ import annotations

from collections.abc import Iterator

from audiofeat.config.complaints import Complaint, KeyPath
from audiofeat.config.features import Feature, resolve_features
from audiofeat.config.models import Config


def cross_complaints(config: Config) -> list[Complaint]:
    """Every rule that the config breaks, each once."""
    complaints = [*_frame(config), *_limits(config)]
    for feature in resolve_features(config).values():
        if feature.name != "spectrogram":
            complaints += _mel(config, feature)
        if feature.name == "mfcc":
            complaints += _mfcc(config, feature)
    return list(dict.fromkeys(complaints))


def _frame(config: Config) -> Iterator[Complaint]:
    frame = config.frame
    if frame.n_fft < frame.win_samples:
        text = (
            f"n_fft is {frame.n_fft} but win_samples is {frame.win_samples}: the window must fit into the FFT; "
            f"raise n_fft or lower win_samples"
        )
        yield _complaint(("frame", "n_fft"), text, ("frame", "win_samples"))
    if frame.drop_last and frame.align != "center":
        text = f"drop_last needs align: center, but align is {frame.align}; set it, or leave drop_last out"
        yield _complaint(("frame", "drop_last"), text, ("frame", "align"))
    if frame.pad != "zero" and frame.align == "left":
        text = (
            f"pad is {frame.pad} but align is left, where nothing lies beyond the ends; "
            f"set align to center, hop_center or same, or pad to zero"
        )
        yield _complaint(("frame", "pad"), text, ("frame", "align"))
    if frame.align == "same" and (frame.n_fft < frame.hop_samples or (frame.n_fft - frame.hop_samples) % 2):
        text = (
            f"align: same pads (n_fft - hop_samples) / 2 at both ends, but n_fft is {frame.n_fft} and hop_samples "
            f"is {frame.hop_samples}; make the difference even and not negative"
        )
        yield _complaint(("frame", "align"), text, ("frame", "n_fft"), ("frame", "hop_samples"))


def _limits(config: Config) -> Iterator[Complaint]:
    lowest, highest = config.limits.min_sample_rate, config.limits.max_sample_rate
    if lowest > highest:
        text = f"min_sample_rate is {lowest} but max_sample_rate is {highest}: no file would do; swap them"
        yield _complaint(("limits", "min_sample_rate"), text, ("limits", "max_sample_rate"))


def _mel(config: Config, feature: Feature) -> Iterator[Complaint]:
    fmin_hz, fmax_hz = feature.mel.fmin_hz, feature.mel.fmax_hz
    fmin_path, fmax_path = (_path(config, feature, "mel", key) for key in ("fmin_hz", "fmax_hz"))
    nyquist_hz = config.audio.sample_rate / 2
    if fmax_hz is not None and fmax_hz > nyquist_hz:
        text = (
            f"fmax_hz is {fmax_hz:g} but audio at {config.audio.sample_rate} Hz holds nothing above "
            f"{nyquist_hz:g} Hz; lower it, leave it out, or raise audio.sample_rate"
        )
        yield _complaint(fmax_path, text, ("audio", "sample_rate"))
    top_hz = nyquist_hz if fmax_hz is None else fmax_hz
    if fmin_hz >= top_hz:
        origin = " (half of audio.sample_rate)" if fmax_hz is None else ""
        text = f"fmin_hz is {fmin_hz:g} but fmax_hz is {top_hz:g}{origin}; it must be lower"
        yield _complaint(fmin_path, text, fmax_path, ("audio", "sample_rate"))


def _mfcc(config: Config, feature: Feature) -> Iterator[Complaint]:
    if feature.mfcc.n > feature.mel.bands:
        n_path, bands_path = _path(config, feature, "mfcc", "n"), _path(config, feature, "mel", "bands")
        text = (
            f"mfcc.n is {feature.mfcc.n} but mel.bands is {feature.mel.bands}: there are no more coefficients than "
            f"bands; lower mfcc.n or raise mel.bands"
        )
        # Where only the bands are the feature's own, they are what somebody got wrong.
        first, second = (bands_path, n_path) if len(bands_path) > len(n_path) else (n_path, bands_path)
        yield _complaint(first, text, second)


def _complaint(at: KeyPath, text: str, *others: KeyPath) -> Complaint:
    return Complaint(at, text, involves=(at, *others))


def _path(config: Config, feature: Feature, group: str, key: str) -> KeyPath:
    own = getattr(config.features[feature.name], group)
    return ("features", feature.name, group, key) if key in own.model_fields_set else (group, key)
