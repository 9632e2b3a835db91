"""``--expect-digest``: one line for CI jobs that regenerate a data set and want the very same values."""

from __future__ import annotations

import re

from audiofeat.errors import ConfigError, DamageError


def parse_digest(text: str) -> str:
    """A content digest as 64 lower-case hexadecimal digits. Raises ConfigError, before any work."""
    digest = text.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ConfigError(
            f"--expect-digest {text!r} is not a content digest, which has 64 hexadecimal digits",
            hint="`audiofeat info STORE` prints a store's digest",
        )
    return digest


def check_digest(found: str, *, expected: str) -> None:
    """Compare a store's content digest with the expected one. Raises DamageError with both."""
    if found != expected:
        raise DamageError(
            f"the store's content digest is not the expected one\n  expected {expected}\n  found    {found}",
            hint="`audiofeat info` shows versions and configuration: one of them, or the source, is another",
        )
