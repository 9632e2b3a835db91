"""The rules for one cell of a manifest: what a path, a key, a time and a channel may be."""

from __future__ import annotations

import math
import re

from audiofeat.source.keys import file_name, source_text
from audiofeat.source.problems import quoted

MAX_CHANNEL = 1_023  # as audio.channels
MAX_KEY_BYTES = 4_096  # as long as a path may be (Linux's PATH_MAX)
MAX_SECONDS = 1e9  # thirty years: more is a count of samples or nanoseconds

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_NOT_FINITE = re.compile(r"\s*[+-]?(nan|inf|infinity)\s*", re.ASCII | re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://", re.ASCII)


class RefusedCell(ValueError):
    """A cell breaks a rule; its text says what was found and which rule."""


def is_url(name: str) -> bool:
    """Whether ``name`` begins like ``https://``."""
    return "://" in name and _URL.match(name) is not None


def file_path(value: object) -> str:
    """The path in a cell, as the file system spells it, without what changes nothing: ``./``, ``//``, a last ``/``.

    ``..`` stays: what lies before it may be a link.

    Raises:
        RefusedCell: it is empty, no text, a URL, or holds what no path can.
    """
    if value is None or value == "":
        raise RefusedCell("empty; every row needs the path of its file")
    if not isinstance(value, str):
        raise RefusedCell(f"{quoted(value)}: a path must be text")
    if "\0" in value:
        raise RefusedCell(f"{quoted(value)}: a path cannot hold a NUL character")
    if is_url(value):
        raise RefusedCell(f"{quoted(value)}: a URL; fetch it first")
    path = _in_file_system(value)
    if "//" in path or "./" in path or path[-1] in "/.":
        parts = [part for part in path.split("/") if part not in ("", ".")]
        path = "/" * path.startswith("/") + "/".join(parts)
        if not path:
            raise RefusedCell(f"{quoted(value)}: this names the manifest's own folder")
    return path


def clip_key(value: object) -> str | None:
    """The key in a cell; None where it is empty.

    Raises:
        RefusedCell: it is neither text nor a whole number, blank, or no name that lies below a folder.
    """
    if value is None or value == "":
        return None
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise RefusedCell(f"{quoted(value)}: a key must be text")
    if value.isspace():
        raise RefusedCell(f"{quoted(value)}: a key must not be blank; an empty cell names the clip after its file")
    if "\0" in value:
        raise RefusedCell(f"{quoted(value)}: a key cannot hold a NUL character")
    key = source_text(_in_file_system(value))
    if key[0] == "/":
        raise RefusedCell(f"{quoted(value)}: a key must not begin with a slash")
    if ("/" in key or key[0] == ".") and any(part in ("", ".", "..") for part in key.split("/")):
        raise RefusedCell(f"{quoted(value)}: a key must not have empty parts, '.' or '..' between its slashes")
    return key


def check_key_length(key: str) -> None:
    """Refuse a key that nothing could be named by.

    Raises:
        RefusedCell: it is longer than a path may be.
    """
    if len(key) * 4 > MAX_KEY_BYTES and len(key.encode()) > MAX_KEY_BYTES:
        raise RefusedCell(f"{quoted(key)}: makes a key of more than {MAX_KEY_BYTES:,} bytes")


def seconds(value: object) -> float | None:
    """The time in a cell, in seconds; None where it is empty.

    Raises:
        RefusedCell: it is no finite number from 0 to 1e9.
    """
    if value is None or value == "":
        return None
    number = _number(value, wanted="seconds are wanted, such as 12.5")
    if not math.isfinite(number):
        raise RefusedCell(f"{quoted(value)}: must be finite")
    if number < 0:
        raise RefusedCell(f"{quoted(value)}: must be at least 0")
    if number > MAX_SECONDS:
        raise RefusedCell(f"{quoted(value)}: must be at most {MAX_SECONDS:,.0f} seconds")
    return number + 0.0  # -0.0 is written otherwise than 0.0


def channel_number(value: object) -> int | None:
    """The channel in a cell; None where it is empty. ``1.0`` is 1: tables with gaps turn whole numbers into that.

    Raises:
        RefusedCell: it is no whole number from 0 to 1023.
    """
    if value is None or value == "":
        return None
    wanted = "channels count from 0"
    number = _number(value, wanted=wanted)
    if not math.isfinite(number) or number != math.floor(number):
        raise RefusedCell(f"{quoted(value)}: not a whole number; {wanted}")
    if not 0 <= number <= MAX_CHANNEL:
        raise RefusedCell(f"{quoted(value)}: must be {'at least 0' if number < 0 else f'at most {MAX_CHANNEL:,}'}")
    return int(number)


def _number(value: object, *, wanted: str) -> float:
    if isinstance(value, str):
        if _NUMBER.fullmatch(value) or _NOT_FINITE.fullmatch(value):
            return float(value)
        if value.count(",") == 1 and _NUMBER.fullmatch(value.replace(",", ".")):
            raise RefusedCell(f"{quoted(value)}: a decimal comma; write {value.strip().replace(',', '.')}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    raise RefusedCell(f"{quoted(value)}: not a number; {wanted}")


def _in_file_system(text: str) -> str:
    try:
        return file_name(text)
    except UnicodeEncodeError:
        raise RefusedCell(f"{quoted(text)}: holds half a surrogate pair, which is no character") from None
