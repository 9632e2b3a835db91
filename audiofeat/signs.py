"""Text for people to read: names out of a source or off a command line may hold what a screen would obey.

Control characters move a terminal's cursor, others turn the direction of writing round, and bytes outside UTF-8 cannot
be written at all.
"""

from __future__ import annotations

import re

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with an escape such as ``\\x1b`` or ``\\u202e`` for each character that is an order, not a sign."""
    return _OBEYED.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
