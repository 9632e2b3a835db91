"""The groups that all features of a job share: the signal, how it is cut into frames, and what a row is.

Numeric conventions follow TensorFlow's ``tf.signal``, librosa 0.11, Kaldi, OpenAI Whisper, NeMo, torchaudio and
python_speech_features: each choice below exists because one of them makes it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from audiofeat.config.kinds import DECIBELS, FRAMES, HZ, MAX_FRAME_SAMPLES, SAMPLES, SECONDS, Group, Real, Reals

_DAY_SECONDS = 86_400


class Manifest(Group):
    """The names of a manifest's columns (CSV, TSV, JSONL, Parquet); all other columns become ``meta.*``."""

    path: str = Field(default="path", min_length=1, description="Column of the audio file's path.")
    key: str = Field(default="key", min_length=1, description="Column of the clip's key.")
    start: str = Field(default="start", min_length=1, description="Column of where the clip starts, in seconds.")
    end: str = Field(default="end", min_length=1, description="Column of where it ends, in seconds.")
    channel: str = Field(default="channel", min_length=1, description="Column of its channel, counted from 0.")


class Audio(Group):
    """The signal that all features are made of."""

    sample_rate: Annotated[int, Field(ge=1_000, le=768_000)] | Literal["native"] = Field(
        default=16_000,
        json_schema_extra=HZ,
        description="Every clip is resampled to this rate; native keeps each file's own.",
    )
    channels: Annotated[int, Field(ge=0, le=1_023)] | Literal["mix", "first", "each"] = Field(
        default="mix",
        description="The mean of all channels (mix), the first one, a clip of each with #CHANNEL behind its key "
        "(each), or the channel of that number, counted from 0.",
    )
    trim_db: Real | None = Field(
        default=None,
        gt=0,
        json_schema_extra=DECIBELS,
        description="Cut off both ends where they are this far below the clip's loudest part, as "
        "librosa.effects.trim does; null keeps them.",
    )
    chunk_seconds: Real | None = Field(
        default=None,
        ge=0.01,
        json_schema_extra=SECONDS,
        description="Cut each clip into clips of this length, with @START-END in milliseconds behind their keys; the "
        "last one may be shorter. null does not cut.",
    )
    peak: Real | None = Field(
        default=None,
        gt=0,
        le=10**8,
        description="Scale each clip so that its largest sample is this (HiFi-GAN); null does not.",
    )
    quantize: Literal["none", "int16"] = Field(
        default="none", description="int16 rounds samples toward zero to steps of 1/32767 (CLAP, PANNs)."
    )
    scale: Real = Field(
        default=1.0,
        ge=1e-9,
        le=10**9,
        description="Factor on samples in -1..1; Kaldi works on 16-bit integers, which is 32768.",
    )
    dither: Real = Field(
        default=0.0,
        ge=0,
        le=10**9,
        description="Standard deviation of normal noise that is added, in units of the scaled samples.",
    )
    dither_seed: int = Field(
        default=0, ge=0, le=2**31 - 1, description="Another seed, other noise; each clip's follows from its key too."
    )


class Select(Group):
    """Which clips are taken, and how they are named."""

    keys: Literal["stem", "name"] = Field(
        default="stem", description="A clip's key: its path without the suffix (stem) or with it (name)."
    )
    min_seconds: Real | None = Field(
        default=None, gt=0, json_schema_extra=SECONDS, description="Leave out shorter clips; null leaves out none."
    )
    max_seconds: Real | None = Field(
        default=None, gt=0, json_schema_extra=SECONDS, description="Leave out longer clips; null leaves out none."
    )


class Length(Group):
    """Fixed lengths: of each clip's signal before framing, and of its features at the very end."""

    pad_to_seconds: Real | None = Field(
        default=None,
        gt=0,
        le=_DAY_SECONDS,
        json_schema_extra=SECONDS,
        description="Fill shorter signals up to this; null does not.",
    )
    pad_step_seconds: Real | None = Field(
        default=None,
        gt=0,
        le=_DAY_SECONDS,
        json_schema_extra=SECONDS,
        description="Fill longer signals up to pad_to_seconds and a whole number of these steps (YAMNet); null does "
        "not.",
    )
    pad_with: Literal["zero", "repeat", "repeat_whole"] = Field(
        default="zero",
        description="What fills them: silence (zero), the signal again from its start (repeat), or the signal as "
        "often as it fits whole and then silence (repeat_whole, CLAP's repeatpad).",
    )
    cut_to_seconds: Real | None = Field(
        default=None, gt=0, json_schema_extra=SECONDS, description="Cut longer signals off behind this; null does not."
    )
    frames: int | None = Field(
        default=None,
        ge=1,
        le=2**31,
        json_schema_extra=FRAMES,
        description="Give every feature this many rows: cut off behind, or filled up; null leaves them as they are.",
    )
    pad_value: Real = Field(default=0.0, description="What the rows filled up hold.")


