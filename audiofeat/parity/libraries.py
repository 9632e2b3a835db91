"""Who else computes what a preset names: the packages that Python can import, each with the presets it stands for.

A library's own module, ``with_*.py``, is imported only where the library is installed and asked for. The systems that
are no package (HTK, the vocoders' repositories, the AudioSet models) are in no list here: golden files hold their
numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import TypeAlias

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity.silence import silence

Reference: TypeAlias = Callable[[Samples], Array]
"""A preset's feature by the library itself: samples (n,) float32 in -1..1 -> rows (frames, dims)."""


@dataclass(frozen=True, slots=True)
class Library:
    """A package, as pip calls it."""

    name: str
    module: str
    """Of this package, with its calls."""
    presets: tuple[str, ...]
    beside: tuple[str, ...] = ()
    """What must be installed too, and does not come with it."""
    computes_with: tuple[str, ...] = ()
    """Packages whose versions have a hand in its numbers."""
    requirement: str = ""
    """What to install, where its name alone does not say it."""

    @property
    def install(self) -> str:
        """The command that installs it."""
        return "pip install " + " ".join((*self.beside, self.requirement or self.name))

    @property
    def version(self) -> str | None:
        """Of what is installed; None where it, or something beside it, is missing."""
        try:
            for name in self.beside:
                metadata.version(name)
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    @property
    def found(self) -> str:
        """Its name and version."""
        return f"{self.name} {self.version}"

    def references(self) -> Mapping[str, Reference]:
        """Its calls by preset. Imports the library, and raises whatever that raises."""
        with silence():
            references: Mapping[str, Reference] = import_module(f"audiofeat.parity.{self.module}").REFERENCES
        return references


LIBRARIES = (
    Library(
        "librosa",
        "with_librosa",
        ("librosa-logmel", "librosa-mfcc", "librosa-stft"),
        computes_with=("numpy", "scipy"),
    ),
    Library("kaldi-native-fbank", "with_kaldi_native_fbank", ("kaldi-fbank80", "kaldi-mfcc13")),
    Library(
        "python_speech_features",
        "with_python_speech_features",
        ("psf-logfbank", "psf-mfcc"),
        computes_with=("numpy", "scipy"),
    ),
    Library(
        "transformers",
        "with_transformers",
        ("seamless-m4t", "speecht5", "whisper-128", "whisper-128-30s", "whisper-80", "whisper-80-30s"),
        computes_with=("numpy",),
    ),
    # Of the same package, but these ask for torch.
    Library(
        "transformers",
        "with_transformers",
        ("clap-fused", "clap-unfused"),
        beside=("torch",),
        computes_with=("numpy",),
    ),
    Library("transformers", "with_transformers", ("ast",), beside=("torch",), computes_with=("torch", "torchaudio")),
    Library("tensorflow", "with_tensorflow", ("speech-commands", "tf-tutorial")),
    Library(
        "torchaudio",
        "with_torchaudio",
        ("torchaudio-kaldi-fbank80", "torchaudio-kaldi-mfcc13", "torchaudio-melspec", "torchaudio-mfcc"),
        beside=("torch",),
        computes_with=("torch",),
    ),
    Library(
        "nemo_toolkit",
        "with_nemo",
        ("nemo-2025",),
        computes_with=("torch", "librosa"),
        requirement="'nemo_toolkit[asr]>=2.5'",
    ),
    Library(
        "nemo_toolkit",
        "with_nemo",
        ("nemo-legacy",),
        computes_with=("torch", "librosa"),
        requirement="'nemo_toolkit[asr]<2.5'",
    ),
    Library(
        "speechbrain",
        "with_speechbrain",
        ("speechbrain-fbank40", "speechbrain-mfcc"),
        beside=("torch", "torchaudio"),
        computes_with=("torch",),
    ),
    Library(
        "espnet", "with_espnet", ("espnet-asr", "espnet-tts"), beside=("torch",), computes_with=("torch", "librosa")
    ),
    Library("torchlibrosa", "with_torchlibrosa", ("panns",), beside=("torch",), computes_with=("torch", "librosa")),
    Library(
        "laion_clap",
        "with_laion_clap",
        ("clap-laion",),
        beside=("torch", "torchvision"),
        computes_with=("torch", "torchlibrosa"),
    ),
    Library("nvidia-dali-cuda120", "with_dali", ("dali-logmel",)),
    Library("essentia", "with_essentia", ("essentia-mfcc",)),
    Library("opensmile", "with_opensmile", ("opensmile-mfcc-0-d-a",)),
)


def library_of(preset: str) -> Library | None:
    """The package that computes what the preset names; None where there is none."""
    return next((library for library in LIBRARIES if preset in library.presets), None)
