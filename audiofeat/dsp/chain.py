"""A feature as a chain of steps, from the spectrum of a frame to the row that the programs give.

Chains are plain values: two features whose chains begin alike share that beginning, and a chain is cut in two
at the first step that needs the whole clip. What comes before runs frame by frame (the frame program), that step
and all that follow run once the clip's statistics are known (the clip program). What looks along time (deltas,
normalisation, stacking) is no step of a chain but comes after both, on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Waveform:
    """The frame itself, before its mean is removed and before pre-emphasis and window: (frames, win_samples)."""

    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Stft:
    """X of the windowed frame, complex, divided by the root of what ``norm`` names: (frames, n_fft // 2 + 1)."""

    norm: str
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Spectrum:
    """|X| (power 1) or |X|^2 (power 2) of the windowed frame: (frames, n_fft // 2 + 1).

    |X|^2 is divided by what ``norm`` names, then kept above zero by ``max(x, floor)``, ``x + floor`` or nothing
    (``guard`` max, add, none); only then is a root taken.
    """

    power: int
    norm: str = "none"
    guard: str = "none"
    floor: float = 0.0
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
    grid: str = "exact"
    edge_bins: str = "all"
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Root:
    """The square root of each band."""

    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Log:
    """``factor * ln(x)``, with x kept above zero by ``max(x, floor)``, ``x + floor``, or floor where x is 0."""

    factor: float
    guard: str
    floor: float
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class BelowMax:
    """What a value is below the clip's own maximum, which so becomes 0 (librosa's ``ref=np.max``)."""

    needs_clip: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Range:
    """Nothing lower than the clip's own maximum minus ``below_max`` (librosa's ``top_db``, Whisper's 8)."""

    below_max: float
    needs_clip: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Nothing lower than ``least``."""

    least: float
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Affine:
    """``gain * x + offset``."""

    gain: float
    offset: float
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Cepstrum:
    """Rows times a liftered DCT matrix: (frames, n), or n - 1 without coefficient 0.

    Fields as :func:`audiofeat.dsp.cepstrum.cepstral_matrix`.
    """

    bands: int
    n: int
    dct: str
    lifter: float
    lifter_base: int
    c0: str = "first"
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class LogEnergy:
    """``ln(max(energy, floor))``: (frames, 1); a chain of its own, to which the two steps below refer.

    The energy is the sum of squares of the frame before pre-emphasis and window (``raw_frame``) or after both
    (``windowed``), or the sum over the spectrum's bins of |X|^2 divided by what ``norm`` names (``spectrum``).
    """

    source: str
    floor: float
    norm: str = "none"
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class EnergyForC0:
    """Coefficient 0 is replaced by the log energy."""

    energy: LogEnergy
    needs_clip: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class EnergyColumn:
    """The log energy is one column more, ``first`` or ``last``."""

    energy: LogEnergy
    at: str
    needs_clip: ClassVar[bool] = False


WithEnergy: TypeAlias = EnergyForC0 | EnergyColumn
Step: TypeAlias = (
    Waveform
    | Stft
    | Spectrum
    | Mel
    | Root
    | Log
    | BelowMax
    | Range
    | AtLeast
    | Affine
    | Cepstrum
    | LogEnergy
    | EnergyForC0
    | EnergyColumn
)
Chain: TypeAlias = tuple[Step, ...]


def frame_part(chain: Chain) -> Chain:
    """The steps up to the first that needs the whole clip."""
    for position, step in enumerate(chain):
        if step.needs_clip:
            return chain[:position]
    return chain


def dims(chain: Chain, *, n_fft: int, win_samples: int) -> int:
    """The number of columns of what a chain gives."""
    width = 1
    for step in chain:
        if isinstance(step, Waveform):
            width = win_samples
        elif isinstance(step, Stft | Spectrum):
            width = n_fft // 2 + 1
        elif isinstance(step, Mel):
            width = step.bands
        elif isinstance(step, Cepstrum):
            width = step.n - 1 if step.c0 == "drop" else step.n
        elif isinstance(step, EnergyColumn):
            width += 1
    return width
