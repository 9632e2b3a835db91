"""Keys: the names that clips have in a store, made from the names that their files have.

A POSIX file name is any bytes but ``/`` and NUL; a key is printable, valid UTF-8. What stands between them is
percent-encoding (RFC 3986, section 2.1) of the few bytes that need it: those that are not UTF-8, control characters,
and ``%`` itself so that no two names meet. ``urllib.parse.unquote_to_bytes`` undoes it.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from audiofeat.errors import SourceError
from audiofeat.records import Clip

_SHOWN_COLLISIONS = 20
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


def check_unique(clips: Sequence[Clip], *, store_format: str) -> None:
    """Refuse a source in which two clips want one key, or one file of an NPY store.

    Args:
        clips: in any order.
        store_format: ``hdf5`` or ``npy``. NPY names files after keys, so there keys must also differ by more than case
            or Unicode form: the store may be copied to a file system that ignores both.

    Raises:
        SourceError: names the files (at most 20 collisions) and the option that resolves it.
    """
    _refuse(
        _shared(clips, identity=attrgetter("key")),
        problem="clips that want the same key",
        hint="--set select.keys=name keeps the file suffix in the key; or rename one file of each pair",
    )
    if store_format != "npy":
        return
    _refuse(
        _shared(clips, identity=lambda clip: _caseless(clip.key)),
        problem="clips whose keys differ only by case or Unicode form, which NPY files cannot tell apart everywhere",
        hint="--format hdf5 holds any keys; or rename one file of each pair",
    )
    _refuse(
        _files_that_are_folders(clips),
        problem="clips whose NPY file would have the name of a folder that other clips need",
        hint="--format hdf5 holds any keys; or rename the folder",
    )


def _percent_encode(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _shared(clips: Sequence[Clip], *, identity: Callable[[Clip], str]) -> Iterator[tuple[Clip, ...]]:
    # Sorting a scan's clips by key costs nothing (they are sorted), where a table of a million keys costs 100 MB.
    for _, group in groupby(sorted(clips, key=identity), key=identity):
        together = tuple(group)
        if len(together) > 1:
            yield together


def _caseless(key: str) -> str:
    """Equal for keys that match without case (The Unicode Standard, section 3.13, D145: canonical caseless match)."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())


def _files_that_are_folders(clips: Sequence[Clip]) -> Iterator[tuple[Clip, ...]]:
    """Clips such as ``a.wav`` beside ``a.npy/b.wav``: the first one's ``a.npy`` is the second one's folder."""
    in_npy_folder = [(_caseless(clip.key), clip) for clip in clips if ".npy/" in _caseless(clip.key)]
    if not in_npy_folder:
        return
    by_key = {_caseless(clip.key): clip for clip in clips}
    for key, clip in in_npy_folder:
        for end in re.finditer(r"\.npy(?=/)", key):
            file = by_key.get(key[: end.start()])
            if file is not None:
                yield file, clip


def _refuse(collisions: Iterator[tuple[Clip, ...]], *, problem: str, hint: str) -> None:
    shown: list[str] = []
    found = 0
    for clips in collisions:
        found += 1
        if found <= _SHOWN_COLLISIONS:
            names = sorted(source_text(clip.path) for clip in clips)
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            shown.append(f"\n  {clips[0].key}: {', '.join(names[:5])}{more}")
    if found:
        rest = f"\n  ... and {found - len(shown)} more" if found > len(shown) else ""
        raise SourceError(f"{problem} ({found} found):{''.join(shown)}{rest}", hint=hint)
