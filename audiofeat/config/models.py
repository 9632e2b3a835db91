"""Every knob of audiofeat, once: its name, type, default, unit and meaning, as frozen pydantic models.

The groups are shared by all features; ``features`` names the features and may override the four groups that a
feature can have of its own. A model checks each value by itself; what two keys must be to each other is in
``checks.py``. Numeric conventions follow TensorFlow's ``tf.signal``, librosa 0.11, Kaldi and OpenAI Whisper:
each choice below exists because one of them makes it.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

FeatureName: TypeAlias = Literal["spectrogram", "mel", "log_mel", "mfcc"]
FEATURE_NAMES: tuple[str, ...] = get_args(FeatureName)

EPSILON_FLOAT32 = 2.0**-23
"""1.1920928955078125e-07, the spacing of float32 at 1: Kaldi's floor under every logarithm."""

MAX_FRAME_SAMPLES = 2**20


def _path_text(value: Any) -> str:
    """A path as the file system spells it: pydantic's own ``str`` refuses names that are not UTF-8."""
    if not isinstance(value, str | os.PathLike):
        raise PydanticCustomError("string_type", "a path must be text")
    path = os.fsdecode(value)
    if not path or "\0" in path:
        raise PydanticCustomError("bad_path", "a path must not be empty or hold a NUL character")
    return path


def _without_minus_zero(value: float) -> float:
    """-0.0 equals 0.0 but is written differently, which would give one configuration two digests."""
    return value + 0.0


def _not_nearly_whole(value: Any) -> Any:
    """``Literal`` compares with ==, to which True and 1.0 are 1."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "expected a whole number")
    return value


PathText: TypeAlias = Annotated[str, PlainValidator(_path_text), WithJsonSchema({"type": "string"})]
Real: TypeAlias = Annotated[float, AfterValidator(_without_minus_zero)]

_HZ: JsonDict = {"unit": "Hz"}
_SAMPLES: JsonDict = {"unit": "samples"}
_SECONDS: JsonDict = {"unit": "s"}


class Group(BaseModel):
    """The base of all groups: frozen, strict about types, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Audio(Group):
    """The signal that all features are made of."""

    sample_rate: int = Field(
        default=16_000, ge=1_000, le=768_000, json_schema_extra=_HZ, description="Every clip is resampled to this rate."
    )
    scale: Real = Field(
        default=1.0, gt=0, description="Factor on samples in -1..1; Kaldi works on 16-bit integers, which is 32768."
    )


class Select(Group):
    """How clips are named."""

    keys: Literal["stem", "name"] = Field(
        default="stem", description="A clip's key: its path without the suffix (stem) or with it (name)."
    )


class Frame(Group):
    """How the signal is cut into frames; one for all features, so that their frames line up."""

    win_samples: int = Field(
        default=400, ge=1, le=MAX_FRAME_SAMPLES, json_schema_extra=_SAMPLES, description="Window length."
    )
    hop_samples: int = Field(
        default=160,
        ge=1,
        le=MAX_FRAME_SAMPLES,
        json_schema_extra=_SAMPLES,
        description="From one frame's start to the next's.",
    )
    n_fft: int = Field(
        default=512,
        ge=1,
        le=MAX_FRAME_SAMPLES,
        json_schema_extra=_SAMPLES,
        description="FFT length, at least win_samples.",
    )
    align: Literal["left", "center", "hop_center", "same"] = Field(
        default="left",
        description="Where frame t lies: left starts at t*hop and only whole frames count (tf.signal, Kaldi); center "
        "has its middle at t*hop (librosa, Whisper); hop_center has it in the middle of hop t (Kaldi's "
        "snip_edges=false); same pads (n_fft-hop)/2 at both ends (HiFi-GAN).",
    )
    pad: Literal["zero", "reflect", "symmetric"] = Field(
        default="zero",
        description="What lies beyond a clip's ends, unless align is left: silence, the mirrored signal without its "
        "outermost sample (reflect) or with it (symmetric).",
    )
    drop_last: bool = Field(default=False, description="Drop the last centred frame, as Whisper does.")
    remove_dc: bool = Field(
        default=False, description="Subtract each frame's mean before pre-emphasis and window (Kaldi)."
    )


class Window(Group):
    """The taper on each frame."""

    type: Literal["rect", "hann", "hamming", "blackman"] = Field(default="hann", description="The window's formula.")
    sampling: Literal["periodic", "symmetric", "half_sample", "periodic_if_even"] = Field(
        default="periodic",
        description="Where the formula is sampled: n/L, n/(L-1), (n+0.5)/L, or tf.signal's rule: periodic for an even "
        "length, symmetric for an odd one.",
    )
    power: Real = Field(
        default=1.0, gt=0, description="Exponent on the window; hann to the power 0.85 is Kaldi's povey."
    )


class Preemphasis(Group):
    """y[n] = x[n] - coeff * x[n-1] within each frame, before the window (HTK, Kaldi)."""

    coeff: Real = Field(default=0.0, ge=0, le=1, description="Share of the sample before that is taken off; 0 is none.")
    first: Literal["replicate", "keep"] = Field(
        default="replicate", description="The frame's first sample: (1-coeff)*x[0] (replicate, Kaldi) or x[0] (keep)."
    )


class Spectrum(Group):
    """What is taken from the FFT."""

    power: Annotated[Literal[1, 2], BeforeValidator(_not_nearly_whole)] = Field(
        default=2, description="What mel bands sum: 1 the magnitude, 2 its square."
    )
    output: Literal["magnitude", "power", "db", "ln"] = Field(
        default="power", description="How the feature `spectrogram` is written; db and ln follow the group log's floor."
    )


