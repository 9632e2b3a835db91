"""The groups that each feature may have of its own: from the spectrum to cepstra, deltas and normalisation.

Numeric conventions follow TensorFlow's ``tf.signal``, librosa 0.11, Kaldi, HTK, python_speech_features, NeMo,
SpeechBrain and HiFi-GAN: each choice below exists because one of them makes it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from audiofeat.config.kinds import EPSILON_FLOAT32, FRAMES, HZ, Group, PathText, Real, Reals, WholeNumber


class Spectrum(Group):
    """What is taken from the FFT."""

    power: Annotated[Literal[1, 2], WholeNumber] = Field(
        default=2, description="What mel bands sum: 1 the magnitude, 2 its square."
    )
    norm: Literal["none", "n_fft", "win_length", "window_energy", "window_sum"] = Field(
        default="none",
        description="What the power |X|^2 is divided by: nothing, n_fft (python_speech_features), win_samples or the "
        "window's sum of squares (torchaudio's normalized), or the square of half the window's sum (Essentia).",
    )
    guard: Literal["none", "max", "add"] = Field(
        default="none",
        description="Whether the power is kept from zero before a root is taken: max(power, floor), power + floor "
        "(HiFi-GAN).",
    )
    floor: Real = Field(default=1e-10, gt=0, description="That floor.")
    output: Literal["magnitude", "power", "db", "ln"] = Field(
        default="power", description="How the feature `spectrogram` is written; db and ln follow the group log's floor."
    )


class Mel(Group):
    """The triangular filter bank: bands+2 edges, equally spaced in mel from fmin_hz to fmax_hz."""

    bands: int = Field(default=80, ge=1, le=4_096, description="Number of bands.")
    fmin_hz: Real = Field(default=0.0, ge=0, json_schema_extra=HZ, description="Lower edge of the lowest band.")
    fmax_hz: Real | None = Field(
        default=None,
        gt=0,
        json_schema_extra=HZ,
        description="Upper edge of the highest band; null is half the sample rate.",
    )
    scale: Literal["htk", "slaney"] = Field(
        default="htk", description="2595*log10(1+f/700) (htk), or linear below 1 kHz and logarithmic above (slaney)."
    )
    sides: Literal["mel", "hz", "bin_floor", "hz_left"] = Field(
        default="mel",
        description="The axis on which the triangles' sides are straight: mel, Hz, the FFT bins below their corners "
        "(bin_floor, python_speech_features), or Hz with the left side's width on both sides (hz_left, SpeechBrain).",
    )
    norm: Literal["none", "slaney", "unit_sum", "unit_l2", "unit_max"] = Field(
        default="none",
        description="Triangles peak at 1 (none), have unit area in Hz (slaney), or weights whose sum, root of the sum "
        "of squares, or maximum is 1.",
    )
    grid: Literal["exact", "half_int"] = Field(
        default="exact",
        description="Where the FFT bins lie: at k*rate/n_fft, or evenly from 0 to rate//2 (half_int, torchaudio), "
        "which differs for odd rates and odd n_fft.",
    )
    edge_bins: Literal["all", "htk", "tf_op"] = Field(
        default="all",
        description="Which bins at the ends of the range count: all, those that HTK's rounding keeps at both ends, or "
        "those that TensorFlow's mfcc op keeps.",
    )
    sqrt: bool = Field(default=False, description="Take the root of each band (TFLite's micro frontend).")
    empty: Literal["warn", "error"] = Field(default="warn", description="When a band holds no FFT bin, so is constant.")


class Log(Group):
    """From linear to logarithmic: y = gain * limited(log(guarded(x)) - log(ref)) + offset."""

    kind: Literal["ln", "log10", "db"] = Field(
        default="ln",
        description="Natural logarithm, base ten, or decibels (10*log10 of a power, 20*log10 of a magnitude).",
    )
    guard: Literal["max", "add", "replace_zero"] = Field(
        default="max",
        description="How the floor is applied: max(x, floor), x + floor, or floor where x is exactly 0 "
        "(python_speech_features).",
    )
    floor: Real = Field(default=1e-10, gt=0, description="What keeps the logarithm from zero, in units of its input.")
    ref: Annotated[Real, Field(gt=0)] | Literal["max"] = Field(
        default=1.0, description="What counts as 0 on the logarithm: this value, or the clip's own maximum (max)."
    )
    range: Real | None = Field(
        default=None,
        gt=0,
        description="Raise values to this far below the clip's own maximum, in units of the logarithm: librosa's "
        "top_db 80, Whisper's 8; null is no limit.",
    )
    gain: Real = Field(default=1.0, description="Factor, after the range.")
    offset: Real = Field(default=0.0, description="Summand, after the gain.")


class Mfcc(Group):
    """The DCT-II of the log-mel bands."""

    n: int = Field(default=13, ge=1, le=4_096, description="Number of coefficients, the first (c0) included.")
    dct: Literal["ortho", "htk", "x2", "x1"] = Field(
        default="ortho", description="Scale: orthonormal; sqrt(2/bands) throughout (HTK); 2; or none."
    )
    lifter: Real = Field(default=0.0, ge=0, description="L in 1 + L/2*sin(pi*i/L) on coefficient i; 0 is no liftering.")
    lifter_base: Annotated[Literal[0, 1], WholeNumber] = Field(
        default=0, description="The first coefficient's i: 0 (Kaldi, HTK) or 1 (librosa)."
    )
    c0: Literal["keep", "energy", "drop", "last"] = Field(
        default="keep",
        description="keep the DCT's own, replace it with the log energy (Kaldi's use_energy), drop it, or put it last "
        "(HTK's _0).",
    )


class Energy(Group):
    """A frame's log energy ln(max(sum of squares, floor)): in c0's place, or as a column of its own."""

    source: Literal["raw_frame", "windowed", "spectrum"] = Field(
        default="raw_frame",
        description="Of what: the frame before pre-emphasis and window (Kaldi), after both, or the power spectrum's "
        "sum (python_speech_features).",
    )
    floor: Real = Field(default=EPSILON_FLOAT32, gt=0, description="Least energy under the logarithm.")
    column: Literal["none", "first", "last"] = Field(
        default="none", description="Whether log_mel and mfcc get it as a further column, and where (Kaldi's fbank)."
    )


class Deltas(Group):
    """Differences along time, as further columns: [x, delta x, delta delta x]."""

    orders: Annotated[Literal[0, 1, 2], WholeNumber] = Field(
        default=0, description="0 none, 1 with deltas, 2 with double deltas too."
    )
    window: int = Field(
        default=2, ge=1, le=100, json_schema_extra=FRAMES, description="Rows on each side; librosa's width is 2n+1."
    )
    form: Literal["sequential", "open_end", "composed", "savgol"] = Field(
        default="sequential",
        description="Regression, the second order from the first, which is repeated beyond both ends (HTK, "
        "torchaudio) or goes on beyond the end (open_end, openSMILE); regression with both kernels convolved (Kaldi); "
        "or Savitzky-Golay, a polynomial of the order's degree (librosa).",
    )
    edge: Literal["replicate", "interp"] = Field(
        default="replicate",
        description="At the ends: the outermost row again and again, or, for savgol, the polynomial fitted to the "
        "outermost rows (interp, librosa).",
    )


class Cmvn(Group):
    """Cepstral mean and variance normalisation, of any feature: (x - mean) / deviation, column by column."""

    mode: Literal["none", "mean", "meanvar"] = Field(
        default="none", description="Nothing, the mean alone, or mean and deviation."
    )
    over: Literal["clip", "clip_all", "sliding", "global"] = Field(
        default="clip",
        description="Whose statistics: each column's in the clip, all values' of the clip, the rows around each row "
        "(Kaldi's apply-cmvn-sliding), or given ones.",
    )
    ddof: Annotated[Literal[0, 1], WholeNumber] = Field(
        default=0, description="The variance divides by the number of rows less this; 1 is NeMo's."
    )
    eps: Real = Field(default=0.0, ge=0, description="What keeps the deviation from zero.")
    eps_at: Literal["std_add", "var_add", "std_max", "var_max"] = Field(
        default="std_add", description="How: std + eps, root of (var + eps), max(std, eps), root of max(var, eps)."
    )
    window_frames: int = Field(
        default=600, ge=1, le=2**31, json_schema_extra=FRAMES, description="Rows that a sliding mean is taken over."
    )
    min_frames: int = Field(
        default=100,
        ge=1,
        le=2**31,
        json_schema_extra=FRAMES,
        description="Rows that it takes at the clip's start, where fewer lie before; not with center.",
    )
    center: bool = Field(
        default=False, description="Whether the sliding window has its row in the middle or at its end."
    )
    file: PathText | None = Field(
        default=None,
        description="For global: an .npz file with the arrays FEATURE.mean and FEATURE.variance; relative to the file "
        "that names it.",
    )
    mean: Reals | None = Field(default=None, description="For global: the means, one a column; instead of file.")
    variance: Reals | None = Field(default=None, description="For global: the variances, likewise.")
