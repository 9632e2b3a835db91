"""The columns of a manifest: which one is the path, the key, the span, the channel; all others are meta values."""

from __future__ import annotations

from collections.abc import Sequence

from audiofeat.config import Manifest, did_you_mean
from audiofeat.source.audio_names import is_audio
from audiofeat.source.problems import NO_COLUMN, Problems, quoted, quoted_name

_SHOWN_COLUMNS = 12
_WORDS_OF_PATHS = ("path", "file", "wav", "audio")


def meta_columns(names: Sequence[str], manifest: Manifest) -> tuple[str, ...]:
    """The columns that are kept as meta values, in their order."""
    own = set(roles(manifest).values())
    return tuple(name for name in names if name not in own)


def roles(manifest: Manifest) -> dict[str, str]:
    """The column of each role: path, key, start, end, channel."""
    return {role: getattr(manifest, role) for role in Manifest.model_fields}


def check_names(names: Sequence[str], *, place: str, problems: Problems) -> None:
    """Note column names that are empty, there twice, or written with spaces around them."""
    for number, name in enumerate(names, start=1):
        if not name.strip():
            problems.add(place, NO_COLUMN, f"column {number} has no name")
        elif name != name.strip():
            problems.add(place, name, "a column's name must not begin or end with spaces")
        elif name in names[: number - 1]:
            problems.add(place, name, f"two columns have this name, {names.index(name) + 1} and {number}")


def check_roles(names: Sequence[str], manifest: Manifest, *, place: str, problems: Problems) -> None:
    """Note a configured column that is not there: nobody names one without reason.

    The path's column is :func:`no_path_column`'s business.
    """
    for role, name in roles(manifest).items():
        if role != "path" and name != Manifest.model_fields[role].default and name not in names:
            problems.add(
                place, name, f"no such column, but manifest.{role} names it{did_you_mean(name, names)}{listed(names)}"
            )


def check_no_roles(manifest: Manifest, *, place: str, why: str, problems: Problems) -> None:
    """Note each configured column of a source that has none: whoever named one expects it to be read.

    Args:
        manifest: what the columns are called.
        place: where they would stand.
        why: what to say of the source, such as ``a tar file has no columns``.
        problems: where to note them.
    """
    for role, name in roles(manifest).items():
        if name != Manifest.model_fields[role].default:
            problems.add(place, name, f"no such column, but manifest.{role} names it: {why}")


def no_path_column(names: Sequence[str], manifest: Manifest) -> str:
    """What to say where the column of the paths is missing."""
    meant = did_you_mean(manifest.path, names) or _like_a_path(names)
    if any(is_audio(name) for name in names):
        meant = "; the first line must name the columns"
    return f"no such column{meant}{listed(names)}; --set manifest.path=NAME names another"


def lookalikes(names: Sequence[str], manifest: Manifest) -> list[str]:
    """Warnings for columns that are kept as meta values, but differ from a role's name in case alone."""
    by_lower = {name.lower(): name for name in names}
    warnings = []
    for role, wanted in roles(manifest).items():
        found = by_lower.get(wanted.lower())
        if wanted not in names and found is not None:
            warnings.append(
                f"the column {quoted(found)} is kept as a meta value and not read as the {role}; "
                f"--set manifest.{role}={quoted_name(found)} reads it"
            )
    return warnings


def listed(names: Sequence[str]) -> str:
    """``  (columns: a, b, c)``, cut where there are many."""
    shown = ", ".join(map(quoted_name, names[:_SHOWN_COLUMNS]))
    more = f", and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return f"  (columns: {shown}{more})"


def _like_a_path(names: Sequence[str]) -> str:
    for name in names:
        if any(word in name.lower() for word in _WORDS_OF_PATHS):
            return f"; did you mean {quoted(name)}?"
    return ""