class Mel(Group):
    """The triangular filter bank: bands+2 edges, equally spaced in mel from fmin_hz to fmax_hz."""

    bands: int = Field(default=80, ge=1, le=4_096, description="Number of bands.")
    fmin_hz: Real = Field(default=0.0, ge=0, json_schema_extra=_HZ, description="Lower edge of the lowest band.")
    fmax_hz: Real | None = Field(
        default=None,
        gt=0,
        json_schema_extra=_HZ,
        description="Upper edge of the highest band; null is half the sample rate.",
    )
    scale: Literal["htk", "slaney"] = Field(
        default="htk", description="2595*log10(1+f/700) (htk), or linear below 1 kHz and logarithmic above (slaney)."
    )
    sides: Literal["mel", "hz"] = Field(
        default="mel", description="The axis on which the triangles' sides are straight."
    )
    norm: Literal["none", "slaney"] = Field(
        default="none", description="Triangles peak at 1 (none) or have unit area in Hz."
    )
    empty: Literal["warn", "error"] = Field(default="warn", description="When a band holds no FFT bin, so is constant.")


class Log(Group):
    """From linear to logarithmic: y = gain * limited(log(guarded(x))) + offset."""

    kind: Literal["ln", "log10", "db"] = Field(
        default="ln",
        description="Natural logarithm, base ten, or decibels (10*log10 of a power, 20*log10 of a magnitude).",
    )
    guard: Literal["max", "add"] = Field(
        default="max", description="How the floor is applied: max(x, floor) or x + floor."
    )
    floor: Real = Field(default=1e-10, gt=0, description="What keeps the logarithm from zero, in units of its input.")
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
    lifter_base: Annotated[Literal[0, 1], BeforeValidator(_not_nearly_whole)] = Field(
        default=0, description="The first coefficient's i: 0 (Kaldi, HTK) or 1 (librosa)."
    )
    c0: Literal["keep", "energy"] = Field(
        default="keep",
        description="keep the DCT's own, or replace it with the frame's raw log energy (Kaldi's use_energy).",
    )
    energy_floor: Real = Field(
        default=EPSILON_FLOAT32, gt=0, description="Least energy under the logarithm when c0 is energy."
    )


class Compute(Group):
    """How it is computed."""

    precision: Literal["float32", "float64"] = Field(default="float32", description="Of all arithmetic on the device.")
    tape_slots: int = Field(
        default=2_048,
        ge=256,
        le=65_536,
        json_schema_extra={"unit": "hops"},
        description="Tape length: speed only, no value.",
    )


class Store(Group):
    """Where features are kept, and in what."""

    path: PathText | None = Field(default=None, description="The store's folder; relative to the file that names it.")
    format: Literal["hdf5", "npy"] = Field(
        default="hdf5", description="HDF5 shards of packed clips, or one NPY file a clip."
    )
    shard_clips: int = Field(
        default=1_024, ge=1, json_schema_extra={"unit": "clips"}, description="Mean number of clips in a shard."
    )


class Limits(Group):
    """Clips outside these are quarantined, whatever their headers claim."""

    max_seconds: Real = Field(default=86_400.0, gt=0, json_schema_extra=_SECONDS, description="Longest clip.")
    max_channels: int = Field(default=64, ge=1, json_schema_extra={"unit": "channels"}, description="Most channels.")
    min_sample_rate: int = Field(
        default=1_000, ge=1, json_schema_extra=_HZ, description="Lowest rate of a source file."
    )
    max_sample_rate: int = Field(
        default=768_000, ge=1, json_schema_extra=_HZ, description="Highest rate of a source file."
    )


class Overrides(Group):
    """One feature's own settings: only the keys that are set here replace those of the shared groups."""

    spectrum: Spectrum = Field(default=Spectrum(), description="Over the shared group spectrum.")
    mel: Mel = Field(default=Mel(), description="Over the shared group mel.")
    log: Log = Field(default=Log(), description="Over the shared group log.")
    mfcc: Mfcc = Field(default=Mfcc(), description="Over the shared group mfcc.")


class Config(Group):
    """A whole job: what to read, what to compute, where to write."""

    source: PathText | None = Field(default=None, description="Folder of audio; relative to the file that names it.")
    audio: Audio = Field(default=Audio(), description="The signal: rate and scale.")
    select: Select = Field(default=Select(), description="How clips are named.")
    frame: Frame = Field(default=Frame(), description="Framing, shared by all features.")
    window: Window = Field(default=Window(), description="The taper on each frame.")
    preemphasis: Preemphasis = Field(default=Preemphasis(), description="Per-frame first difference.")
    spectrum: Spectrum = Field(default=Spectrum(), description="What is taken from the FFT.")
    mel: Mel = Field(default=Mel(), description="The filter bank.")
    log: Log = Field(default=Log(), description="The logarithm.")
    mfcc: Mfcc = Field(default=Mfcc(), description="Cepstral coefficients.")
    compute: Compute = Field(default=Compute(), description="Arithmetic.")
    store: Store = Field(default=Store(), description="Where to and in what; a plain PATH means {path: PATH}.")
    limits: Limits = Field(default=Limits(), description="What is accepted as a clip.")
    features: dict[FeatureName, Overrides] = Field(
        min_length=1, description="The features to make, each with its overrides of spectrum, mel, log and mfcc."
    )
