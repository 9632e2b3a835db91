"""An MP3 or ADTS stream, frame by frame: each stands where the one before it ends, and all are of one kind.

Decoders skip what is no frame, and go on at the next one as if nothing were missing; where the sample rate or the
channels change, ffmpeg converts what follows and says nothing, and libsndfile stops. So the frames are counted here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from audiofeat.decode.headers.window import Window
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

_HEADER_BYTES = 6
_ID3_BYTES = 10
_SEARCH_BYTES = 1 << 16
_MOST_FRAMES = 10_000_000  # more than a day of them, in files made to keep us walking
_SURE_FRAMES = 3  # so many in a row are no accident


class Frame(NamedTuple):
    """What a frame's header says."""

    kind: str
    """The rate and the channels, in words."""
    size_bytes: int


Parse = Callable[[bytes], Frame | None]


def check_frames(file: SourceFile, start: int, parse: Parse) -> int:
    """Walk the frames from ``start``, and count those that are whole; ``parse`` takes the first six bytes of one.

    What follows the last frame, be it a tag or rubbish, is of no consequence.

    Raises:
        ClipError: ``input.corrupt``: something is in the way, and frames follow it; ``input.format-changes``.
    """
    window = Window(file)
    kind: str | None = None
    offset, number, is_whole = start, 0, True
    while offset < file.size_bytes and number < _MOST_FRAMES:
        frame = parse(window.at(offset, _HEADER_BYTES))
        if frame is None:
            tag_end = _id3_end(window.at(offset, _ID3_BYTES), offset)
            if tag_end is None:
                _check_rest(window.at(offset, _SEARCH_BYTES), offset, number, parse)
                break
            offset = tag_end
            continue
        if kind is None and number == 1:  # a Xing header, if there is one, may be of a kind of its own
            kind = frame.kind
        elif kind is not None and frame.kind != kind:
            raise ClipError(
                "input.format-changes",
                f"frame {number} at byte {offset} is of {frame.kind}, those before it of {kind}",
                hint="split the file there",
            )
        offset += frame.size_bytes
        number += 1
        is_whole = offset <= file.size_bytes
    return number if is_whole else number - 1


def _id3_end(head: bytes, offset: int) -> int | None:
    """Where a tag between two streams ends; None: there is none."""
    if not head.startswith(b"ID3") or len(head) < _ID3_BYTES:
        return None
    return offset + _ID3_BYTES + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])


def _check_rest(rest: bytes, offset: int, number: int, parse: Parse) -> None:
    """Refuse the file if frames go on a little behind ``offset``, where none begins."""
    place = rest.find(b"\xff")
    while place >= 0:
        if _is_sequence(rest, place, parse):
            raise ClipError(
                "input.corrupt",
                f"{place} bytes at byte {offset}, behind frame {number}, belong to no frame",
                hint="fetch or make the file again",
            )
        place = rest.find(b"\xff", place + 1)


def _is_sequence(rest: bytes, place: int, parse: Parse) -> bool:
    kinds = set()
    for _ in range(_SURE_FRAMES):
        frame = parse(rest[place : place + _HEADER_BYTES])
        if frame is None:
            return False
        kinds.add(frame.kind)
        place += frame.size_bytes
    return len(kinds) == 1
