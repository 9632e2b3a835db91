"""``store.json``: the one file of a store that names all others by their digests, and itself by its own.

The file is the JSON text of its values, written in one way only, so that whoever reads it writes it once more and
compares: a bit that has changed anywhere in it, be it in a space, gives another text. ``self_digest`` is what a
changed bit in a value is known by: the BLAKE3 of the same text without that key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from audiofeat.errors import REPAIR_HINT, DamageError

_SELF_DIGEST = "self_digest"
_WITHOUT_SELF_DIGEST = (1, 2)
"""The format versions whose ``store.json`` had none."""


def encode_description(values: Mapping[str, Any]) -> bytes:
    """The bytes of ``store.json``: the values by name, and their digest in place of the one that they may have."""
    named = {name: value for name, value in values.items() if name != _SELF_DIGEST}
    digest = str(blake3(_text(named)).hexdigest())
    return _text({**named, _SELF_DIGEST: digest})


def read_description(path: Path) -> dict[str, Any]:
    """The values of the ``store.json`` at ``path``, of this format version, an earlier one or a later one.

    Raises:
        DamageError: the bytes are not those that were written.
        OSError: there is no such file, or it cannot be read.
    """
    content = path.read_bytes()
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamageError(f"{path} is not a store's description: {error}", hint=REPAIR_HINT) from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise DamageError(f"{path} is not a store's description: it names no format version", hint=REPAIR_HINT)
    is_digested = _SELF_DIGEST in values or version not in _WITHOUT_SELF_DIGEST
    if is_digested and content != _encoded_again(values):
        raise DamageError(f"{path} is damaged: its bytes do not fit its own digest", hint=REPAIR_HINT)
    return dict(values)


def find_description(path: Path) -> dict[str, Any] | None:
    """As :func:`read_description`; None where there is no such file, or where it is damaged."""
    try:
        return read_description(path)
    except (OSError, DamageError):
        return None


def _encoded_again(values: Mapping[str, Any]) -> bytes | None:
    try:
        return encode_description(values)
    except (ValueError, RecursionError):  # NaN, or a number beyond all floats: never written
        return None


def _text(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n").encode("ascii")
