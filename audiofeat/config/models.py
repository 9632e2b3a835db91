"""Every knob of audiofeat, once: its name, type, default, unit and meaning, as frozen pydantic models.

The groups of ``signal_groups`` are shared by all features; those of ``feature_groups`` a feature may override. A
model checks each value by itself; what two keys must be to each other is in ``checks.py``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from pydantic import Field

from audiofeat.config.feature_groups import Cmvn, Deltas, Energy, Log, Mel, Mfcc, Spectrum
from audiofeat.config.kinds import FRAMES, HZ, SECONDS, Group, PathText, Real
from audiofeat.config.signal_groups import Audio, Frame, Length, Manifest, Preemphasis, Select, Stack, Window

FeatureName: TypeAlias = Literal["waveform", "stft", "spectrogram", "mel", "log_mel", "mfcc"]
FEATURE_NAMES: tuple[str, ...] = get_args(FeatureName)


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
    dtype: Literal["computed", "float32", "float16"] = Field(
        default="computed",
        description="Type of the stored values, complex64 for complex ones of float32; computed: as compute.precision.",
    )
    compression: Literal["none", "gzip", "blosc2"] = Field(
        default="none",
        description="Of HDF5 shards: gzip (shuffled) any HDF5 reads, blosc2 (bitshuffle, zstd) is faster and needs "
        "hdf5plugin.",
    )
    compression_level: int = Field(default=3, ge=1, le=9, description="1 is fastest, 9 smallest.")
    chunk_frames: int = Field(
        default=128,
        ge=1,
        le=65_536,
        json_schema_extra=FRAMES,
        description="Compressed together: fewer make short slices faster, more make files smaller.",
    )
    shard_clips: int = Field(
        default=1_024, ge=1, json_schema_extra={"unit": "clips"}, description="Mean number of clips in a shard."
    )


class Limits(Group):
    """Clips outside these are quarantined, whatever their headers claim."""

    max_seconds: Real = Field(default=86_400.0, gt=0, json_schema_extra=SECONDS, description="Longest clip.")
    max_bytes: int = Field(
        default=100_000_000_000,
        ge=1,
        json_schema_extra={"unit": "bytes"},
        description="Largest file; a larger one is not even read.",
    )
    max_channels: int = Field(default=64, ge=1, json_schema_extra={"unit": "channels"}, description="Most channels.")
    min_sample_rate: int = Field(default=1_000, ge=1, json_schema_extra=HZ, description="Lowest rate of a source file.")
    max_sample_rate: int = Field(
        default=768_000, ge=1, json_schema_extra=HZ, description="Highest rate of a source file."
    )


class Overrides(Group):
    """One feature's own settings: only the keys that are set here replace those of the shared groups."""

    spectrum: Spectrum = Field(default=Spectrum(), description="Over the shared group spectrum.")
    mel: Mel = Field(default=Mel(), description="Over the shared group mel.")
    log: Log = Field(default=Log(), description="Over the shared group log.")
    mfcc: Mfcc = Field(default=Mfcc(), description="Over the shared group mfcc.")
    energy: Energy = Field(default=Energy(), description="Over the shared group energy.")
    deltas: Deltas = Field(default=Deltas(), description="Over the shared group deltas.")
    cmvn: Cmvn = Field(default=Cmvn(), description="Over the shared group cmvn.")


class Config(Group):
    """A whole job: what to read, what to compute, where to write."""

    source: PathText | None = Field(
        default=None, description="The folder of audio, or a manifest; relative to the file that names it."
    )
    manifest: Manifest = Field(default=Manifest(), description="What a manifest's columns are called.")
    audio: Audio = Field(default=Audio(), description="The signal: rate, channels, length and scale.")
    select: Select = Field(default=Select(), description="Which clips are taken, and how they are named.")
    length: Length = Field(default=Length(), description="Fixed lengths.")
    frame: Frame = Field(default=Frame(), description="Framing, shared by all features.")
    window: Window = Field(default=Window(), description="The taper on each frame.")
    preemphasis: Preemphasis = Field(default=Preemphasis(), description="First difference of the signal.")
    spectrum: Spectrum = Field(default=Spectrum(), description="What is taken from the FFT.")
    mel: Mel = Field(default=Mel(), description="The filter bank.")
    log: Log = Field(default=Log(), description="The logarithm.")
    mfcc: Mfcc = Field(default=Mfcc(), description="Cepstral coefficients.")
    energy: Energy = Field(default=Energy(), description="The frame's log energy.")
    deltas: Deltas = Field(default=Deltas(), description="Differences along time.")
    cmvn: Cmvn = Field(default=Cmvn(), description="Normalisation of mean and variance.")
    stack: Stack = Field(default=Stack(), description="Rows joined with their neighbours.")
    compute: Compute = Field(default=Compute(), description="Arithmetic.")
    store: Store = Field(default=Store(), description="Where to and in what; a plain PATH means {path: PATH}.")
    limits: Limits = Field(default=Limits(), description="What is accepted as a clip.")
    features: dict[FeatureName, Overrides] = Field(
        min_length=1, description="The features to make, each with its overrides of the groups from spectrum to cmvn."
    )
