"""How a person may name a column of the manifest: in full, or without its unit where that leaves no doubt."""

from __future__ import annotations

from collections.abc import Sequence

from audiofeat.config.wording import did_you_mean
from audiofeat.errors import ConfigError

_UNITS = ("seconds",)


def column_named(name: str, columns: Sequence[str]) -> str:
    """The column that ``name`` means: ``duration`` is short for ``duration_seconds``.

    Raises:
        ConfigError: there is none of that name, or several.
    """
    if name in columns:
        return name
    meant = [column for column in columns if _without_unit(column) == name]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise ConfigError(f"{name!r} may be {' or '.join(meant)}", hint="name it with its unit")
    known = [*columns, *(short for column in columns if (short := _without_unit(column)) is not None)]
    raise ConfigError(
        f"{name!r} is no column of the manifest{did_you_mean(name, known)}", hint=f"one of {', '.join(columns)}"
    )


def columns_named(names: str, columns: Sequence[str]) -> list[str]:
    """The columns that a list with commas means, in its order.

    Raises:
        ConfigError: as :func:`column_named`, or one is named twice.
    """
    found = [column_named(name.strip(), columns) for name in names.split(",")]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ConfigError(f"{twice[0]} is named twice", hint="once is enough")
    return found


def _without_unit(column: str) -> str | None:
    stem, _, unit = column.rpartition("_")
    return stem if unit in _UNITS else None
