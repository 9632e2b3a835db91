"""What each feature is really made with: the shared groups, and the feature's own settings over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from audiofeat.config.models import Config, FeatureName, Group, Log, Mel, Mfcc, Spectrum

_AnyGroup = TypeVar("_AnyGroup", bound=Group)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a config, with the settings that hold for it."""

    name: FeatureName
    spectrum: Spectrum
    mel: Mel
    log: Log
    mfcc: Mfcc


def resolve_features(config: Config) -> dict[str, Feature]:
    """Each feature of the config with its overrides merged in, sorted by name."""
    return {
        name: Feature(
            name=name,
            spectrum=_merged(config.spectrum, own=own.spectrum),
            mel=_merged(config.mel, own=own.mel),
            log=_merged(config.log, own=own.log),
            mfcc=_merged(config.mfcc, own=own.mfcc),
        )
        for name, own in sorted(config.features.items())
    }


def _merged(shared: _AnyGroup, *, own: _AnyGroup) -> _AnyGroup:
    """``own`` is a whole model, but only the keys that somebody wrote count: the others are its defaults."""
    return shared.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
