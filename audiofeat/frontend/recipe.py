"""What a configuration computes, written out: one frame geometry, one spectrum, and a chain of steps a feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from audiofeat.config import Config, Feature, feature_path, resolve_features
from audiofeat.dsp import chain as steps
from audiofeat.dsp.chain import Chain
from audiofeat.dsp.filterbank import Matrix, empty_bands, mel_filterbank
from audiofeat.dsp.framing import FrameRule
from audiofeat.dsp.signal import SignalSteps
from audiofeat.dsp.tail import Stack, Tail, fewest_rows, tail_dims
from audiofeat.errors import ClipError, ConfigError
from audiofeat.frontend.chains import chain_of, has_mel, mel_of, tail_of, unit_of
from audiofeat.records import FeatureSpec

BLOCK_SLOTS = 128
"""Frames that the frame program computes at a time. What a step leaves for the next then stays in the core's own cache
(0.5 MB at 400/160/512): with all of a tape at a time, two lanes wait for memory and compute hardly more than one."""

_EMPTY_HINT = "a larger frame.n_fft, fewer mel.bands or a higher mel.fmin_hz"


@dataclass(frozen=True, slots=True)
class Pending:
    """Columns of the rows that wait for the end of their clip, and which of them the clip's maximum is taken of."""

    columns: Mapping[Chain, slice]
    width: int
    maxima: tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that the programs need to know; the configuration's words, in the order in which they act."""

    sample_rate_hz: int
    is_native_rate: bool
    """Whether other clips of the same store may have other rates."""
    signal: SignalSteps
    """What is done before the frames are cut, so not by the programs."""
    rule: FrameRule
    scale: float
    remove_dc: bool
    preemphasis_coeff: float
    """Of each frame; 0 where pre-emphasis is of the whole signal."""
    preemphasis_first: str
    window_kind: str
    window_sampling: str
    window_power: float
    window_coefficient: float | None
    window_values: tuple[float, ...] | None
    """The window itself, for which the four fields above then do not matter."""
    precision: str
    """Of the arithmetic."""
    stored_precision: str
    """Of what is kept of it: rows are rounded once, behind their tail."""
    tape_slots: int
    """A multiple of ``BLOCK_SLOTS``."""
    chains: Mapping[str, Chain]
    """Feature name -> its chain, sorted by name."""
    units: Mapping[str, str]
    tails: Mapping[str, Tail]
    """Feature name -> what looks along time, behind the programs."""
    pending: Pending

    @property
    def fewest_frames(self) -> int:
        """The frames that a clip must have for every feature to have a row."""
        return max(fewest_rows(tail) for tail in self.tails.values())

    def program_dims(self, name: str) -> int:
        """Columns of a feature as the programs give it, before its tail."""
        return steps.dims(self.chains[name], n_fft=self.rule.n_fft, win_samples=self.rule.win_samples)

    def program_dtype(self, name: str) -> str:
        """The type of a feature's values as the programs give them, before its tail."""
        return self._dtype(name, self.precision)

    def feature_specs(self) -> tuple[FeatureSpec, ...]:
        """The features as the store describes them, sorted by name."""
        return tuple(
            FeatureSpec(
                name=name,
                dims=tail_dims(self.tails[name], self.program_dims(name)),
                dtype=self._dtype(name, self.stored_precision),
                unit=self.units[name],
                frame_rate_hz=self._frame_rate_hz(name),
            )
            for name in self.chains
        )

    def _dtype(self, name: str, precision: str) -> str:
        if isinstance(self.chains[name][-1], steps.Stft):
            return "complex128" if precision == "float64" else "complex64"
        return precision

    def _frame_rate_hz(self, name: str) -> float | None:
        if self.is_native_rate:
            return None
        frame_rate_hz = self.sample_rate_hz / self.rule.hop_samples
        for step in self.tails[name]:
            if isinstance(step, Stack):
                frame_rate_hz /= step.stride
        return frame_rate_hz


