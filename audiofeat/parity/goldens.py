"""Golden files: what a library gave for the synthesised signals, recorded by ``scripts/make_goldens``.

One ``.npz`` a preset, of five to twenty kilobytes: a few rows (and, of wide features, some columns) of each signal, the
shape of the whole, and ``about``, which says which versions made it and how far the library itself lies from float64
arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
from blake3 import blake3

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.errors import DamageError
from audiofeat.parity.excerpts import Excerpt, RefusedError, kept_columns, kept_rows

_ABOUT = "about"
_HINT = "install audiofeat again"


@dataclass(frozen=True, slots=True)
class About:
    """How a golden file was made."""

    system: str
    """What computed it, with its version or commit: ``librosa 0.11.0``."""
    packages: Mapping[str, str]
    """The packages that it computes with, by version."""
    signals: Mapping[str, str]
    """Digest of each signal's samples."""
    distance_db: Mapping[str, float]
    """Signal -> the largest difference between the library and audiofeat in float64, of what is audible."""
    refused: Mapping[str, str]
    """Signals that the library does not take, and what it says."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden file."""

    preset: str
    about: About
    excerpts: Mapping[str, Excerpt]
    """By signal, without those refused."""

    def wanted(self, signal: str, samples: Samples) -> Excerpt:
        """What the library gave for a signal.

        Raises:
            RefusedError: nothing but this message.
            DamageError: the file was made of other samples.
        """
        if self.about.signals.get(signal) != digest_of_signal(samples):
            raise DamageError(f"the golden file of {self.preset} is of another signal {signal}", hint=_HINT)
        if signal in self.about.refused:
            raise RefusedError(self.about.refused[signal])
        return self.excerpts[signal]

    def to_bytes(self) -> bytes:
        """The file: the same bytes for the same content."""
        arrays: dict[str, Array] = {_ABOUT: np.frombuffer(_json_of(self).encode(), np.uint8)}
        arrays |= {name: excerpt.values for name, excerpt in self.excerpts.items()}
        buffer = BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # the stub takes arrays for the flag
        return buffer.getvalue()


def read_golden(preset: str) -> Golden:
    """The golden file of a preset.

    Raises:
        DamageError: it does not hold what it should.
    """
    file = files("audiofeat.parity") / "goldens" / f"{preset}.npz"
    try:
        with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            record = json.loads(arrays[_ABOUT].tobytes())
            shapes = record.pop("shapes")
            excerpts = {
                name: Excerpt((n_rows, dims), arrays[name], kept_rows(n_rows), kept_columns(dims))
                for name, (n_rows, dims) in shapes.items()
            }
            return Golden(preset, About(**record), excerpts)
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise DamageError(f"the golden file of {preset} cannot be read: {error}", hint=_HINT) from error


def digest_of_signal(samples: Samples) -> str:
    """BLAKE3 of the samples as 16-bit integers, sixteen hexadecimal digits."""
    return blake3((samples * 32768.0).astype("<i2").tobytes()).hexdigest()[:16]


def _json_of(golden: Golden) -> str:
    shapes = {name: excerpt.shape for name, excerpt in golden.excerpts.items()}
    return json.dumps({**asdict(golden.about), "shapes": shapes}, sort_keys=True)
