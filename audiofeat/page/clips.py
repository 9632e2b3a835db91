"""What the manifest says of all clips, column by column, and of those chosen, clip by clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from audiofeat.page.numbers import cut

if TYPE_CHECKING:
    import pyarrow as pa

Reals = npt.NDArray[np.float64]

MOST_KEY_LETTERS = 120
_MOST_META_LETTERS = 32
_MOST_META = 4
_MEASURED = ("duration_seconds", "frames", "rms", "clipped_share", "silent_share")
_META = "meta."


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """The clips of a store, by number in the order of their keys."""

    table: pa.Table
    """The manifest."""
    measured: Mapping[str, Reals]
    """By the manifest's columns of what is measured of each clip."""
    meta_names: Sequence[str]
    """What the source says of clips besides: the first few columns in which it says anything."""

    @classmethod
    def of(cls, manifest: pa.Table) -> Clips:
        measured = {name: manifest.column(name).to_numpy().astype(np.float64) for name in _MEASURED}
        told = (name for name in manifest.column_names if name.startswith(_META) and _says_something(manifest, name))
        return cls(manifest, measured, list(islice(told, _MOST_META)))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def levels_db(self) -> Reals:
        """Of full scale; minus infinity for digital silence."""
        with np.errstate(divide="ignore"):
            levels: Reals = 20.0 * np.log10(self.measured["rms"])
        return levels

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The manifest's rows of some clips."""
        rows: list[dict[str, Any]] = self.table.take(np.array(numbers, np.int64)).to_pylist()
        return rows


def _says_something(manifest: pa.Table, name: str) -> bool:
    return any(value not in (None, "") for value in manifest.column(name).unique().to_pylist())


def shown_key(key: str) -> str:
    return cut(key, most=MOST_KEY_LETTERS)


def shown_name(column: str) -> str:
    """What a ``meta.`` column is called in the source."""
    return cut(column.removeprefix(_META), most=_MOST_META_LETTERS)


def shown_meta(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The values of these columns as text; nothing for one that the clip does not have."""
    return ["" if row[name] is None else cut(str(row[name]), most=_MOST_META_LETTERS) for name in names]