def recipe_of(config: Config, *, sample_rate_hz: int | None = None) -> Recipe:
    """Write a configuration out as a recipe.

    Args:
        sample_rate_hz: of the clips, where ``audio.sample_rate`` is ``native``; else the configuration's own holds.
    Raises:
        ClipError: ``input.sample-rate``, where a native rate is too low for a feature's mel bands.
        ValueError: a native rate that was not given.
    """
    if config.audio.sample_rate != "native":
        return _recipe(config, config.audio.sample_rate)
    if sample_rate_hz is None:
        raise ValueError("audio.sample_rate is native: a recipe needs the sample rate of its clips")
    for feature in resolve_features(config).values():
        if has_mel(feature):
            _check_rate(feature, config, sample_rate_hz=sample_rate_hz)
    return _recipe(config, sample_rate_hz)


def feature_specs(config: Config) -> tuple[FeatureSpec, ...]:
    """The features of a configuration as the store describes them, whatever the rates of its clips."""
    return recipe_at_any_rate(config).feature_specs()


def recipe_at_any_rate(config: Config) -> Recipe:
    """A recipe for what does not depend on the rate, where clips keep their own. Raises as :func:`feature_specs`."""
    rate = config.audio.sample_rate
    return _recipe(config, config.limits.max_sample_rate if rate == "native" else rate)


