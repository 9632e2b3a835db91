"""Keys: the names that clips have in a store, made from the names that their files have.

A POSIX file name is any bytes but ``/`` and NUL; a key is printable, valid UTF-8. What stands between them is
percent-encoding (RFC 3986, section 2.1) of the few bytes that need it: those that are not UTF-8, control characters,
and ``%`` itself so that no two names meet. ``urllib.parse.unquote_to_bytes`` undoes it.
"""

from __future__ import annotations

import os
import posixpath
import re

from audiofeat.records import Excerpt, Member

# Unicode's Cc (C0, DEL, C1), the percent sign, and the surrogates that stand for bytes outside UTF-8 (PEP 383).
_TO_ENCODE = re.compile("[\x00-\x1f%\x7f-\x9f\udc80-\udcff]")


def source_text(path: str) -> str:
    """A path as valid UTF-8 that can be printed, stored and undone: what the manifest and messages show."""
    if not path.isascii():
        # Always read as UTF-8, whatever the locale: the same bytes on disk have the same key on every machine.
        path = os.fsencode(path).decode("utf-8", "surrogateescape")
    return _TO_ENCODE.sub(_percent_encode, path) if _TO_ENCODE.search(path) else path


def key_of(relative_path: str, *, keep_suffix: bool) -> str:
    """The key of the file at ``relative_path`` (relative to the source, POSIX separators).

    Without ``keep_suffix`` the last component loses its last suffix: ``speaker.1/take.2.wav`` is ``speaker.1/take.2``.
    A name that is nothing but a suffix (``.wav``) or ends in a dot (``take.``) has none to lose.
    """
    if not keep_suffix:
        stem, suffix = posixpath.splitext(relative_path)
        if suffix != ".":
            relative_path = stem
    return source_text(relative_path)


def source_name(path: str, member: Member | None) -> str:
    """What a clip is made of, as text: its file, or its place in a container as ``shard.tar/a.wav``."""
    return source_text(path) if member is None else f"{source_text(path)}/{member.name}"


def file_name(text: str) -> str:
    """Text out of a UTF-8 file as the file system spells it, which is another spelling where its locale is not UTF-8.

    Raises:
        UnicodeEncodeError: it holds half a surrogate pair, which stands for no bytes.
    """
    return text if text.isascii() else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def excerpt_suffix(excerpt: Excerpt | None) -> str:
    """What an excerpt adds to the key of its file: ``@START-END`` in whole milliseconds, ``#CHANNEL``."""
    if excerpt is None:
        return ""
    suffix = ""
    if excerpt.start_seconds is not None or excerpt.end_seconds is not None:
        end = "end" if excerpt.end_seconds is None else round(excerpt.end_seconds * 1_000)
        suffix = f"@{round((excerpt.start_seconds or 0.0) * 1_000)}-{end}"
    return suffix if excerpt.channel is None else f"{suffix}#{excerpt.channel}"


def _percent_encode(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))
