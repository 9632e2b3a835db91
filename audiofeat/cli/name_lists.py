"""Options that take several names, with commas between them."""

from __future__ import annotations


def names_in(text: str | None) -> list[str] | None:
    """The names, without blanks around them; a comma too many is none. None where the option was not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