def _recipe(config: Config, sample_rate_hz: int) -> Recipe:
    features = resolve_features(config)
    frame, taper = config.frame, config.window
    chains = {name: chain_of(feature, sample_rate_hz=sample_rate_hz) for name, feature in features.items()}
    dims = {name: steps.dims(chain, n_fft=frame.n_fft, win_samples=frame.win_samples) for name, chain in chains.items()}
    return Recipe(
        sample_rate_hz=sample_rate_hz,
        is_native_rate=config.audio.sample_rate == "native",
        signal=_signal_steps(config, sample_rate_hz=sample_rate_hz),
        rule=FrameRule(
            win_samples=frame.win_samples,
            hop_samples=frame.hop_samples,
            n_fft=frame.n_fft,
            align=frame.align,
            pad=frame.pad,
            drop_last=frame.drop_last,
            count_by=frame.count_by,
            tail=frame.tail,
        ),
        scale=config.audio.scale,
        remove_dc=frame.remove_dc,
        preemphasis_coeff=config.preemphasis.coeff if config.preemphasis.scope == "frame" else 0.0,
        preemphasis_first=config.preemphasis.first,
        window_kind=taper.type,
        window_sampling=taper.sampling,
        window_power=taper.power,
        window_coefficient=taper.coefficient,
        window_values=taper.values,
        precision=config.compute.precision,
        stored_precision=config.compute.precision if config.store.dtype == "computed" else config.store.dtype,
        tape_slots=-(-config.compute.tape_slots // BLOCK_SLOTS) * BLOCK_SLOTS,
        chains=MappingProxyType(chains),
        units=MappingProxyType({name: unit_of(feature) for name, feature in features.items()}),
        tails=MappingProxyType({name: tail_of(feature, config, dims=dims[name]) for name, feature in features.items()}),
        pending=_pending_columns(chains.values(), n_fft=frame.n_fft, win_samples=frame.win_samples),
    )


def empty_band_warnings(config: Config, *, native_rate_hz: int | None = None) -> list[str]:
    """Say which mel bands hold no bin of the spectrum, so that their feature would be a constant.

    Args:
        native_rate_hz: of some clips, where ``audio.sample_rate`` is ``native``; without it nothing is said of such a
            configuration, since each file may have other bands.
    Raises:
        ConfigError: where a feature's ``mel.empty`` is ``error``, and the rate is the configuration's own.
    """
    rate_hz = native_rate_hz if config.audio.sample_rate == "native" else config.audio.sample_rate
    if rate_hz is None:
        return []
    place = "" if native_rate_hz is None else f"at {native_rate_hz} Hz, "
    warnings = []
    for feature in resolve_features(config).values():
        problem = _empty_bands(feature, config, sample_rate_hz=rate_hz) if has_mel(feature) else ""
        if problem and feature.mel.empty == "error":
            key = ".".join(feature_path(config, feature, "mel", "bands"))
            raise ConfigError(f"{key}: {problem}, and mel.empty is error", hint=_EMPTY_HINT)
        if problem:
            warnings.append(f"{place}{problem}; {_EMPTY_HINT} would help")
    return warnings


def filterbank_of(step: steps.Mel, *, sample_rate_hz: int, n_fft: int) -> Matrix:
    """The filterbank of a mel step: (n_fft // 2 + 1, bands) float64."""
    return mel_filterbank(
        sample_rate_hz=sample_rate_hz,
        n_fft=n_fft,
        bands=step.bands,
        fmin_hz=step.fmin_hz,
        fmax_hz=step.fmax_hz,
        scale=step.scale,
        sides=step.sides,
        norm=step.norm,
        grid=step.grid,
        edge_bins=step.edge_bins,
    )


def _signal_steps(config: Config, *, sample_rate_hz: int) -> SignalSteps:
    audio, length, preemphasis = config.audio, config.length, config.preemphasis

    def samples(seconds: float | None) -> int | None:
        return None if seconds is None else max(1, round(seconds * sample_rate_hz))

    return SignalSteps(
        quantize=audio.quantize == "int16",
        pad_to_samples=samples(length.pad_to_seconds),
        pad_step_samples=samples(length.pad_step_seconds),
        pad_with=length.pad_with,
        cut_to_samples=samples(length.cut_to_seconds),
        dither=audio.dither / audio.scale,
        dither_seed=audio.dither_seed,
        preemphasis_coeff=preemphasis.coeff if preemphasis.scope == "signal" else 0.0,
        preemphasis_first=preemphasis.first,
    )


def _check_rate(feature: Feature, config: Config, *, sample_rate_hz: int) -> None:
    mel = feature.mel
    nyquist_hz = sample_rate_hz / 2
    if mel.fmax_hz is not None and mel.fmax_hz > nyquist_hz:
        problem = f"mel.fmax_hz is {mel.fmax_hz:g} but the clip's {sample_rate_hz} Hz hold nothing above {nyquist_hz:g}"
        raise ClipError("input.sample-rate", problem, hint="lower mel.fmax_hz or set audio.sample_rate")
    if mel.fmin_hz >= nyquist_hz:
        problem = f"mel.fmin_hz is {mel.fmin_hz:g} but the clip's {sample_rate_hz} Hz hold nothing above {nyquist_hz:g}"
        raise ClipError("input.sample-rate", problem, hint="lower mel.fmin_hz or set audio.sample_rate")
    if mel.empty == "error":
        problem = _empty_bands(feature, config, sample_rate_hz=sample_rate_hz)
        if problem:
            raise ClipError("input.sample-rate", f"at {sample_rate_hz} Hz, {problem}", hint=_EMPTY_HINT)


def _empty_bands(feature: Feature, config: Config, *, sample_rate_hz: int) -> str:
    """What to say of a feature's empty bands; nothing where there are none."""
    mel = mel_of(feature, sample_rate_hz=sample_rate_hz)
    empty = empty_bands(filterbank_of(mel, sample_rate_hz=sample_rate_hz, n_fft=config.frame.n_fft))
    if not empty:
        return ""
    hold, named = ("holds", "band") if len(empty) == 1 else ("hold", "bands")
    return (
        f"{feature.name}: {len(empty)} of {mel.bands} mel bands {hold} no FFT bin and would be constant "
        f"({named} {', '.join(map(str, empty[:8]))}{', …' if len(empty) > 8 else ''}, counted from 0)"
    )


def _pending_columns(chains: Iterable[Chain], *, n_fft: int, win_samples: int) -> Pending:
    """Lay out, side by side and each once, what the clip program needs of the frame program."""
    columns: dict[Chain, slice] = {}
    maxima: list[slice] = []
    width = 0
    for chain in chains:
        start = steps.frame_part(chain)
        if start == chain:
            continue
        energies = tuple((step.energy,) for step in chain if isinstance(step, steps.WithEnergy))
        for needed in (start, *energies):
            if needed not in columns:
                columns[needed] = slice(width, width + steps.dims(needed, n_fft=n_fft, win_samples=win_samples))
                width = columns[needed].stop
        if columns[start] not in maxima:
            maxima.append(columns[start])
    return Pending(MappingProxyType(columns), width, tuple(maxima))
