"""Names of features that a person asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from audiofeat.config import did_you_mean
from audiofeat.errors import ConfigError


def check_feature_names(names: Sequence[str], *, known: Collection[str]) -> None:
    """See that all ``names`` are ``known``.

    Raises:
        ConfigError: one is not, or is named twice; or there are no names.
    """
    hint = f"some of {', '.join(known)}"
    if not names:
        raise ConfigError("no feature is named", hint=hint)
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no feature {name!r}{did_you_mean(name, known)}", hint=hint)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} is named twice", hint="once is enough")
