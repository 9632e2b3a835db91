"""A feature's settings as the steps that they stand for: the chain of the programs, and the tail behind them."""

from __future__ import annotations

import math

from audiofeat.config import Config, Feature
from audiofeat.dsp import chain as steps
from audiofeat.dsp.chain import Chain
from audiofeat.dsp.tail import Cmvn, Deltas, FixedLength, Stack, Tail, TailStep, tail_dims

_WITHOUT_NORMALISATION = ("waveform", "stft")
"""Features whose rows are no parameters to take differences or statistics of."""
_WITH_MEL = ("mel", "log_mel", "mfcc")


def has_mel(feature: Feature) -> bool:
    """Whether the feature goes through a filterbank."""
    return feature.name in _WITH_MEL


def chain_of(feature: Feature, *, sample_rate_hz: int) -> Chain:
    """The steps of a feature, from the spectrum to the row that the programs give."""
    if feature.name == "waveform":
        return (steps.Waveform(),)
    if feature.name == "stft":
        return (steps.Stft(feature.spectrum.norm),)
    power = feature.spectrum.power
    if feature.name == "spectrogram":
        output = feature.spectrum.output
        if output in ("magnitude", "power"):
            return (_spectrum(feature, power=1 if output == "magnitude" else 2),)
        return (_spectrum(feature, power=power), *_log_steps(feature, kind=output, exponent=power))
    chain: Chain = (_spectrum(feature, power=power), mel_of(feature, sample_rate_hz=sample_rate_hz))
    if feature.mel.sqrt:
        chain += (steps.Root(),)
    if feature.name == "mel":
        return chain
    chain += _log_steps(feature, kind=feature.log.kind, exponent=_exponent(feature))
    if feature.name == "mfcc":
        chain += _cepstral_steps(feature)
    if feature.energy.column != "none":
        chain += (steps.EnergyColumn(_energy(feature), feature.energy.column),)
    return chain


def mel_of(feature: Feature, *, sample_rate_hz: int) -> steps.Mel:
    """The filterbank of a feature; ``mel.fmax_hz`` null is half the rate, not the half rounded down of torchaudio."""
    mel = feature.mel
    fmax_hz = sample_rate_hz / 2 if mel.fmax_hz is None else mel.fmax_hz
    return steps.Mel(mel.bands, mel.fmin_hz, fmax_hz, mel.scale, mel.sides, mel.norm, mel.grid, mel.edge_bins)


def tail_of(feature: Feature, config: Config, *, dims: int) -> Tail:
    """What looks along time, behind the programs: inert steps are left out.

    Args:
        dims: columns that the programs give.
    Raises:
        ValueError: global statistics that are not one a column, which no configuration that was loaded has.
    """
    tail: list[TailStep] = []
    deltas, cmvn, stack, length = feature.deltas, feature.cmvn, config.stack, config.length
    if feature.name not in _WITHOUT_NORMALISATION:
        if deltas.orders:
            tail.append(Deltas(deltas.orders, deltas.window, deltas.form, deltas.edge))
        if cmvn.mode != "none":
            if cmvn.over == "global":
                _check_statistics(feature, columns=tail_dims(tuple(tail), dims))
            tail.append(
                Cmvn(
                    mode=cmvn.mode,
                    over=cmvn.over,
                    ddof=cmvn.ddof,
                    eps=cmvn.eps,
                    eps_at=cmvn.eps_at,
                    window_frames=cmvn.window_frames,
                    min_frames=cmvn.min_frames,
                    center=cmvn.center,
                    mean=cmvn.mean,
                    variance=cmvn.variance,
                )
            )
    if (stack.left, stack.right, stack.stride) != (0, 0, 1):
        tail.append(Stack(stack.left, stack.right, stack.stride, stack.edge, stack.tail, stack.order))
    if length.frames is not None:
        tail.append(FixedLength(length.frames, length.pad_value))
    return tuple(tail)


def unit_of(feature: Feature) -> str:
    """The unit of a feature's values, as the store names it."""
    if feature.name == "waveform":
        return "amplitude"
    if feature.name == "stft":
        return "complex amplitude"
    power = feature.spectrum.power
    if feature.name == "spectrogram":
        output = feature.spectrum.output
        unit = output if output in ("magnitude", "power") else _log_unit(feature, kind=output, exponent=power)
    elif feature.name == "mel":
        unit = _linear_unit(_exponent(feature))
    else:
        unit = _log_unit(feature, kind=feature.log.kind, exponent=_exponent(feature))
        if feature.name == "mfcc":
            unit = f"cepstrum of {unit}"
    return unit if feature.cmvn.mode == "none" else f"{unit}, normalised"


def _spectrum(feature: Feature, *, power: int) -> steps.Spectrum:
    spectrum = feature.spectrum
    floor = 0.0 if spectrum.guard == "none" else spectrum.floor
    return steps.Spectrum(power, spectrum.norm, spectrum.guard, floor)


def _exponent(feature: Feature) -> float:
    """The power of the amplitude that a band is: 2 a power, 1 a magnitude."""
    return feature.spectrum.power / 2 if feature.mel.sqrt else float(feature.spectrum.power)


def _log_steps(feature: Feature, *, kind: str, exponent: float) -> Chain:
    log = feature.log
    factor = {"ln": 1.0, "log10": 1.0 / math.log(10.0), "db": 20.0 / exponent / math.log(10.0)}[kind]
    chain: Chain = (steps.Log(factor, log.guard, log.floor),)
    if log.ref == "max":
        chain += (steps.BelowMax(),)
        if log.range is not None:
            chain += (steps.AtLeast(-log.range),)
    else:
        if log.ref != 1.0:
            chain += (steps.Affine(1.0, -factor * math.log(max(log.floor, log.ref))),)
        if log.range is not None:
            chain += (steps.Range(log.range),)
    if (log.gain, log.offset) != (1.0, 0.0):
        chain += (steps.Affine(log.gain, log.offset),)
    return chain


def _cepstral_steps(feature: Feature) -> Chain:
    mfcc = feature.mfcc
    c0 = mfcc.c0 if mfcc.c0 in ("last", "drop") else "first"
    chain: Chain = (steps.Cepstrum(feature.mel.bands, mfcc.n, mfcc.dct, mfcc.lifter, mfcc.lifter_base, c0),)
    return (*chain, steps.EnergyForC0(_energy(feature))) if mfcc.c0 == "energy" else chain


def _energy(feature: Feature) -> steps.LogEnergy:
    energy = feature.energy
    norm = feature.spectrum.norm if energy.source == "spectrum" else "none"
    return steps.LogEnergy(energy.source, energy.floor, norm)


def _check_statistics(feature: Feature, *, columns: int) -> None:
    n_means = len(feature.cmvn.mean or ())
    if n_means != columns:
        raise ValueError(f"{feature.name}: the global statistics of cmvn are of {n_means} columns, not {columns}")


def _linear_unit(exponent: float) -> str:
    return {2.0: "power", 1.0: "magnitude", 0.5: "root of magnitude"}[exponent]


def _log_unit(feature: Feature, *, kind: str, exponent: float) -> str:
    log = feature.log
    unit = "dB" if kind == "db" else f"{kind} {_linear_unit(exponent)}"
    if log.ref == "max":
        unit += " below the clip's maximum"
    elif log.ref != 1.0:
        unit += f" re {log.ref:g}"
    return unit + (f" * {log.gain:g} + {log.offset:g}" if (log.gain, log.offset) != (1.0, 0.0) else "")
