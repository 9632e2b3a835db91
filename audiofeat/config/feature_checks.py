"""What the keys of a feature's groups must be to each other.

Each rule is checked for each feature that uses the group, and reported at the feature's own key where it has one,
else at the shared key.
"""

from __future__ import annotations

from collections.abc import Iterator

from audiofeat.config.complaints import Complaint, rule_broken
from audiofeat.config.features import ACTING_KEYS, Feature, feature_path, resolve_features, takes_statistics
from audiofeat.config.float32_checks import float32_complaints
from audiofeat.config.given_statistics import column_paths, faults
from audiofeat.config.models import Config, Overrides

_RATE, _MAX_RATE = ("audio", "sample_rate"), ("limits", "max_sample_rate")

_NARROWEST_HZ = 1.0
"""Within less, the corners of thousands of bands would fall together."""


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
        yield from float32_complaints(config, feature)


def _overrides(config: Config, feature: Feature) -> Iterator[Complaint]:
    """A setting that somebody wrote for one feature is meant to change that feature."""
    acting = ACTING_KEYS[feature.name]
    for group in Overrides.model_fields:
        own = getattr(config.features[feature.name], group)
        there = [f"{group}.{key}" for key in acting[group]] if group in acting else list(_keys_or_groups(feature))
        for key in type(own).model_fields:
            if key in own.model_fields_set and key not in acting.get(group, ()):
                text = f"{group}.{key} has no effect on {feature.name}; leave it out"
                hint = f"  (allowed: {', '.join(there)})" if there else ""
                yield rule_broken(text + hint, ("features", feature.name, group, key))


def _keys_or_groups(feature: Feature) -> Iterator[str]:
    """The groups that act on a feature; of one that does so in part, its keys that do."""
    for group, keys in ACTING_KEYS[feature.name].items():
        is_whole = len(keys) == len(type(getattr(feature, group)).model_fields)
        yield from (group,) if is_whole else (f"{group}.{key}" for key in keys)


def _mel(config: Config, feature: Feature) -> Iterator[Complaint]:
    fmin_hz, fmax_hz = feature.mel.fmin_hz, feature.mel.fmax_hz
    fmin, fmax = feature_path(config, feature, "mel", "fmin_hz"), feature_path(config, feature, "mel", "fmax_hz")
    # Where each file keeps its own rate, what lies above half of it is each clip's own matter, up to the highest.
    is_native = config.audio.sample_rate == "native"
    rate, rate_hz = (_MAX_RATE, config.limits.max_sample_rate) if is_native else (_RATE, config.audio.sample_rate)
    nyquist_hz = int(rate_hz) / 2
    if fmax_hz is not None and fmax_hz > nyquist_hz:
        yield rule_broken(
            f"fmax_hz is {fmax_hz:g} but audio at {rate_hz} Hz holds nothing above {nyquist_hz:g} Hz; lower it, "
            f"leave it out, or raise {'.'.join(rate)}",
            fmax,
            rate,
        )
    top_hz = nyquist_hz if fmax_hz is None else fmax_hz
    if fmin_hz >= top_hz:
        origin = f" (half of {'.'.join(rate)})" if fmax_hz is None else ""
        text = f"fmin_hz is {fmin_hz:g} but fmax_hz is {top_hz:g}{origin}; it must be lower"
        yield rule_broken(text, fmin, fmax, rate)
    elif top_hz - fmin_hz < _NARROWEST_HZ:
        text = f"fmin_hz is {fmin_hz!r} and fmax_hz {top_hz!r}: bands need a range of {_NARROWEST_HZ:g} Hz at least"
        yield rule_broken(text, fmin, fmax, rate)


def _mfcc(config: Config, feature: Feature) -> Iterator[Complaint]:
    n, bands = feature_path(config, feature, "mfcc", "n"), feature_path(config, feature, "mel", "bands")
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
            feature_path(config, feature, "mfcc", "c0"),
            n,
        )


def _deltas(config: Config, feature: Feature) -> Iterator[Complaint]:
    deltas = feature.deltas
    if deltas.orders and deltas.edge == "interp" and deltas.form != "savgol":
        yield rule_broken(
            f"edge: interp needs form: savgol, but form is {deltas.form}; set form to savgol, or edge to replicate",
            feature_path(config, feature, "deltas", "edge"),
            feature_path(config, feature, "deltas", "form"),
        )


def _cmvn(config: Config, feature: Feature) -> Iterator[Complaint]:
    cmvn = feature.cmvn
    mode, over, file, mean, variance = (
        feature_path(config, feature, "cmvn", key) for key in ("mode", "over", "file", "mean", "variance")
    )
    if not takes_statistics(feature):
        is_for_others = any(map(takes_statistics, resolve_features(config).values()))
        given = {"file": (cmvn.file, file), "mean": (cmvn.mean, mean), "variance": (cmvn.variance, variance)}
        for key, (value, path) in given.items():
            if value is None or (path[0] != "features" and is_for_others):
                continue
            if cmvn.mode == "none":
                text = (
                    f"cmvn.{key} is given but mode is none: nothing would be normalised; "
                    f"set mode to mean or meanvar, or leave {key} out"
                )
                yield rule_broken(text, path, mode)
            else:
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
    else:
        for key, text in faults(feature, config):
            path = feature_path(config, feature, "cmvn", key)
            yield rule_broken(f"{key} {text}", path, *column_paths(config, feature))
