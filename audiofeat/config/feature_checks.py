"""What the keys of a feature's groups must be to each other.

Each rule is checked for each feature that uses the group, and reported at the feature's own key where it has one,
else at the shared key.
"""

from __future__ import annotations

from collections.abc import Iterator

from audiofeat.config.complaints import Complaint, rule_broken
from audiofeat.config.features import ACTING_KEYS, Feature, resolve_features
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.models import Config, Overrides

_RATE = ("audio", "sample_rate")


def feature_complaints(config: Config) -> Iterator[Complaint]:
    """Every broken rule; one that several features break in the same shared keys comes several times."""
    features = resolve_features(config)
    for feature in features.values():
        yield from _overrides(config, feature)
        groups = ACTING_KEYS[feature.name]
        if "mel" in groups:
            yield from _mel(config, feature)
        if "mfcc" in groups:
            yield from _mfcc(config, feature)
        if "deltas" in groups:
            yield from _deltas(config, feature)
        if "cmvn" in groups:
            yield from _cmvn(config, feature)


def _overrides(config: Config, feature: Feature) -> Iterator[Complaint]:
    """A setting that somebody wrote for one feature is meant to change that feature."""
    acting = ACTING_KEYS[feature.name]
    for group in Overrides.model_fields:
        own = getattr(config.features[feature.name], group)
        there = [f"{group}.{key}" for key in acting[group]] if group in acting else list(acting)
        for key in type(own).model_fields:
            if key in own.model_fields_set and key not in acting.get(group, ()):
                text = f"{group}.{key} has no effect on {feature.name}; leave it out"
                hint = f"  (allowed: {', '.join(there)})" if there else ""
                yield rule_broken(text + hint, ("features", feature.name, group, key))


def _mel(config: Config, feature: Feature) -> Iterator[Complaint]:
    fmin_hz, fmax_hz = feature.mel.fmin_hz, feature.mel.fmax_hz
    fmin, fmax = _path(config, feature, "mel", "fmin_hz"), _path(config, feature, "mel", "fmax_hz")
    sample_rate = config.audio.sample_rate
    # Where each file keeps its own rate, what lies above half of it is each clip's own matter.
    nyquist_hz = sample_rate / 2 if isinstance(sample_rate, int) else None
    if fmax_hz is not None and nyquist_hz is not None and fmax_hz > nyquist_hz:
        yield rule_broken(
            f"fmax_hz is {fmax_hz:g} but audio at {sample_rate} Hz holds nothing above {nyquist_hz:g} Hz; lower it, "
            f"leave it out, or raise audio.sample_rate",
            fmax,
            _RATE,
        )
    top_hz = nyquist_hz if fmax_hz is None else fmax_hz
    if top_hz is not None and fmin_hz >= top_hz:
        origin = " (half of audio.sample_rate)" if fmax_hz is None else ""
        text = f"fmin_hz is {fmin_hz:g} but fmax_hz is {top_hz:g}{origin}; it must be lower"
        yield rule_broken(text, fmin, fmax, _RATE)


def _mfcc(config: Config, feature: Feature) -> Iterator[Complaint]:
    n, bands = _path(config, feature, "mfcc", "n"), _path(config, feature, "mel", "bands")
    if feature.mfcc.n > feature.mel.bands:
        # Where only the bands are the feature's own, they are what somebody got wrong.
        first, second = (bands, n) if len(bands) > len(n) else (n, bands)
        yield rule_broken(
            f"mfcc.n is {feature.mfcc.n} but mel.bands is {feature.mel.bands}: there are no more coefficients than "
            f"bands; lower mfcc.n or raise mel.bands",
            first,
            second,
        )
    if feature.mfcc.n == 1 and feature.mfcc.c0 == "drop":
        yield rule_broken(
            "c0: drop takes off the first coefficient, but n is 1, so that none is left; raise n or keep c0",
            _path(config, feature, "mfcc", "c0"),
            n,
        )


def _deltas(config: Config, feature: Feature) -> Iterator[Complaint]:
    deltas = feature.deltas
    if deltas.orders and deltas.edge == "interp" and deltas.form != "savgol":
        yield rule_broken(
            f"edge: interp needs form: savgol, but form is {deltas.form}; set form to savgol, or edge to replicate",
            _path(config, feature, "deltas", "edge"),
            _path(config, feature, "deltas", "form"),
        )


def _cmvn(config: Config, feature: Feature) -> Iterator[Complaint]:
    cmvn = feature.cmvn
    if cmvn.mode == "none":
        return
    mode, over, file, mean, variance = (
        _path(config, feature, "cmvn", key) for key in ("mode", "over", "file", "mean", "variance")
    )
    if cmvn.over != "global":
        given = {"file": (cmvn.file, file), "mean": (cmvn.mean, mean), "variance": (cmvn.variance, variance)}
        for key, (value, path) in given.items():
            # A shared one may be there for another feature.
            if value is not None and (path[0] == "features" or not _any_global(config)):
                text = f"{key} is given but over is {cmvn.over}; set over to global, or leave {key} out"
                yield rule_broken(text, path, over)
        return
    wanted = "mean and variance" if cmvn.mode == "meanvar" else "mean"
    if cmvn.file is not None:
        for key, value, path in (("mean", cmvn.mean, mean), ("variance", cmvn.variance, variance)):
            if value is not None:
                yield rule_broken(f"file and {key} are both given; leave one of them out", file, path)
    elif cmvn.mean is None:
        text = f"over: global needs the statistics of {feature.name}, and there are none; set file, or {wanted}"
        yield rule_broken(text, over, mean, file, mode)
    elif cmvn.mode == "meanvar" and cmvn.variance is None:
        text = "mode: meanvar with over: global needs variance beside mean; set variance, or mode to mean"
        yield rule_broken(text, mode, variance, mean)
    elif cmvn.variance is not None:
        if cmvn.mode == "meanvar" and len(cmvn.variance) != len(cmvn.mean):
            text = f"variance holds {len(cmvn.variance)} numbers but mean {len(cmvn.mean)}; each needs one a column"
            yield rule_broken(text, variance, mean)
        if negative := [value for value in cmvn.variance if value < 0]:
            yield rule_broken(f"variance holds {negative[0]:g}; no variance is below 0", variance)


def _any_global(config: Config) -> bool:
    features = resolve_features(config).values()
    return any(feature.cmvn.over == "global" and "cmvn" in ACTING_KEYS[feature.name] for feature in features)


def _path(config: Config, feature: Feature, group: str, key: str) -> KeyPath:
    own = getattr(config.features[feature.name], group)
    return ("features", feature.name, group, key) if key in own.model_fields_set else (group, key)
