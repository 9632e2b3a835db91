"""What two keys must be to each other: each rule names both, their values, and the way out.

These are the rules of the groups that all features share; those of a feature's groups are in
``feature_checks.py``. A setting that merely has no effect while another is off is no mistake: what is off can then
be turned on and off by one key.
"""

from __future__ import annotations

from collections.abc import Iterator

from audiofeat.config.complaints import Complaint, rule_broken
from audiofeat.config.feature_checks import feature_complaints
from audiofeat.config.float32_checks import shared_float32_complaints
from audiofeat.config.models import Config


def cross_complaints(config: Config) -> list[Complaint]:
    """Every rule that the config breaks, each once."""
    own = [*_length(config), *_frame(config), *_tail(config), *_window(config), *_clips(config), *_store(config)]
    found = [*own, *shared_float32_complaints(config), *feature_complaints(config)]
    return list(dict.fromkeys(found))


def _length(config: Config) -> Iterator[Complaint]:
    length = config.length
    if length.pad_step_seconds is not None and length.pad_to_seconds is None:
        yield rule_broken(
            f"pad_step_seconds is {length.pad_step_seconds:g} but pad_to_seconds is null, which the steps are counted "
            f"from; set it, or leave pad_step_seconds out",
            ("length", "pad_step_seconds"),
            ("length", "pad_to_seconds"),
        )


def _frame(config: Config) -> Iterator[Complaint]:
    frame = config.frame
    if frame.n_fft < frame.win_samples:
        yield rule_broken(
            f"n_fft is {frame.n_fft} but win_samples is {frame.win_samples}: the window must fit into the FFT; "
            f"raise n_fft or lower win_samples",
            ("frame", "n_fft"),
            ("frame", "win_samples"),
        )
    if frame.drop_last and frame.align != "center":
        yield rule_broken(
            f"drop_last needs align: center, but align is {frame.align}; set it, or leave drop_last out",
            ("frame", "drop_last"),
            ("frame", "align"),
        )
    if frame.pad != "zero" and frame.align == "left":
        yield rule_broken(
            f"pad is {frame.pad} but align is left, where nothing lies beyond the ends; "
            f"set align to center, hop_center or same, or pad to zero",
            ("frame", "pad"),
            ("frame", "align"),
        )
    if frame.align == "same" and (frame.n_fft < frame.hop_samples or (frame.n_fft - frame.hop_samples) % 2):
        yield rule_broken(
            f"align: same pads (n_fft - hop_samples) / 2 at both ends, but n_fft is {frame.n_fft} and hop_samples "
            f"is {frame.hop_samples}; make the difference even and not negative",
            ("frame", "align"),
            ("frame", "n_fft"),
            ("frame", "hop_samples"),
        )


def _tail(config: Config) -> Iterator[Complaint]:
    frame = config.frame
    if frame.count_by == "n_fft" and frame.align != "left":
        yield rule_broken(
            f"count_by: n_fft needs align: left, but align is {frame.align}, which counts frames by its own rule; "
            f"set align to left, or leave count_by out",
            ("frame", "count_by"),
            ("frame", "align"),
        )
    wanted = {"drop": frame.align, "extra": "center"}.get(frame.tail, "left")
    if frame.align != wanted:
        yield rule_broken(
            f"tail: {frame.tail} needs align: {wanted}, but align is {frame.align}; set it, or leave tail out",
            ("frame", "tail"),
            ("frame", "align"),
        )


def _window(config: Config) -> Iterator[Complaint]:
    window, win_samples = config.window, config.frame.win_samples
    if window.values is not None and len(window.values) != win_samples:
        yield rule_broken(
            f"window.values holds {len(window.values)} numbers but frame.win_samples is {win_samples}; "
            f"the window needs one number a sample",
            ("window", "values"),
            ("frame", "win_samples"),
        )
    elif window.values is not None and not any(window.values):
        yield rule_broken(
            "every number of window.values is 0, so that nothing of the signal would be left", ("window", "values")
        )
    if window.coefficient is not None and window.type not in ("hamming", "blackman"):
        yield rule_broken(
            f"coefficient is {window.coefficient:g} but type is {window.type}, whose formula has none; "
            f"set type to hamming or blackman, or leave coefficient out",
            ("window", "coefficient"),
            ("window", "type"),
        )


def _clips(config: Config) -> Iterator[Complaint]:
    """Rules that no clip at all could meet."""
    lowest, highest = config.limits.min_sample_rate, config.limits.max_sample_rate
    if lowest > highest:
        yield rule_broken(
            f"min_sample_rate is {lowest} but max_sample_rate is {highest}: no file would do; swap them",
            ("limits", "min_sample_rate"),
            ("limits", "max_sample_rate"),
        )
    shortest, longest = config.select.min_seconds, config.select.max_seconds
    if shortest is not None and longest is not None and shortest > longest:
        yield rule_broken(
            f"min_seconds is {shortest:g} but max_seconds is {longest:g}: every clip would be left out; swap them",
            ("select", "min_seconds"),
            ("select", "max_seconds"),
        )
    if shortest is not None:
        for length, (group, key) in (
            (config.limits.max_seconds, ("limits", "max_seconds")),
            (config.audio.chunk_seconds, ("audio", "chunk_seconds")),
        ):
            if length is not None and shortest > length:
                yield rule_broken(
                    f"min_seconds is {shortest:g} but {group}.{key} is {length:g}: every clip would be left out; "
                    f"lower min_seconds or raise {group}.{key}",
                    ("select", "min_seconds"),
                    (group, key),
                )
    channel, most = config.audio.channels, config.limits.max_channels
    if isinstance(channel, int) and channel >= most:
        yield rule_broken(
            f"audio.channels is {channel}, counted from 0, but limits.max_channels is {most}: no file with that "
            f"channel would do; lower audio.channels or raise limits.max_channels",
            ("audio", "channels"),
            ("limits", "max_channels"),
        )


def _store(config: Config) -> Iterator[Complaint]:
    store = config.store
    if store.compression != "none" and store.format == "npy":
        yield rule_broken(
            f"compression is {store.compression} but format is npy, whose arrays are read as they lie; "
            f"set format to hdf5 or compression to none",
            ("store", "compression"),
            ("store", "format"),
        )
    if store.dtype == "float16" and "stft" in config.features:
        yield rule_broken(
            "dtype is float16 but the values of stft are complex, and there are no complex numbers of that type; "
            "set dtype to float32, or leave the feature stft out",
            ("store", "dtype"),
            ("features", "stft"),
        )
