"""The config: one frozen model of every knob, read from YAML, presets, ``--set`` and arguments."""

from audiofeat.config.digest import (
    changed_keys,
    choice_digest,
    digest_of,
    feature_numbers,
    numbers_config,
    stored_config,
    with_features,
)
from audiofeat.config.feature_groups import Cmvn, Deltas, Energy, Log, Mel, Mfcc, Spectrum
from audiofeat.config.features import Feature, feature_path, resolve_features
from audiofeat.config.load import load_config
from audiofeat.config.models import FEATURE_NAMES, Compute, Config, FeatureName, Limits, Overrides, Store
from audiofeat.config.preset_list import preset_names, preset_note, preset_summary, preset_text
from audiofeat.config.signal_groups import Audio, Frame, Length, Manifest, Preemphasis, Select, Stack, Window
from audiofeat.config.wording import did_you_mean

__all__ = [
    "FEATURE_NAMES",
    "Audio",
    "Cmvn",
    "Compute",
    "Config",
    "Deltas",
    "Energy",
    "Feature",
    "FeatureName",
    "Frame",
    "Length",
    "Limits",
    "Log",
    "Manifest",
    "Mel",
    "Mfcc",
    "Overrides",
    "Preemphasis",
    "Select",
    "Spectrum",
    "Stack",
    "Store",
    "Window",
    "changed_keys",
    "choice_digest",
    "did_you_mean",
    "digest_of",
    "feature_numbers",
    "feature_path",
    "load_config",
    "numbers_config",
    "preset_names",
    "preset_note",
    "preset_summary",
    "preset_text",
    "resolve_features",
    "stored_config",
    "with_features",
]
