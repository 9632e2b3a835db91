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
    raise ConfigError(
        f"{name!r} is no column of the manifest{_meant_perhaps(name, columns)}", hint=f"one of {', '.join(columns)}"
    )


def columns_named(names: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns that ``names`` mean, in their order.

    Raises:
        ConfigError: as :func:`column_named`; or there are no names, or two of one column.
    """
    if not names:
        raise ConfigError("no column is named", hint=f"some of {', '.join(columns)}")
    found = [column_named(name, columns) for name in names]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ConfigError(f"{twice[0]} is named twice", hint="once is enough")
    return found


def _meant_perhaps(name: str, columns: Sequence[str]) -> str:
    """What :func:`did_you_mean` says, which also takes a beginning, or a label without ``meta.``, for a column."""
    known = [*(short for column in columns if (short := _without_unit(column)) is not None), *columns]
    longer = [column for column in known if column.startswith(name) or column == f"meta.{name}"]
    return did_you_mean(name, known) or did_you_mean(name, longer[:1], likeness=0.0)


def _without_unit(column: str) -> str | None:
    stem, _, unit = column.rpartition("_")
    return stem if unit in _UNITS else None