class Frame(Group):
    """How the signal is cut into frames; one for all features, so that their frames line up."""

    win_samples: int = Field(
        default=400, ge=1, le=MAX_FRAME_SAMPLES, json_schema_extra=SAMPLES, description="Window length."
    )
    hop_samples: int = Field(
        default=160,
        ge=1,
        le=MAX_FRAME_SAMPLES,
        json_schema_extra=SAMPLES,
        description="From one frame's start to the next's.",
    )
    n_fft: int = Field(
        default=512,
        ge=1,
        le=MAX_FRAME_SAMPLES,
        json_schema_extra=SAMPLES,
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
    count_by: Literal["win", "n_fft"] = Field(
        default="win",
        description="With align left, whether a frame must fit with its window or with its FFT, in whose middle the "
        "window then lies (librosa's and torch's center=False).",
    )
    tail: Literal["drop", "pad_last", "pad_hop", "extra"] = Field(
        default="drop",
        description="What becomes of samples behind the last whole frame: nothing (drop); zeros complete one more "
        "frame (pad_last, python_speech_features); zeros complete a frame for every hop begun (pad_hop, tf.signal's "
        "pad_end); with align center, one frame more than hops begun (extra, Essentia).",
    )
    drop_last: bool = Field(default=False, description="Drop the last centred frame, as Whisper does.")
    remove_dc: bool = Field(
        default=False, description="Subtract each frame's mean before pre-emphasis and window (Kaldi)."
    )


class Window(Group):
    """The taper on each frame."""

    type: Literal["rect", "hann", "hamming", "blackman", "sine"] = Field(
        default="hann", description="The window's formula."
    )
    sampling: Literal["periodic", "symmetric", "half_sample", "periodic_if_even"] = Field(
        default="periodic",
        description="Where the formula is sampled: n/L, n/(L-1), (n+0.5)/L, or tf.signal's rule: periodic for an even "
        "length, symmetric for an odd one.",
    )
    coefficient: Real | None = Field(
        default=None,
        ge=0,
        le=1,
        description="First term a0 of a hamming (0.54 where null) or blackman window (0.42 where null).",
    )
    power: Real = Field(
        default=1.0, gt=0, description="Exponent on the window; hann to the power 0.85 is Kaldi's povey."
    )
    values: Reals | None = Field(
        default=None, description="The window itself, win_samples numbers; null computes it by the keys above."
    )


class Preemphasis(Group):
    """y[n] = x[n] - coeff * x[n-1], within each frame before the window (HTK, Kaldi) or over the whole signal."""

    coeff: Real = Field(default=0.0, ge=0, le=1, description="Share of the sample before that is taken off; 0 is none.")
    scope: Literal["frame", "signal"] = Field(
        default="frame", description="Frame by frame (HTK, Kaldi), or once over the clip (librosa, NeMo)."
    )
    first: Literal["replicate", "keep", "reflect", "extrapolate"] = Field(
        default="replicate",
        description="The first sample: (1-coeff)*x[0] (replicate, Kaldi), x[0] (keep), x[0]-coeff*x[1] (reflect), or "
        "3*x[0]-x[1] (extrapolate, librosa).",
    )


class Stack(Group):
    """Rows joined with their neighbours at the very end; for all features alike, so that their rows line up."""

    left: int = Field(default=0, ge=0, le=1_024, json_schema_extra=FRAMES, description="Rows before that are joined.")
    right: int = Field(default=0, ge=0, le=1_024, json_schema_extra=FRAMES, description="Rows behind that are joined.")
    stride: int = Field(default=1, ge=1, le=1_024, json_schema_extra=FRAMES, description="Every how many rows.")
    edge: Literal["replicate", "zero"] = Field(
        default="replicate", description="What stands for rows beyond the ends: the outermost row, or zeros."
    )
    tail: Literal["pad", "drop"] = Field(
        default="pad", description="Whether joined rows that reach beyond the end are kept (pad) or not (drop)."
    )
    order: Literal["rows", "columns"] = Field(
        default="rows",
        description="How joined rows lie in one: row behind row (rows, Kaldi), or the values of each column side by "
        "side (columns, SpeechBrain).",
    )
