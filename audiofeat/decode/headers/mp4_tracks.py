"""What would make decoding an MP4 track pointless: samples that lie in another file, or that are encrypted.

ffmpeg opens no other file unless told to, and then says that the track is empty; and it takes encrypted samples for
plain ones, of which it makes noise.

Source: ISO/IEC 14496-12, 8.7.2 (``dref``), 8.12 (protected tracks); QuickTime File Format, "Data Reference Atoms".
"""

from __future__ import annotations

from struct import unpack_from

from audiofeat.errors import ClipError

_IN_THIS_FILE = 1
_ENTRY_BYTES = 12  # its size, its type, version and flags
_QUOTED_BYTES = 60
_PROTECTED = (b"drms", b"enca", b"aavd")


def check_track(*, references: bytes, codec: bytes) -> None:
    """Refuse an audio track by the body of its ``dref`` box and the name of its codec.

    Raises:
        ClipError: ``input.external-reference`` or ``input.unsupported-codec``.
        struct.error: the box ends before its fields do.
    """
    if codec in _PROTECTED:
        raise ClipError(
            "input.unsupported-codec",
            f"the audio is encrypted (codec {codec.decode()!r})",
            hint="get a copy without protection",
        )
    if len(references) < 8 + _ENTRY_BYTES:
        return
    size, _, flags = unpack_from(">I4sI", references, 8)
    place = references[8 + _ENTRY_BYTES : 8 + size].rstrip(b"\0")
    # One that names no place is of no consequence: some writers forget the flag.
    if place and not flags & _IN_THIS_FILE:
        raise ClipError(
            "input.external-reference",
            f"the samples lie in another file, which is not opened: {_name(place)}",
            hint="list that file instead, or save a self-contained movie",
        )


def _name(place: bytes) -> str:
    """The end of what names the file, where its name is; an alias has figures around it."""
    words = bytes(byte for byte in place if 32 <= byte < 127)
    return repr(words[-_QUOTED_BYTES:])[1:]
