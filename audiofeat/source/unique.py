"""Which sets of keys are refused: every clip needs a key, and in an NPY store a file, of its own."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from audiofeat.errors import SourceError
from audiofeat.records import Clip
from audiofeat.source.keys import excerpt_suffix, source_name, source_text

_SHOWN_COLLISIONS = 20
# What audiofeat.store.npy writes for characters that not every file system takes in a name.
_NPY_CODE = re.compile("%([01][0-9A-F]|2[02AE]|3[ACEF]|[57]C|7E)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Into what clips are cut, and so what stands behind the keys of those that they become."""

    by_time: bool = False
    """``@START-END`` in milliseconds."""
    by_channel: bool = False
    """``#CHANNEL``."""

    def parent_of(self, key: str) -> str | None:
        """The key of the clip that ``key`` may have been cut out of; None where it does not look so."""
        end = re.compile((r"@\d+-\d+" if self.by_time else "") + (r"#\d+" if self.by_channel else "") + "$", re.ASCII)
        found = end.search(key)
        return key[: found.start()] if found and found[0] else None


NO_CUTS = Cuts()


def check_unique(clips: Sequence[Clip], *, store_format: str, cuts: Cuts = NO_CUTS) -> None:
    """Refuse a source in which two clips want one key, or one file of an NPY store.

    Args:
        clips: in any order.
        store_format: ``hdf5`` or ``npy``. NPY names files after keys, so there keys must also differ by more than case
            or Unicode form: the store may be copied to a file system that ignores both.
        cuts: into what clips are cut. The key of a cut must be no other clip's: one might be in the store and the
            other, for a fault, in the quarantine.

    Raises:
        SourceError: names the files (at most 20 collisions) and the option that resolves it.
    """
    _refuse(
        _shared(clips, identity=attrgetter("key")),
        problem="clips that want the same key",
        hint=_hint_for_one_key,
    )
    _refuse(
        _named_like_cuts(clips, cuts),
        problem="clips whose key another clip may be cut into",
        hint=lambda _: (
            "rename one file of each pair, or give it another key; "
            "or cut nothing: audio.channels is mix or first, audio.chunk_seconds is null"
        ),
    )
    if store_format != "npy":
        return
    _refuse(
        _shared(clips, identity=lambda clip: _caseless(_without_codes(clip.key))),
        problem="clips whose keys differ only by case, Unicode form or percent codes, as NPY files may not everywhere",
        hint=lambda _: "--format hdf5 holds any keys; or rename one file of each pair, or give it another key",
    )
    _refuse(
        _files_that_are_folders(clips, cuts),
        problem="clips whose NPY file would have the name of a folder that other clips need",
        hint=lambda _: "--format hdf5 holds any keys; or rename the folder",
    )


def _shared(clips: Sequence[Clip], *, identity: Callable[[Clip], str]) -> Iterator[tuple[Clip, ...]]:
    # Sorting a scan's clips by key costs nothing (they are sorted), where a table of a million keys costs 100 MB.
    for _, group in groupby(sorted(clips, key=identity), key=identity):
        together = tuple(group)
        if len(together) > 1:
            yield together


def _without_codes(key: str) -> str:
    """Equal for keys that have one NPY file, as ``a:`` and ``a%3A``, of which only a manifest can name both."""
    return _NPY_CODE.sub(lambda code: chr(int(code[1], 16)), key) if "%" in key else key


def _caseless(key: str) -> str:
    """Equal for keys that match without case (The Unicode Standard, section 3.13, D145: canonical caseless match)."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())


def _named_like_cuts(clips: Sequence[Clip], cuts: Cuts) -> Iterator[tuple[Clip, ...]]:
    """Clips such as ``a#0.wav`` beside ``a.wav``, where channels are cut apart."""
    named_like_cuts = [(parent, clip) for clip in clips if (parent := cuts.parent_of(clip.key)) is not None]
    if not named_like_cuts:
        return
    by_key = sorted(clips, key=attrgetter("key"))
    keys = [clip.key for clip in by_key]  # searched by halves: of a million spans a table would cost 80 MB
    for parent, clip in named_like_cuts:
        place = bisect_left(keys, parent)
        if place < len(keys) and keys[place] == parent:
            yield clip, by_key[place]


def _files_that_are_folders(clips: Sequence[Clip], cuts: Cuts) -> Iterator[tuple[Clip, ...]]:
    """Clips such as ``a.wav`` beside ``a.npy/b.wav``: the first one's ``a.npy`` is the second one's folder.

    And ``a.wav`` beside ``a#0.npy/b.wav``, where channels are cut apart.
    """
    in_npy_folder = [(_caseless(clip.key), clip) for clip in clips if ".npy/" in _caseless(clip.key)]
    if not in_npy_folder:
        return
    by_key = {_caseless(clip.key): clip for clip in clips}
    for key, clip in in_npy_folder:
        for end in re.finditer(r"\.npy(?=/)", key):
            name = key[: end.start()]
            for file_key in (name, cuts.parent_of(name)):
                file = by_key.get(file_key) if file_key is not None else None
                if file is not None:
                    yield file, clip


def _refuse(collisions: Iterator[tuple[Clip, ...]], *, problem: str, hint: Callable[[tuple[Clip, ...]], str]) -> None:
    shown: list[str] = []
    found = 0
    advice = ""
    for clips in collisions:
        found += 1
        advice = advice or hint(clips)
        if found <= _SHOWN_COLLISIONS:
            names = sorted(map(_origin, clips))
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            shown.append(f"\n  {clips[0].key}: {', '.join(names[:5])}{more}")
    if found:
        rest = f"\n  ... and {found - len(shown)} more" if found > len(shown) else ""
        raise SourceError(f"{problem} ({found} found):{''.join(shown)}{rest}", hint=advice)


def _origin(clip: Clip) -> str:
    """What tells one clip from another that wants its key."""
    name = source_name(clip.path, clip.member)
    return name if clip.excerpt is None else f"{name} ({clip.excerpt})"


def _hint_for_one_key(clips: tuple[Clip, ...]) -> str:
    names = {_name(clip) for clip in clips}
    if len(names) == len(clips) and all(_is_named_after_its_stem(clip) for clip in clips):
        return "--set select.keys=name keeps the file suffix in the key; or rename one file of each pair"
    return "rename one of them"


def _is_named_after_its_stem(clip: Clip) -> bool:
    stem, _, suffix = _name(clip).rpartition(".")
    return bool(stem) and "/" not in suffix and clip.key.endswith(stem + excerpt_suffix(clip.excerpt))


def _name(clip: Clip) -> str:
    return clip.member.name if clip.member else source_text(clip.path)
