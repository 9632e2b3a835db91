"""What a configuration computes, written out: one frame geometry, one spectrum, and a chain of steps a feature."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from audiofeat.config import Config, Feature, resolve_features
from audiofeat.dsp import chain as steps
from audiofeat.dsp.chain import Chain
from audiofeat.dsp.filterbank import Matrix, empty_bands, mel_filterbank
from audiofeat.dsp.framing import FrameRule
from audiofeat.errors import ConfigError
from audiofeat.records import FeatureSpec


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
    scale: float
    rule: FrameRule
    remove_dc: bool
    preemphasis_coeff: float
    preemphasis_first: str
    window_kind: str
    window_sampling: str
    window_power: float
    precision: str
    tape_slots: int
    chains: Mapping[str, Chain]
    """Feature name -> its chain, sorted by name."""
    units: Mapping[str, str]
    pending: Pending

    def feature_specs(self) -> tuple[FeatureSpec, ...]:
        """The features as the store describes them, sorted by name."""
        frame_rate_hz = self.sample_rate_hz / self.rule.hop_samples
        return tuple(
            FeatureSpec(name, steps.dims(chain, n_fft=self.rule.n_fft), self.precision, self.units[name], frame_rate_hz)
            for name, chain in self.chains.items()
        )


def recipe_of(config: Config) -> Recipe:
    """Write a configuration out as a recipe."""
    features = resolve_features(config)
    frame, window = config.frame, config.window
    chains = {name: _chain(feature, config) for name, feature in features.items()}
    return Recipe(
        sample_rate_hz=config.audio.sample_rate,
        scale=config.audio.scale,
        rule=FrameRule(
            win_samples=frame.win_samples,
            hop_samples=frame.hop_samples,
            n_fft=frame.n_fft,
            align=frame.align,
            pad=frame.pad,
            drop_last=frame.drop_last,
        ),
        remove_dc=frame.remove_dc,
        preemphasis_coeff=config.preemphasis.coeff,
        preemphasis_first=config.preemphasis.first,
        window_kind=window.type,
        window_sampling=window.sampling,
        window_power=window.power,
        precision=config.compute.precision,
        tape_slots=config.compute.tape_slots,
        chains=MappingProxyType(chains),
        units=MappingProxyType({name: _unit(feature) for name, feature in features.items()}),
        pending=_pending_columns(chains.values(), n_fft=frame.n_fft),
    )


def empty_band_warnings(config: Config) -> list[str]:
    """Say which mel bands hold no bin of the spectrum, so that their feature would be a constant.

    Raises:
        ConfigError: where a feature's ``mel.empty`` is ``error``.
    """
    warnings = []
    for name, feature in resolve_features(config).items():
        for step in _chain(feature, config):
            if isinstance(step, steps.Mel):
                empty = empty_bands(
                    filterbank_of(step, sample_rate_hz=config.audio.sample_rate, n_fft=config.frame.n_fft)
                )
                if not empty:
                    continue
                problem = (
                    f"{name}: {len(empty)} of {step.bands} mel bands hold no FFT bin and would be constant "
                    f"(bands {', '.join(map(str, empty[:8]))}{', …' if len(empty) > 8 else ''}, counted from 0)"
                )
                hint = "a larger frame.n_fft, fewer mel.bands or a higher mel.fmin_hz"
                if feature.mel.empty == "error":
                    raise ConfigError(problem, hint=hint)
                warnings.append(f"{problem}; {hint} would fill them")
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
    )


def _chain(feature: Feature, config: Config) -> Chain:
    if feature.name == "spectrogram":
        return _spectrogram_chain(feature)
    mel = feature.mel
    fmax_hz = config.audio.sample_rate / 2 if mel.fmax_hz is None else mel.fmax_hz
    chain: Chain = (
        steps.Spectrum(feature.spectrum.power),
        steps.Mel(mel.bands, mel.fmin_hz, fmax_hz, mel.scale, mel.sides, mel.norm),
    )
    if feature.name == "mel":
        return chain
    chain += _log_steps(feature, kind=feature.log.kind, power=feature.spectrum.power)
    if feature.name == "log_mel":
        return chain
    mfcc = feature.mfcc
    chain += (steps.Cepstrum(mel.bands, mfcc.n, mfcc.dct, mfcc.lifter, mfcc.lifter_base),)
    if mfcc.c0 == "energy":
        chain += (steps.EnergyForC0(mfcc.energy_floor),)
    return chain


def _spectrogram_chain(feature: Feature) -> Chain:
    output = feature.spectrum.output
    if output in ("magnitude", "power"):
        return (steps.Spectrum(1 if output == "magnitude" else 2),)
    power = feature.spectrum.power
    return (steps.Spectrum(power), *_log_steps(feature, kind=output, power=power))


def _log_steps(feature: Feature, *, kind: str, power: int) -> Chain:
    log = feature.log
    factor = {"ln": 1.0, "log10": 1.0 / math.log(10.0), "db": 20.0 / power / math.log(10.0)}[kind]
    chain: Chain = (steps.Log(factor, log.guard, log.floor),)
    if log.range is not None:
        chain += (steps.Range(log.range),)
    if (log.gain, log.offset) != (1.0, 0.0):
        chain += (steps.Affine(log.gain, log.offset),)
    return chain


def _unit(feature: Feature) -> str:
    spectrum = "magnitude" if feature.spectrum.power == 1 else "power"
    names = {"ln": f"ln {spectrum}", "log10": f"log10 {spectrum}", "db": "dB"}
    if feature.name == "spectrogram":
        return names.get(feature.spectrum.output, feature.spectrum.output)
    if feature.name == "mel":
        return spectrum
    if feature.name == "mfcc":
        return f"cepstrum of {names[feature.log.kind]}"
    scaled = (feature.log.gain, feature.log.offset) != (1.0, 0.0)
    return names[feature.log.kind] + (f" * {feature.log.gain:g} + {feature.log.offset:g}" if scaled else "")


def _pending_columns(chains: Iterable[Chain], *, n_fft: int) -> Pending:
    """Lay out, side by side and each once, what the clip program needs of the frame program."""
    columns: dict[Chain, slice] = {}
    maxima: list[slice] = []
    width = 0
    for chain in chains:
        start = steps.frame_part(chain)
        if start == chain:
            continue
        energies = tuple((steps.RawLogEnergy(step.floor),) for step in chain if isinstance(step, steps.EnergyForC0))
        for needed in (start, *energies):
            if needed not in columns:
                columns[needed] = slice(width, width + steps.dims(needed, n_fft=n_fft))
                width = columns[needed].stop
        if columns[start] not in maxima:
            maxima.append(columns[start])
    return Pending(MappingProxyType(columns), width, tuple(maxima))
