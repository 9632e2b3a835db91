"""What is done to a clip's samples before framing: gain, quantising, length, dither and pre-emphasis.

In this order, each only where it is wanted, block by block; no sample depends on where blocks end. Where nothing is
wanted, the blocks themselves go through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from audiofeat.dsp.row_blocks import Array

INT16_STEPS = 32767.0
FILL_SAMPLES = 65_536
"""What fills a clip up comes in blocks of so many: it may be a day of silence."""


@dataclass(frozen=True, slots=True)
class SignalSteps:
    """The steps; lengths in samples. As it stands, it is nothing at all.

    Args:
        quantize: cut samples to -1..1 and round them toward zero to whole 32767ths (CLAP, PANNs).
        pad_to_samples: fill shorter clips up to this.
        pad_step_samples: fill longer ones up to that and a whole number of these (YAMNet); needs ``pad_to_samples``.
        pad_with: with zeros (``zero``), with the clip again from its start (``repeat``), or with as many whole copies
            of it as fit and then zeros (``repeat_whole``: transformers.ClapFeatureExtractor's ``repeatpad``).
        cut_to_samples: leave out what is behind.
        dither: standard deviation of the normal noise that is added, in units of the samples.
        preemphasis_coeff: a in ``y[n] = x[n] - a x[n-1]``; 0 is none.
        preemphasis_first: y[0]: ``replicate`` (x[0] - a x[0]), ``keep`` (x[0]), ``reflect`` (x[0] - a x[1]) or
            ``extrapolate`` (3 x[0] - x[1]); the last two keep a lone sample.
    """

    quantize: bool = False
    pad_to_samples: int | None = None
    pad_step_samples: int | None = None
    pad_with: str = "zero"
    cut_to_samples: int | None = None
    dither: float = 0.0
    dither_seed: int = 0
    preemphasis_coeff: float = 0.0
    preemphasis_first: str = "replicate"


def prepared_samples(n_samples: int, steps: SignalSteps) -> int:
    """The length of a clip of ``n_samples`` after the steps; one without samples stays so."""
    if n_samples == 0:
        return 0
    padded = n_samples + _missing_samples(n_samples, steps)
    return padded if steps.cut_to_samples is None else min(padded, steps.cut_to_samples)


def prepare(
    blocks: Iterable[Array], steps: SignalSteps, *, key: str, gain: float = 1.0, dtype: npt.DTypeLike
) -> Iterator[Array]:
    """A clip's samples, ready to be cut into frames; all arithmetic in ``dtype``.

    All blocks are taken, also those behind a cut: what watches them sees the whole clip.

    Args:
        key: the clip's key, which its dither follows from.
        gain: factor on all samples.

    Shape:
        blocks (n,) float32 -> blocks (m,) of ``dtype``.
    """
    signal: Iterator[Array] = (block.astype(dtype, copy=False) for block in blocks)
    if gain_within(gain, dtype) != 1.0:
        signal = _scaled(signal, gain)
    if steps.quantize:
        signal = _quantized(signal)
    if steps.pad_to_samples is not None:
        signal = _padded(signal, steps)
    if steps.cut_to_samples is not None:
        signal = _cut(signal, steps.cut_to_samples)
    if steps.dither:
        signal = _dithered(signal, steps.dither, generator=noise_generator(seed=steps.dither_seed, key=key))
    if steps.preemphasis_coeff:
        signal = _preemphasized(signal, steps.preemphasis_coeff, first=steps.preemphasis_first)
    return signal


def gain_within(gain: float, dtype: npt.DTypeLike) -> float:
    """The gain, or 1 where the type cannot hold it: what it would bring to a peak is below any sound, and stays so."""
    return gain if gain <= float(np.finfo(dtype).max) else 1.0


def noise_generator(*, seed: int, key: str) -> np.random.Generator:
    """The source of a clip's noise: another one for each seed and key, the same one on every run.

    Reference: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011): Philox4x64.
    """
    digest = blake3(f"{seed}\0{key}".encode()).digest(length=16)
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _scaled(blocks: Iterator[Array], gain: float) -> Iterator[Array]:
    for block in blocks:
        yield block * block.dtype.type(gain)


def _quantized(blocks: Iterator[Array]) -> Iterator[Array]:
    """Reference: LAION-AI/CLAP src/laion_clap/training/data.py (float32_to_int16, int16_to_float32)."""
    for block in blocks:
        steps = block.dtype.type(INT16_STEPS)
        yield np.trunc(np.clip(block, -1, 1) * steps) / steps


def _missing_samples(n_samples: int, steps: SignalSteps) -> int:
    """How many samples fill up a clip of ``n_samples``, which has some."""
    if steps.pad_to_samples is None:
        return 0
    missing = steps.pad_to_samples - n_samples
    if missing >= 0:
        return missing
    return 0 if steps.pad_step_samples is None else missing % steps.pad_step_samples


def _padded(blocks: Iterator[Array], steps: SignalSteps) -> Iterator[Array]:
    # A clip never lacks more than this, so no more of its start is ever repeated.
    most_missing = max(steps.pad_to_samples or 0, steps.pad_step_samples or 0)
    held: list[Array] = []
    seen = 0
    for block in blocks:
        if steps.pad_with != "zero" and seen < most_missing:
            held.append(block)
        seen += len(block)
        yield block
    missing = _missing_samples(seen, steps) if seen else 0
    if not missing:
        return
    repeated = {"zero": 0, "repeat": missing, "repeat_whole": missing // seen * seen}[steps.pad_with]
    if repeated:
        again = np.concatenate(held)
        for start in range(0, repeated, FILL_SAMPLES):
            yield again[np.arange(start, min(start + FILL_SAMPLES, repeated)) % len(again)]
    for start in range(repeated, missing, FILL_SAMPLES):
        yield np.zeros(min(FILL_SAMPLES, missing - start), block.dtype)


def _cut(blocks: Iterator[Array], n_samples: int) -> Iterator[Array]:
    left = n_samples
    for block in blocks:
        if left > 0:
            yield block[:left]
        left -= len(block)


def _dithered(blocks: Iterator[Array], deviation: float, *, generator: np.random.Generator) -> Iterator[Array]:
    for block in blocks:
        noise = deviation * generator.standard_normal(len(block))
        yield block + noise.astype(block.dtype)


def _preemphasized(blocks: Iterator[Array], coeff: float, *, first: str) -> Iterator[Array]:
    """Reference: librosa.effects.preemphasis; torchaudio.functional.preemphasis; DALI's preemphasis_filter."""
    last: Any = None
    for block in _two_at_first(blocks):
        if not len(block):
            continue
        a = block.dtype.type(coeff)
        out = np.empty_like(block)
        np.multiply(block[:-1], a, out=out[1:])
        np.subtract(block[1:], out[1:], out=out[1:])
        out[0] = _first_sample(block, a, rule=first) if last is None else block[0] - a * last
        last = block[-1]
        yield out


def _two_at_first(blocks: Iterator[Array]) -> Iterator[Array]:
    """The same samples, with two in the first block: the first result may need the second sample."""
    head: list[Array] = []
    for block in blocks:
        head.append(block)
        if sum(map(len, head)) >= 2:
            break
    if head:
        yield head[0] if len(head) == 1 else np.concatenate(head)
    yield from blocks


def _first_sample(block: Array, a: Any, *, rule: str) -> Any:
    if rule == "replicate":
        return block[0] - a * block[0]
    if rule == "keep" or len(block) == 1:
        return block[0]
    if rule == "reflect":
        return block[0] - a * block[1]
    return block.dtype.type(3) * block[0] - block[1]
