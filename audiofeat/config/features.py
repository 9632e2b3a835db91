"""What each feature is really made with: the shared groups, and the feature's own settings over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from audiofeat.config.feature_groups import Cmvn, Deltas, Energy, Log, Mel, Mfcc, Spectrum
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.kinds import Group
from audiofeat.config.models import Config, FeatureName

_AnyGroup = TypeVar("_AnyGroup", bound=Group)


def _keys(group: type[Group], *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(key for key in group.model_fields if key not in without)


_SUMMED = _keys(Spectrum, without=("output",))
_TAIL = {"deltas": _keys(Deltas), "cmvn": _keys(Cmvn)}
_BANDS = {"spectrum": _SUMMED, "mel": _keys(Mel)}
_LOG_BANDS = {**_BANDS, "log": _keys(Log)}
_ENERGY = {"energy": _keys(Energy)}

ACTING_KEYS: Mapping[FeatureName, Mapping[str, tuple[str, ...]]] = {
    "waveform": {},
    "stft": {"spectrum": ("norm",)},
    "spectrogram": {"spectrum": _keys(Spectrum), "log": _keys(Log, without=("kind",)), **_TAIL},
    "mel": {**_BANDS, **_TAIL},
    "log_mel": {**_LOG_BANDS, **_ENERGY, **_TAIL},
    "mfcc": {**_LOG_BANDS, "mfcc": _keys(Mfcc), **_ENERGY, **_TAIL},
}
"""The keys that a feature may override: those that can have an effect on it."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a config, with the settings that hold for it."""

    name: FeatureName
    spectrum: Spectrum
    mel: Mel
    log: Log
    mfcc: Mfcc
    energy: Energy
    deltas: Deltas
    cmvn: Cmvn


def resolve_features(config: Config) -> dict[str, Feature]:
    """Each feature of the config with its overrides merged in, sorted by name."""
    return {
        name: Feature(
            name=name,
            spectrum=_merged(config.spectrum, own=own.spectrum),
            mel=_merged(config.mel, own=own.mel),
            log=_merged(config.log, own=own.log),
            mfcc=_merged(config.mfcc, own=own.mfcc),
            energy=_merged(config.energy, own=own.energy),
            deltas=_merged(config.deltas, own=own.deltas),
            cmvn=_merged(config.cmvn, own=own.cmvn),
        )
        for name, own in sorted(config.features.items())
    }


def takes_statistics(feature: Feature) -> bool:
    """Whether a feature is normalised by given statistics."""
    cmvn = feature.cmvn
    return cmvn.mode != "none" and cmvn.over == "global" and "cmvn" in ACTING_KEYS[feature.name]


def feature_path(config: Config, feature: Feature, group: str, key: str) -> KeyPath:
    """The key that a feature has its setting from: its own where somebody wrote that, else the shared one."""
    own = getattr(config.features[feature.name], group)
    return ("features", feature.name, group, key) if key in own.model_fields_set else (group, key)


def _merged(shared: _AnyGroup, *, own: _AnyGroup) -> _AnyGroup:
    """``own`` is a whole model, but only the keys that somebody wrote count: the others are its defaults."""
    return shared.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
