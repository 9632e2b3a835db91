"""A feature as a chain of steps, from the spectrum of a frame to the row that is stored.

Chains are plain values: two features whose chains begin alike share that beginning, and a chain is cut in two
at the first step that needs the whole clip. What comes before runs frame by frame (the frame program), that step
and all that follow run once the clip's statistics are known (the clip program).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Spectrum:
    """|X| (power 1) or |X|^2 (power 2) of the windowed frame: (frames, n_fft // 2 + 1)."""

    power: int
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Mel:
    """The spectrum times a filterbank: (frames, bands). Fields as :func:`audiofeat.dsp.filterbank.mel_filterbank`."""

    bands: int
    fmin_hz: float
    fmax_hz: float
    scale: str
    sides: str
    norm: str
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Log:
    """``factor * ln(x)``, with x kept above zero by ``max(x, floor)`` or ``x + floor``."""

    factor: float
    guard: str
    floor: float
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Range:
    """Nothing lower than the clip's own maximum minus ``below_max`` (librosa's ``top_db``, Whisper's 8)."""

    below_max: float
    needs_clip: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Affine:
    """``gain * x + offset``."""

    gain: float
    offset: float
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Cepstrum:
    """Rows times a liftered DCT matrix: (frames, n). Fields as :func:`audiofeat.dsp.cepstrum.cepstral_matrix`."""

    bands: int
    n: int
    dct: str
    lifter: float
    lifter_base: int
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class EnergyForC0:
    """Coefficient 0 is replaced by ``ln(max(sum of x^2, floor))`` of the frame before pre-emphasis and window."""

    floor: float
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class RawLogEnergy:
    """That energy as a chain of its own, for where coefficient 0 is replaced in the clip program: (frames, 1)."""

    floor: float
    needs_clip: ClassVar[bool] = False


Step: TypeAlias = Spectrum | Mel | Log | Range | Affine | Cepstrum | EnergyForC0 | RawLogEnergy
Chain: TypeAlias = tuple[Step, ...]


def frame_part(chain: Chain) -> Chain:
    """The steps up to the first that needs the whole clip."""
    for position, step in enumerate(chain):
        if step.needs_clip:
            return chain[:position]
    return chain


def dims(chain: Chain, *, n_fft: int) -> int:
    """The number of columns of what a chain gives."""
    width = 1
    for step in chain:
        if isinstance(step, Spectrum):
            width = n_fft // 2 + 1
        elif isinstance(step, Mel):
            width = step.bands
        elif isinstance(step, Cepstrum):
            width = step.n
    return width
