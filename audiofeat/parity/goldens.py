"""Golden files: what a library gave for the synthesised signals, recorded by ``scripts/make_goldens.py``.

One ``.npz`` a preset, of a few kilobytes: a few rows (and, of wide features, some columns) of each signal, the shape
of the whole, and ``about``, which says which versions made it and how far the library itself lies from float64
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
import numpy.typing as npt
from blake3 import blake3

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.errors import DamageError

_ABOUT = "about"
_MOST_COLUMNS = 256
_FEW_COLUMNS = 64
_FIRST_ROWS = (0, 1, 31)


class RefusedError(Exception):
    """A library does not take a clip, or another one than audiofeat's; the message says why, mostly in its words."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """Some of the rows and columns that a library gave for a clip, or all of them."""

    shape: tuple[int, ...]
    """Of the whole: (frames, dims)."""
    values: Array
    """(rows, columns) of what is kept."""
    rows: npt.NDArray[np.intp]
    """Numbers of the rows that are kept."""
    columns: npt.NDArray[np.intp]

    def of(self, whole: Array) -> Array:
        """The same places of other features: (frames, dims) -> (rows, columns)."""
        return whole[self.rows][:, self.columns]


def all_of(rows: Array) -> Excerpt:
    """Everything that a library gave for a clip."""
    return Excerpt(rows.shape, rows, *map(np.arange, rows.shape))


def excerpt_of(rows: Array) -> Excerpt:
    """What a golden file keeps of it, in single precision."""
    kept = _kept_rows(len(rows)), _kept_columns(rows.shape[1])
    single = np.complex64 if np.iscomplexobj(rows) else np.float32
    return Excerpt(rows.shape, rows[kept[0]][:, kept[1]].astype(single), *kept)


def _kept_rows(n_rows: int) -> npt.NDArray[np.intp]:
    """The first two, one further on, the middle and the last: edges, and what lies between."""
    wanted = {*_FIRST_ROWS, n_rows // 2, n_rows - 1}
    return np.array(sorted(row for row in wanted if 0 <= row < n_rows), np.intp)


def _kept_columns(dims: int) -> npt.NDArray[np.intp]:
    """All, or of many some, evenly spread from the first to the last."""
    if dims <= _MOST_COLUMNS:
        return np.arange(dims)
    return np.round(np.linspace(0, dims - 1, _FEW_COLUMNS)).astype(np.intp)


@dataclass(frozen=True, slots=True)
class About:
    """How a golden file was made."""

    system: str
    """What computed it, with its version or commit: ``librosa 0.11.0``."""
    packages: Mapping[str, str]
    """What else had a hand in the numbers."""
    signals: Mapping[str, str]
    """Digest of each signal's samples."""
    distance_db: Mapping[str, float]
    """Signal -> the largest difference between the library and audiofeat in float64, of what is audible."""
    refused: Mapping[str, str]
    """Signals that the library does not take, and what it says."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden file."""

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
            raise DamageError(f"a golden file was made of another signal {signal}", hint="scripts/make_goldens")
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
                name: Excerpt((n_rows, dims), arrays[name], _kept_rows(n_rows), _kept_columns(dims))
                for name, (n_rows, dims) in shapes.items()
            }
            return Golden(About(**record), excerpts)
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise DamageError(
            f"the golden file of {preset} cannot be read: {error}", hint="install audiofeat again"
        ) from error


def digest_of_signal(samples: Samples) -> str:
    """BLAKE3 of the samples as 16-bit integers, sixteen hexadecimal digits."""
    return blake3((samples * 32768.0).astype("<i2").tobytes()).hexdigest()[:16]


def _json_of(golden: Golden) -> str:
    shapes = {name: excerpt.shape for name, excerpt in golden.excerpts.items()}
    return json.dumps({**asdict(golden.about), "shapes": shapes}, sort_keys=True)
