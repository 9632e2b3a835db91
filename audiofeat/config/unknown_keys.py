"""What somebody may have meant who wrote a key or a word that audiofeat does not have.

It may have another name in another library, be misspelt, or be right but in a wrong place.
"""

from __future__ import annotations

from collections.abc import Iterable

from audiofeat.config.key_paths import KeyPath, keys_of, model_at
from audiofeat.config.models import FEATURE_NAMES, Config, Overrides
from audiofeat.config.wording import did_you_mean

_VERY_LIKE = 0.8

# In librosa, torch, torchaudio, Kaldi, HTK, python_speech_features, tf.signal, transformers and NeMo; with its group
# before it, a name that means something else there.
_NAMES_ELSEWHERE = {
    "audio.sample_rate": "sr samplerate sampling_rate sample_frequency samp_freq orig_sr target_sr",
    "audio.channels": "mono num_channels n_channels",
    "audio.trim_db": "audio.top_db",
    "frame.win_samples": "win_length window_size window_length n_window_size frame_length win_size",
    "frame.hop_samples": "hop_length hop_size frame_step n_window_stride window_stride frame_shift",
    "frame.n_fft": "nfft fft_size fft_length n_ffts",
    "frame.align": "center snip_edges",
    "frame.pad": "pad_mode",
    "frame.remove_dc": "remove_dc_offset",
    "window.type": "window_type window_fn winfunc win_type",
    "window.coefficient": "blackman_coeff",
    "preemphasis.coeff": "preemph preemphasis_coefficient preemph_coefficient preemph_coeff pre_emphasis",
    "spectrum.norm": "normalized",
    "mel.bands": "n_mels num_bins num_mel_bins n_mel num_mels nfilt nfilts numchans mel_bins feature_size",
    "mel.fmin_hz": "fmin f_min low_freq lowfreq lower_edge_hertz lofreq mel_fmin",
    "mel.fmax_hz": "fmax f_max high_freq highfreq upper_edge_hertz hifreq mel_fmax",
    "mel.scale": "mel_scale htk",
    "log.floor": "amin log_zero_guard_value mel_floor",
    "log.range": "top_db",
    "mfcc.n": "n_mfcc num_ceps numcep numceps n_mfccs",
    "mfcc.dct": "dct_type",
    "mfcc.lifter": "cepstral_lifter ceplifter",
    "mfcc.c0": "use_energy appendenergy",
    "energy.floor": "energy_floor",
}
_KEYS = {name: key for key, names in _NAMES_ELSEWHERE.items() for name in names.split()}

_WORDS = {
    ("window.type", "povey"): "; povey is hann with power: 0.85 and sampling: symmetric",
    ("window.type", "rectangular"): "; did you mean 'rect'?",
    ("window.type", "boxcar"): "; did you mean 'rect'?",
    ("window.type", "ones"): "; did you mean 'rect'?",
}


def unknown_key(path: KeyPath) -> str:
    """What is wrong with a key that its group does not have."""
    *group, key = path
    model = model_at(tuple(group))
    allowed = [*(["extends"] if model is Config else []), *(model.model_fields if model else [])]
    meant = (
        _called_otherwise(path)
        or did_you_mean(key, allowed, likeness=_VERY_LIKE)
        or _belongs_elsewhere(path)
        or did_you_mean(key, allowed)
    )
    return f"unknown key{meant}  (allowed: {', '.join(allowed)})"


def unknown_feature(name: str) -> str:
    """What is wrong with a feature that there is not."""
    return f"unknown feature{did_you_mean(name, FEATURE_NAMES)}  (there are: {', '.join(FEATURE_NAMES)})"


def meant_word(word: str, choices: Iterable[str], *, path: KeyPath) -> str:
    """Which of the words that a knob takes was meant."""
    return _WORDS.get((".".join(path[-2:]), word.lower())) or did_you_mean(word, choices)


def features_written_out(value: object) -> str:
    """``features: [mfcc]`` as it must be written: ``{mfcc: {}}``."""
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    named = words if isinstance(words, list | tuple) else []
    names = [word for word in named if word in FEATURE_NAMES] or ["log_mel"]
    return "{" + ", ".join(f"{name}: {{}}" for name in names) + "}"


def _called_otherwise(path: KeyPath) -> str:
    """A key by the name that it has in another library."""
    called = path[-1].lower().replace("-", "_")
    within = ".".join(path[2:-1] if path[0] == "features" else path[:-1])
    key = _KEYS.get(f"{within}.{called}") or _KEYS.get(called)
    if key is None:
        return ""
    group, _, name = key.partition(".")
    return f"; did you mean {name!r}?" if group == within else _elsewhere([key], path)


def _belongs_elsewhere(path: KeyPath) -> str:
    """A key that is right, but not where it was written."""
    key, model = path[-1], model_at(path[:-1])
    is_in_group = model not in (Config, Overrides)
    if model is Overrides and key in Config.model_fields:
        return f"; {key!r} is shared by all features: set it at the top level"
    if path[0] != "features" and key in FEATURE_NAMES:
        return "; a feature: it belongs under 'features'"
    if is_in_group and len(key) == 1:
        return ""  # a letter says nothing of the group that it may be of
    own, shared = Overrides.model_fields, Config.model_fields
    for groups in (own, shared) if path[0] == "features" else (shared,):
        if keys := [f"{group}.{key}" for group, field in groups.items() if key in keys_of(field.annotation)]:
            return _elsewhere(keys, path)
    return ""


def _elsewhere(keys: list[str], path: KeyPath) -> str:
    named = " or ".join(map(repr, keys))
    if path[0] == "features" and keys[0].partition(".")[0] not in Overrides.model_fields:
        return f"; did you mean {named}? It is shared by all features: set it at the top level"
    return f"; did you mean {named}?"
